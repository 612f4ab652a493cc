/**
 * agent: how does a command travel? In: a finished configuration, the channels, a client for the control plane.
 * Out: every command that was received ends in one terminal response, or in one counted reason why none was allowed.
 */
export { Agent } from "./agent.ts";
export type { AgentChanges, AgentDeps, AgentSummary } from "./agent.ts";
export type { DiscoveryResult } from "./command_run.ts";
export type { PollState } from "./poll_state.ts";
export { ControlPlane } from "./control_plane.ts";
export { ControlPlaneStatusError, ControlPlaneTimeoutError, MetadataError } from "./control_plane_error.ts";
export { Deadlines } from "./deadlines.ts";
export { serverInfoValue } from "./server_info.ts";
