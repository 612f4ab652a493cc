/**
 * sandbox: what may the agent touch? In: a finished configuration. Out: the rights it implies, and a running service
 * whose agent has those and no others.
 */
export { derivePermissions } from "./permissions.ts";
export type { PermissionSet } from "./permissions.ts";
export { startService } from "./start_service.ts";
export type { Service, ServiceEnd, ServiceOptions } from "./service.ts";
