import { quote } from "../config/mod.ts";
import { AdminError } from "./admin_error.ts";

/**
 * Route of one tunnel; the id is percent-encoded once.
 * @throws {AdminError} for an id that is no name at all, or would lead elsewhere
 */
export function tunnelPath(tunnelId: string): string {
  if (tunnelId.trim() === "") throw new AdminError("tunnel id is required; find ids with admin tunnels list");
  // deno-lint-ignore no-control-regex
  const isUnsafe = tunnelId === "." || tunnelId === ".." || /[\u0000-\u001f\u007f]/.test(tunnelId);
  if (isUnsafe || !tunnelId.isWellFormed()) {
    throw new AdminError(`invalid tunnel id ${quote(tunnelId)}; use the id as admin tunnels list shows it`);
  }
  return `/v1/tunnels/${encodeURIComponent(tunnelId)}`;
}
