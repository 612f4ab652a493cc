import { RelayError } from "./relay_error.ts";
import type { Tunnel } from "./tunnel.ts";
import { tunnelObject } from "./tunnel_json.ts";
import type { TunnelRecord } from "./tunnel_store.ts";

/** Longest page, and the one that is given when none is asked for. */
const MAX_PAGE = 1000;

const FILTERS = [
  ["organization_id", (tunnel: TunnelRecord) => tunnel.organizationIds],
  ["workspace_id", (tunnel: TunnelRecord) => tunnel.workspaceIds],
  ["tenant_id", (tunnel: TunnelRecord) => tunnel.tenantIds],
] as const;

/**
 * One page of the tunnels that match the query, in the order in which they came to the relay.
 * @param query without question mark: `organization_id`, `workspace_id`, `tenant_id`, `limit`, `after`
 * @returns JSON; `has_more` and `last_id` are there only when a page follows
 * @throws {RelayError} 400 for a bad `limit` or an `after` that names no tunnel of the list
 */
export function tunnelPage(tunnels: Iterable<Tunnel>, query: string): string {
  const params = new URLSearchParams(query);
  let matching = Array.from(tunnels, ({ described }) => described);
  for (const [param, idsOf] of FILTERS) {
    const id = params.get(param) ?? "";
    if (id !== "") matching = matching.filter((tunnel) => idsOf(tunnel).includes(id));
  }
  const start = startOf(matching, params.get("after") ?? "");
  const page = matching.slice(start, start + limitOf(params.get("limit") ?? ""));
  const hasMore = start + page.length < matching.length;
  return JSON.stringify({
    tunnels: page.map(tunnelObject),
    ...(hasMore ? { has_more: true, last_id: page.at(-1)?.id } : {}),
  });
}

function startOf(tunnels: readonly TunnelRecord[], after: string): number {
  if (after === "") return 0;
  const at = tunnels.findIndex(({ id }) => id === after);
  if (at !== -1) return at + 1;
  throw new RelayError("invalid_parameter", "Parameter after must be the id of a tunnel of this list.", {
    param: "after",
  });
}

function limitOf(text: string): number {
  if (text === "") return MAX_PAGE;
  const limit = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_PAGE) return limit;
  throw new RelayError("invalid_parameter", `Parameter limit must be a whole number from 1 to ${MAX_PAGE}.`, {
    param: "limit",
  });
}
