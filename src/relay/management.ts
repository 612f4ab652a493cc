import { bodyText } from "./body_text.ts";
import type { HeaderFields } from "./http1/header_fields.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { isAgentOfAny, matchesAny } from "./keys.ts";
import { parseTunnelChange } from "./management_body.ts";
import { tunnelPage } from "./management_list.ts";
import type { ManagementOptions } from "./options.ts";
import { randomText } from "./random_text.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import type { Tunnel } from "./tunnel.ts";
import { TUNNEL_ID } from "./tunnel_id.ts";
import { tunnelObject } from "./tunnel_json.ts";
import { type TunnelRecord, type TunnelStore, TunnelStoreError } from "./tunnel_store.ts";

/** Longest body of a create or update. */
const MAX_BODY_BYTES = 1024 * 1024;
/** Tunnels that a relay serves at most; each refused key is compared with the keys of all. */
const MAX_TUNNELS = 1000;

/** The management API of a relay (01 section 21): tunnels are created, listed, changed and deleted while it runs. */
export class Management {
  readonly #core: RelayCore;
  readonly #options: ManagementOptions;
  readonly #adminCredentials: readonly string[];
  /** Changes are made one after the other: what is stored is what is served. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(core: RelayCore, options: ManagementOptions) {
    this.#core = core;
    this.#options = options;
    this.#adminCredentials = options.adminKeys.map((key) => `Bearer ${key}`);
  }

  /** True when the request shows an admin key. */
  isAdmin(headers: HeaderFields): boolean {
    return matchesAny(headers.get("authorization"), this.#adminCredentials);
  }

  /** @throws {RelayError} 403 for an agent's key, 401 for an unknown one (CFG-151) */
  authorize(headers: HeaderFields): void {
    if (this.isAdmin(headers)) return;
    if (isAgentOfAny(headers.get("authorization"), this.#core)) {
      throw new RelayError(
        "tunnel_management_permission_required",
        "This key may serve tunnels, not manage them; use an admin key.",
      );
    }
    throw new RelayError("invalid_api_key", "The admin key is missing or unknown to this relay.", {
      headers: { "www-authenticate": "Bearer" },
    });
  }

  list({ query }: HttpRequest): HttpReply {
    return this.#core.replies.json(tunnelPage(this.#core.tunnels.values(), query));
  }

  /** @throws {RelayError} 404 for a tunnel that is not served */
  get(tunnelId: string): HttpReply {
    return this.#reply(this.#find(tunnelId));
  }

  /** @throws {RelayError} 400 for a bad body, 409 when there are too many tunnels, 500 when it cannot be stored */
  async create(request: HttpRequest): Promise<HttpReply> {
    const change = parseTunnelChange(await bodyText(request, MAX_BODY_BYTES));
    if (change.name === undefined) {
      throw new RelayError("invalid_parameter", "Member name is required.", { param: "name" });
    }
    const { name, description = "", organizationIds = [], workspaceIds = [], tenantIds = [] } = change;
    const id = `tunnel_${randomText(32)}`;
    const record: TunnelRecord = { id, name, description, organizationIds, workspaceIds, tenantIds };
    return await this.#inTurn(async () => {
      if (this.#core.tunnels.size >= MAX_TUNNELS) {
        throw new RelayError(
          "tunnel_limit_exceeded",
          `This relay serves ${MAX_TUNNELS} tunnels and no more.`,
        );
      }
      await this.#store((store) => store.add(record));
      const { apiKeys, connectorKeys } = this.#options;
      const tunnel = this.#core.addTunnel({ ...record, apiKeys, connectorKeys });
      this.#core.log.info("tunnel created", { tunnel_id: id });
      return this.#reply(tunnel);
    });
  }

  /** @throws {RelayError} 404 for a tunnel that is not served, 400 for a bad body, 500 when it cannot be stored */
  async update(tunnelId: string, request: HttpRequest): Promise<HttpReply> {
    this.#find(tunnelId);
    const change = parseTunnelChange(await bodyText(request, MAX_BODY_BYTES));
    return await this.#inTurn(async () => {
      const tunnel = this.#find(tunnelId);
      const was = tunnel.described;
      const record: TunnelRecord = {
        id: was.id,
        name: change.name ?? was.name,
        description: change.description ?? was.description,
        organizationIds: change.organizationIds ?? was.organizationIds,
        workspaceIds: change.workspaceIds ?? was.workspaceIds,
        tenantIds: change.tenantIds ?? was.tenantIds,
      };
      await this.#store((store) => store.change(record));
      tunnel.describe(record);
      this.#core.log.info("tunnel updated", { tunnel_id: tunnel.id });
      return this.#reply(tunnel);
    });
  }

  /** @throws {RelayError} 404 for a tunnel that is not served, 500 when that cannot be stored */
  async remove(tunnelId: string): Promise<HttpReply> {
    return await this.#inTurn(async () => {
      const tunnel = this.#find(tunnelId);
      await this.#store((store) => store.remove(tunnel.id));
      this.#core.removeTunnel(tunnel);
      this.#core.log.info("tunnel deleted", { tunnel_id: tunnel.id });
      return this.#reply(tunnel);
    });
  }

  #find(tunnelId: string): Tunnel {
    const tunnel = this.#core.tunnels.get(tunnelId);
    if (tunnel !== undefined) return tunnel;
    if (!TUNNEL_ID.test(tunnelId)) {
      throw new RelayError(
        "invalid_tunnel_id_format",
        "A tunnel id is tunnel_ and 32 lower-case letters or digits.",
      );
    }
    throw new RelayError("tunnel_not_found", "This relay does not serve that tunnel.");
  }

  #reply(tunnel: Tunnel): HttpReply {
    return this.#core.replies.json(JSON.stringify(tunnelObject(tunnel.described)));
  }

  async #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#lastChange.then(change);
    // A change that failed has told its own caller; the next one starts all the same.
    this.#lastChange = turn.then(() => undefined, () => undefined);
    return await turn;
  }

  async #store(keep: (store: TunnelStore) => Promise<void>): Promise<void> {
    if (this.#options.store === undefined) return;
    try {
      await keep(this.#options.store);
    } catch (error) {
      if (!(error instanceof TunnelStoreError)) throw error;
      this.#core.log.error("tunnels could not be stored", { error: error.message });
      throw new RelayError(
        "tunnel_store_failed",
        "The change could not be stored; the relay's log says why.",
      );
    }
  }
}
