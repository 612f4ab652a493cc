/**
 * sandbox: what may the agent touch? In: a finished configuration. Out: the rights it implies, and a running service
 * whose agent has those and no others.
 */
export { childBaseVariables, childEnvironment } from "./child_environment.ts";
export { childProgram, childWords } from "./child_words.ts";
export { activeBindings, derivePermissions } from "./permissions.ts";
export type { PermissionSet } from "./permissions.ts";
export { certificatePathsOf, routesOf } from "./routes.ts";
export type { CertificateText, Routes, TlsTexts } from "./routes.ts";
export { startService } from "./start_service.ts";
export type { Service, ServiceEnd, ServiceOptions } from "./service.ts";
export { decideLearning } from "./learned_hosts.ts";
export { denoFlags } from "./process_permissions.ts";
export type { ProcessPermissions } from "./process_permissions.ts";
export { permissionsOf } from "./profile_permissions.ts";
export type { ProfilePermissions } from "./profile_permissions.ts";
export { hostOf, isAddress, systemdDirectives } from "./permission_formats.ts";
