/**
 * channels: where does a command go? In: one JSON-RPC message with its headers. Out: the target's answer, its
 * notifications in order, or a failure that says what broke.
 */
export type {
  BodyFailureKind,
  CallObserver,
  CallResult,
  Channel,
  ChannelCall,
  ChannelFailure,
  ChannelHealth,
  ChannelRequest,
  FailureKind,
  HeaderMap,
  JsonRpcId,
  JsonText,
  NotifyResult,
  ResponseHead,
  SessionResult,
  TransportKind,
} from "./channel.ts";
export { createHttpChannel } from "./http/http_channel.ts";
export type { HttpChannel, HttpChannelOptions } from "./http/http_channel.ts";
export type { HeaderScope, HttpTarget, HttpTargetOptions } from "./http/target.ts";
export { createMemoryChannel } from "./memory/memory_channel.ts";
export type { MemoryChannelOptions } from "./memory/memory_channel.ts";
export type { McpHandler } from "./memory/handler_client.ts";
export {
  discoverCall,
  initializeCall,
  initializedNotification,
  isLegacyVersion,
  readDiscovered,
  readInitialized,
} from "./http/probe_messages.ts";
export type { ServerIdentity, Session } from "./http/probe_messages.ts";
export { runStartupProbe } from "./probe.ts";
export type { ProbeResult, ProbeState, StartupProbe, StartupProbeOptions } from "./probe.ts";

// What HTTP conversations beside MCP messages need too: OAuth discovery.
export { systemClock } from "./http/clock.ts";
export type { Clock } from "./http/clock.ts";
export { layerPairs } from "./http/headers.ts";
export { requestFollowing } from "./http/redirects.ts";
export type { FollowableRequest, FollowedResponse, RedirectRefusal } from "./http/redirects.ts";
export { canonicalOrigin, splitUrl } from "./http/url_text.ts";
export type { UrlText } from "./http/url_text.ts";
export {
  createStdioChannel,
  ExecutableNotFoundError,
  resolveExecutable,
  StdioStartError,
} from "./stdio/mod.ts";
export type { HandshakeTexts, ProcessGroupEvent, StdioChannel, StdioChannelOptions } from "./stdio/mod.ts";
