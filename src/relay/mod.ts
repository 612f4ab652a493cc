/**
 * relay: the other end of the tunnel, a control plane of one's own. In: connectors' MCP requests, agents' polls and
 * responses, and an administrator's changes of tunnels. Out: commands in poll replies, answers to connectors, counts
 * of what became of each.
 */
export { KeyError, type KeySources } from "./key_reference.ts";
export type { ListenAddress, ListenTarget } from "./listener.ts";
export {
  type ManagementOptions,
  type RelayOptions,
  RelayOptionsError,
  type TunnelOptions,
} from "./options.ts";
export { createRelay, type Relay } from "./relay.ts";
export type { RelayCounts } from "./relay_counts.ts";
export { type RelaySetup, RelaySetupError, type ResolvedSetup, resolveSetup } from "./relay_setup.ts";
export { TunnelsFileError } from "./tunnels_file.ts";
export { type AtomicWrite, TunnelsFileStore } from "./tunnels_file_store.ts";
export { SocketPathError } from "./unix_socket_path.ts";
