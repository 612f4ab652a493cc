import { AdminError } from "./admin_error.ts";
import { type ManagedTunnel, type ManagedTunnelList, readTunnel } from "./managed_tunnel.ts";
import { ManagementCalls, type ManagementCallsOptions, type ManagementReply } from "./management_calls.ts";
import { tunnelPath } from "./tunnel_path.ts";

export type TunnelsClientOptions = ManagementCallsOptions;

/** Whose tunnels are listed. */
export interface ListFilter {
  readonly param: "organization_id" | "workspace_id" | "tenant_id";
  readonly id: string;
}

/** Which part of a list is wanted. */
export interface ListRange {
  /** How many at most; all when absent. */
  readonly limit?: number;
  /** Id of the tunnel behind which the part begins; from the beginning when empty. */
  readonly after: string;
}

export interface NewTunnel {
  readonly name: string;
  readonly description: string;
  readonly organizationIds: readonly string[];
  readonly workspaceIds: readonly string[];
}

/** What is to change; absent members stay as they are, an empty list clears. */
export interface TunnelUpdate {
  readonly name?: string;
  readonly description?: string;
  readonly organizationIds?: readonly string[];
  readonly workspaceIds?: readonly string[];
}

/** Largest page that is asked for. */
const PAGE_SIZE = 100;
const TUNNELS = "/v1/tunnels";

/** The tunnels of a control plane, through its management API (section 21). Every method throws {@link AdminError}. */
export class TunnelsClient {
  readonly #calls: ManagementCalls;

  constructor(options: TunnelsClientOptions) {
    this.#calls = new ManagementCalls(options);
  }

  async create({ name, description, organizationIds, workspaceIds }: NewTunnel): Promise<ManagedTunnel> {
    return tunnelOf(
      await this.#calls.call("POST", TUNNELS, {
        name,
        description,
        ...(workspaceIds.length === 0 ? {} : { workspace_ids: workspaceIds }),
        ...(organizationIds.length === 0 ? {} : { organization_ids: organizationIds }),
      }),
    );
  }

  async get(tunnelId: string): Promise<ManagedTunnel> {
    return tunnelOf(await this.#calls.call("GET", tunnelPath(tunnelId)));
  }

  async update(
    tunnelId: string,
    { name, description, organizationIds, workspaceIds }: TunnelUpdate,
  ): Promise<ManagedTunnel> {
    return tunnelOf(
      await this.#calls.call("POST", tunnelPath(tunnelId), {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(organizationIds === undefined ? {} : { organization_ids: organizationIds }),
        ...(workspaceIds === undefined ? {} : { workspace_ids: workspaceIds }),
      }),
    );
  }

  async delete(tunnelId: string): Promise<ManagedTunnel> {
    return tunnelOf(await this.#calls.call("DELETE", tunnelPath(tunnelId)));
  }

  /**
   * Lists tunnels. The published service answers with all of them at once; where a reply says `has_more`, the
   * following pages are fetched as well, up to the limit.
   */
  async list({ param, id }: ListFilter, { limit = Infinity, after }: ListRange): Promise<ManagedTunnelList> {
    const found = new Map<string, ManagedTunnel>();
    let cursor = after;
    for (;;) {
      const wanted = limit - found.size;
      const query = new URLSearchParams({ [param]: id });
      if (cursor !== "") query.set("after", cursor);
      if (wanted !== Infinity) query.set("limit", String(Math.min(wanted, PAGE_SIZE)));
      const reply = await this.#calls.call("GET", `${TUNNELS}?${query}`);
      const { tunnels, lastId } = pageOf(reply);
      const fresh = tunnels.filter((tunnel) => !found.has(tunnel.id));
      for (const tunnel of fresh.slice(0, wanted)) found.set(tunnel.id, tunnel);
      const hasMore = fresh.length > wanted || lastId !== "";
      if (!hasMore || found.size >= limit) return listOf([...found.values()], hasMore, reply.requestId);
      if (fresh.length === 0) throw new AdminError("the control plane repeats the same page of tunnels");
      cursor = lastId;
    }
  }
}

function listOf(tunnels: readonly ManagedTunnel[], hasMore: boolean, requestId: string): ManagedTunnelList {
  const lastId = tunnels.at(-1)?.id ?? "";
  return {
    tunnels,
    ...(hasMore && lastId !== "" ? { has_more: true, last_id: lastId } : {}),
    ...(requestId === "" ? {} : { request_id: requestId }),
  };
}

function tunnelOf({ body, requestId }: ManagementReply): ManagedTunnel {
  return readTunnel(body, requestId);
}

/** @returns the tunnels of a page, and the id behind which the next one begins; empty when there is none */
function pageOf({ body }: ManagementReply): { tunnels: ManagedTunnel[]; lastId: string } {
  const entries: readonly unknown[] = Array.isArray(body.tunnels) ? body.tunnels : [];
  const tunnels = entries.filter(isObject).map((entry) => readTunnel(entry));
  if (body.has_more !== true) return { tunnels, lastId: "" };
  const lastId = typeof body.last_id === "string" ? body.last_id : "";
  return { tunnels, lastId: lastId || (tunnels.at(-1)?.id ?? "") };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
