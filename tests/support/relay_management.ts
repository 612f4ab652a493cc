/** An administrator's hands on a relay. */
import type { RelayOptions } from "../../src/relay/mod.ts";
import { RelayHarness } from "./relay_harness.ts";

export const ADMIN_KEY = "admin-key-1";
/** Key of agents whose tunnel was created. */
export const NEW_KEY = "agent-key-new";

export const MANAGEMENT = { adminKeys: ["admin-key-0", ADMIN_KEY], apiKeys: [NEW_KEY], connectorKeys: [] };

export interface ManagedTunnel {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly organization_ids?: readonly string[];
  readonly workspace_ids?: readonly string[];
  readonly tenant_ids?: readonly string[];
}

/** Reply of the management API. */
export interface ManagementReply {
  readonly status: number;
  readonly headers: Headers;
  /** `error.code` of a refusal, empty otherwise. */
  readonly code: string;
  readonly param: string | null;
  readonly tunnel: ManagedTunnel;
  readonly json: { readonly tunnels: readonly ManagedTunnel[]; has_more?: boolean; last_id?: string };
}

/** Runs a test against a relay whose tunnels can be managed. */
export async function withManagement(
  options: Partial<RelayOptions>,
  test: (admin: AdminHands, harness: RelayHarness) => Promise<void>,
): Promise<void> {
  await RelayHarness.with(
    { management: MANAGEMENT, ...options },
    (harness) => test(new AdminHands(harness.url), harness),
  );
}

export class AdminHands {
  constructor(readonly url: string) {}

  /** @param path behind `/v1/tunnels` */
  async ask(method: string, path = "", body: unknown = undefined, key = ADMIN_KEY): Promise<ManagementReply> {
    const response = await fetch(`${this.url}/v1/tunnels${path}`, {
      method,
      headers: key === "" ? {} : { Authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = text === "" ? {} : JSON.parse(text);
    const { code = "", param = null } = json.error ?? {};
    return { status: response.status, headers: response.headers, code, param, tunnel: json, json };
  }

  /** A new tunnel with this name. */
  async create(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<ManagedTunnel> {
    const { status, tunnel } = await this.ask("POST", "", { name, description: "", ...more });
    if (status !== 200) throw new Error(`create answered ${status}`);
    return tunnel;
  }
}
