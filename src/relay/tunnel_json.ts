import type { TunnelRecord } from "./tunnel_store.ts";

/** A tunnel as metadata and management tell it (P-144, P-159); lists that are empty are left out. */
export function tunnelObject(tunnel: TunnelRecord): Readonly<Record<string, unknown>> {
  const { id, name, description, tenantIds, workspaceIds, organizationIds } = tunnel;
  return {
    id,
    name,
    description,
    ...(tenantIds.length > 0 ? { tenant_ids: tenantIds } : {}),
    ...(workspaceIds.length > 0 ? { workspace_ids: workspaceIds } : {}),
    ...(organizationIds.length > 0 ? { organization_ids: organizationIds } : {}),
  };
}
