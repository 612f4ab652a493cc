/**
 * relay: the other end of the tunnel, a control plane of one's own. In: connectors' MCP requests, agents' polls and
 * responses. Out: commands in poll replies, answers to connectors, counts of what became of each.
 */
export { type ListenAddress, type ListenTarget } from "./listener.ts";
export { type RelayOptions, RelayOptionsError, type TunnelOptions } from "./options.ts";
export { createRelay, type Relay } from "./relay.ts";
export type { RelayCounts } from "./relay_counts.ts";
export { randomText } from "./replies.ts";
export { SocketPathError } from "./unix_socket_path.ts";
