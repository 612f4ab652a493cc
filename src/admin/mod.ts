/**
 * admin: how are tunnels managed? In: what an administrator wants done, and the key to do it with. Out: tunnels as the
 * control plane's management API tells them, or an {@link AdminError} that says why not and what to do next.
 */
export {
  AdminError,
  type AdminErrorDetails,
  type AdminFailureDocument,
  failureDocument,
} from "./admin_error.ts";
export { type AdminKeySources, selectAdminKey, selectReadKey } from "./admin_key.ts";
export { type CaBundleSources, readCaBundle } from "./ca_bundle.ts";
export { managementBase, type NamedText } from "./management_base.ts";
export { parseScopeIds } from "./scope_ids.ts";
export {
  type ListFilter,
  type ListRange,
  type NewTunnel,
  TunnelsClient,
  type TunnelsClientOptions,
  type TunnelUpdate,
} from "./tunnels_client.ts";
export type { ManagedTunnel, ManagedTunnelList } from "./managed_tunnel.ts";
