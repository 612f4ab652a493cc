/**
 * The shapes and words of the published wire between control plane and agent. Our relay imports this file and
 * nothing else of the agent.
 */
import type { HeaderMap, JsonText } from "../channels/mod.ts";
import type { ResponseTiming } from "./response_timing.ts";

export type { HeaderMap, JsonText, ResponseTiming };
export { arrayElements, findMember, oneLine, replaceSpan, scanObject } from "../json/mod.ts";
export type { Span } from "../json/mod.ts";

/** Kinds of command (P-67). `oauth_discovery` is supported though absent from the published schema. */
export type CommandType = "jsonrpc" | "session_termination" | "oauth_discovery";

/** Kinds of response; all but `jsonrpc_notify` and the signs of a stream end their command (P-127). */
export type ResponseType =
  | "jsonrpc_response"
  | "jsonrpc_notify"
  | "notify_ack"
  | "session_termination_response"
  | "oauth_discovery_response"
  | StreamSign;

/** What our agent tells our relay of a target's event stream (feature `stream-cut`); ends no command. */
export type StreamSign = "stream_opened" | "stream_cut";

/** Commands that one poll may bring at most (P-38). */
export const MAX_POLL_LIMIT = 25;

/** Channel used when none is named. */
export const MAIN_CHANNEL = "main";

/** Built-in channel that configuration may not bind (CH-2). */
export const HARPOON_CHANNEL = "harpoon";

export const HEADER = {
  shardToken: "X-Tunnel-Shard-Token",
  clientName: "X-Tunnel-Client-Name",
  clientVersion: "X-Tunnel-Client-Version",
  wireVersion: "X-Tunnel-Client-Wire-Protocol-Version",
  instanceId: "X-Tunnel-Client-Instance-Id",
  serverInfo: "X-Tunnel-MCP-Server-Info",
  organization: "OpenAI-Organization",
  requestId: "X-Request-Id",
  clientRequestId: "X-Client-Request-Id",
  /**
   * Names of what our relay can do beyond the published wire, and in requests of our agent of what it makes use of; see
   * docs/relay-protocol.md.
   */
  relayFeatures: "X-Tunnel-Relay-Features",
  mcpSessionId: "Mcp-Session-Id",
} as const;

/** Relay feature: `DELETE …/poll` makes the relay end the open poll of the named instance with an empty reply. */
export const FEATURE_POLL_RELEASE = "poll-release";

/** Relay feature: requests of a target travel to the connector, and its answers back. */
export const FEATURE_SERVER_REQUESTS = "server-requests";

/** Relay feature: takes `stream_opened` and `stream_cut`, and lets the connector's stream follow the target's. */
export const FEATURE_STREAM_CUT = "stream-cut";

/** Relay feature: poll replies name commands that nobody waits for any more, in `cancelled`. */
export const FEATURE_CANCEL = "cancel";

/** Relay feature: the reply to an event says how long its command may take from now on. */
export const FEATURE_MORE_TIME = "more-time";

/** Relay feature: a poll with {@link ONLY_ASIDES} brings notifications and connectors' answers only. */
export const FEATURE_ASIDES = "asides";

/** Query parameter of such a poll. */
export const ONLY_ASIDES = { name: "only", value: "asides" } as const;

/** Features that change what the relay does for an agent, so that the agent has to say that it follows them. */
export const FEATURES_TO_CONFIRM: readonly string[] = [FEATURE_CANCEL, FEATURE_MORE_TIME];

/** The names in a {@link HEADER.relayFeatures} header. */
export function featureNames(value: string): string[] {
  return value.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

/** Relay feature: every MCP header of a connector is among a command's headers; one that is not was not sent. */
export const FEATURE_CONNECTOR_HEADERS = "connector-headers";

/** Revision of the published wire that this program implements. */
export const WIRE_VERSION = "2026-08-25";

const CHANNEL_PATTERN = /^[a-z0-9_-]{1,64}$/;

/** Trims, lower-cases and defaults a channel name (CH-1). @returns undefined when the result is no channel name */
export function canonicalChannel(name: string): string | undefined {
  const canonical = name.trim().toLowerCase() || MAIN_CHANNEL;
  return CHANNEL_PATTERN.test(canonical) ? canonical : undefined;
}

/** All values of a header, whatever spellings of its name the map holds, in order (P-65). */
export function headerValues(headers: HeaderMap, name: string): string[] {
  const wanted = name.toLowerCase();
  const values: string[] = [];
  for (const key in headers) {
    if (key.length === wanted.length && key.toLowerCase() === wanted) values.push(...(headers[key] ?? []));
  }
  return values;
}

/** The first non-empty value of a header, or undefined. */
export function headerValue(headers: HeaderMap, name: string): string | undefined {
  return headerValues(headers, name).find((value) => value !== "");
}

/** One response as it is posted; what is absent is left out of the body (P-127). */
export interface ResponsePayload {
  readonly requestId: string;
  readonly channel: string;
  readonly respJson: JsonText | undefined;
  readonly respHeaders: HeaderMap | undefined;
  readonly respCode: number;
  readonly respType: ResponseType;
  /** Only with the answer to a call. */
  readonly respTiming?: ResponseTiming;
}

/**
 * Builds the body of a response POST around the payload, which stays as it is (P-129).
 * @returns bytes when the payload is bytes, so that it is copied but never decoded
 */
export function buildResponseBody(response: ResponsePayload): string | Uint8Array {
  const head = `{"request_id":${JSON.stringify(response.requestId)},"channel":"${response.channel}"`;
  const headers = response.respHeaders ? `,"resp_headers":${JSON.stringify(response.respHeaders)}` : "";
  const timing = response.respTiming === undefined ? "" : timingMember(response.respTiming);
  const tail = `${headers},"resp_code":${response.respCode},"resp_type":"${response.respType}"${timing}}`;
  const payload = response.respJson;
  if (payload === undefined) return head + tail;
  if (typeof payload === "string") return `${head},"resp_json":${payload}${tail}`;
  return joinBytes(`${head},"resp_json":`, payload, tail);
}

function timingMember({ transport, targetElapsedUs }: ResponseTiming): string {
  return `,"resp_timing":{"version":1,"transport":"${transport}","target_elapsed_us":${targetElapsedUs}}`;
}

const encoder = new TextEncoder();

function joinBytes(before: string, middle: Uint8Array, after: string): Uint8Array {
  const head = encoder.encode(before);
  const tail = encoder.encode(after);
  const joined = new Uint8Array(head.length + middle.length + tail.length);
  joined.set(head);
  joined.set(middle, head.length);
  joined.set(tail, head.length + middle.length);
  return joined;
}
