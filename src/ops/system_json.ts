/** The body of `/api/system` (spec 06 §6.2): what is trusted, which proxies are in use, and how they are doing. */
import type { AgentStatus, ProbeStatus, RouteHealth } from "./agent_status.ts";
import type { LogValue } from "./observe.ts";

/** Trusted roots, in the published names (TL-7). */
export interface TrustReport {
  readonly system_trust: { readonly [key: string]: LogValue };
  /** Absent without `ca-bundle`. */
  readonly extra_bundle?: { readonly [key: string]: LogValue };
}

/** One proxy and where it was configured. */
export interface ProxyIdentity {
  readonly proxy_id: string;
  readonly proxy_url: string;
  readonly proxy_source: string;
}

/** Builds the system object; members without a value are left out. */
export function systemJson(
  trust: TrustReport,
  agent: AgentStatus | undefined,
): { readonly [key: string]: LogValue } {
  const routes = agent?.routes ?? [];
  const proxies = proxyIdentities(routes);
  const { state, error } = agent?.probe ?? { state: "pending", error: "" };
  return {
    tls: { system_trust: trust.system_trust, extra_bundle: trust.extra_bundle },
    proxy_identity_map: proxies.length === 0 ? undefined : proxies.map((proxy) => ({ ...proxy })),
    proxy_health: routes.length === 0 ? undefined : routes.map(healthJson),
    main_channel_probe_status: PROBE_WORDS[state],
    main_channel_probe_error: error || undefined,
  };
}

/** Every proxy once; of several sources the first (PX-11). */
export function proxyIdentities(routes: readonly Pick<RouteHealth, "route">[]): readonly ProxyIdentity[] {
  const byId = new Map<string, ProxyIdentity>();
  for (const { route: { proxy_id, proxy_url, proxy_source } } of routes) {
    if (proxy_id === undefined || proxy_url === undefined || byId.has(proxy_id)) continue;
    byId.set(proxy_id, { proxy_id, proxy_url, proxy_source });
  }
  return [...byId.values()];
}

const PROBE_WORDS: Readonly<Record<ProbeStatus["state"], string>> = {
  pending: "pending",
  ok: "ok",
  auth_required: "auth-required",
  timed_out: "timeout",
  wait_failed: "failed",
  failed: "failed",
};

function healthJson({ route, history, ...health }: RouteHealth): LogValue {
  return { route: { ...route }, ...health, history: history?.map((record) => ({ ...record })) };
}
