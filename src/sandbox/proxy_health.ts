/** How the proxies in use are doing: asked at start and then again and again, in the agent's thread (PX-13 … PX-18). */
import { checkProxy, type Proxy, type ProxyCheck, resolveProxy, waited } from "../net/mod.ts";
import type { Log, Metrics, ProxyCheckRecord, RouteHealth } from "../ops/agent_side.ts";
import type { NamedRoute } from "./route_list.ts";

const HISTORY_LENGTH = 10;
const MS_PER_SECOND = 1000;

export interface ProxyHealthDeps {
  /** Pause between two rounds. */
  readonly everyMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Looks at one proxy; by default as traffic would use it. */
  readonly check?: typeof checkProxy;
}

interface WatchedRoute {
  readonly named: NamedRoute;
  readonly url: string;
  readonly proxy: Proxy;
  readonly history: ProxyCheckRecord[];
  lastSuccess: string | undefined;
}

/** Times of the checks of one proxy, which several routes may share (PX-18). */
interface ProxyTimes {
  isHealthy: boolean;
  lastCheckMs: number;
  lastSuccessMs: number | undefined;
}

/** Checks the proxies of all routes, one after the other. Readiness does not depend on it (PH-7). */
export class ProxyHealth {
  readonly #routes: readonly (NamedRoute | WatchedRoute)[];
  readonly #deps: ProxyHealthDeps;
  readonly #check: typeof checkProxy;
  readonly #times = new Map<string, ProxyTimes>();
  #caPem: string | undefined;

  /** @param caPem roots that are trusted besides those of the process */
  constructor(routes: readonly NamedRoute[], caPem: string | undefined, deps: ProxyHealthDeps) {
    this.#deps = deps;
    this.#check = deps.check ?? checkProxy;
    this.#caPem = caPem;
    this.#routes = routes.map(watched);
  }

  /** From the next check on these roots are trusted. */
  trust(caPem: string | undefined): void {
    this.#caPem = caPem;
  }

  /** Every route with the state of its proxy, sorted (PH-2 … PH-4). */
  get routes(): readonly RouteHealth[] {
    return this.#routes.map(healthOf).sort(byRoute);
  }

  /** Rounds of checks until the signal ends them; returns at once where no route has a proxy. */
  async run(signal: AbortSignal): Promise<void> {
    const proxied = this.#routes.filter((route) => "proxy" in route);
    while (proxied.length > 0 && !signal.aborted) {
      for (const route of proxied) await this.#look(route, signal);
      await waited(this.#deps.everyMs, signal);
    }
  }

  async #look(route: WatchedRoute, signal: AbortSignal): Promise<void> {
    let checked: ProxyCheck;
    try {
      checked = await this.#check(route.proxy, route.url, { caPem: this.#caPem }, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      return;
    }
    const wasHealthy = route.history.at(-1)?.success;
    const nowMs = Date.now();
    const record = recordOf(checked, route, new Date(nowMs).toISOString());
    route.history.push(record);
    if (route.history.length > HISTORY_LENGTH) route.history.shift();
    if (record.success) route.lastSuccess = record.timestamp;
    this.#measure(route, checked, record, nowMs);
    if (wasHealthy !== record.success) this.#tell(route, checked, record);
  }

  #measure({ named }: WatchedRoute, checked: ProxyCheck, { success }: ProxyCheckRecord, nowMs: number): void {
    const { metrics } = this.#deps;
    const { proxy_id = "" } = named.summary;
    const labels = { proxy_id };
    const known = this.#times.get(proxy_id);
    const times = known ?? { isHealthy: success, lastCheckMs: nowMs, lastSuccessMs: undefined };
    if (known === undefined) {
      this.#times.set(proxy_id, times);
      metrics.gauge("proxy_health_state", () => times.isHealthy ? 1 : 0, labels);
      metrics.gauge("proxy_last_check_timestamp", () => times.lastCheckMs / MS_PER_SECOND, labels);
    }
    times.isHealthy = success;
    times.lastCheckMs = nowMs;
    if (success) {
      if (times.lastSuccessMs === undefined) {
        metrics.gauge(
          "proxy_last_success_timestamp",
          () => (times.lastSuccessMs ?? 0) / MS_PER_SECOND,
          labels,
        );
      }
      times.lastSuccessMs = nowMs;
    }
    const phases = [["tcp", checked.tcpMs], ["connect", checked.connectMs]] as const;
    for (const [phase, ms] of phases) {
      if (ms === undefined || ms < 1) continue;
      metrics.observe("proxy_check_phase_duration_seconds", ms / MS_PER_SECOND, { ...labels, phase });
    }
    const { failure } = checked;
    if (success || failure === undefined || failure.reason === "missing_target_host") return;
    const { phase, reason } = failure;
    metrics.count("proxy_check_failures_total", { ...labels, phase, reason });
  }

  /** Only news: the first result, and every change. */
  #tell({ named }: WatchedRoute, { failure }: ProxyCheck, record: ProxyCheckRecord): void {
    const { kind, name, proxy_url } = named.summary;
    const fields = { route_kind: kind, route_name: name, proxy_url };
    if (record.success) return this.#deps.log.info("proxy is healthy", fields);
    this.#deps.log.warn("proxy is unhealthy", {
      ...fields,
      phase: record.error_phase,
      reason: record.error_reason,
      error: failure?.explanation,
    });
  }
}

function watched(named: NamedRoute): NamedRoute | WatchedRoute {
  if (named.url === undefined) return named;
  const decision = resolveProxy(named.route, named.url);
  if (decision.kind !== "proxy") return named;
  return { named, url: named.url, proxy: decision.proxy, history: [], lastSuccess: undefined };
}

function healthOf(route: NamedRoute | WatchedRoute): RouteHealth {
  if (!("proxy" in route)) return { route: route.summary, health_state: "direct" };
  const { named, history, lastSuccess } = route;
  const last = history.at(-1);
  return {
    route: named.summary,
    health_state: last?.success === true ? "healthy" : "unhealthy",
    ...(last === undefined ? {} : { last_check: last.timestamp, history: [...history] }),
    ...(lastSuccess === undefined ? {} : { last_success: lastSuccess }),
  };
}

function byRoute({ route: a }: RouteHealth, { route: b }: RouteHealth): number {
  const key = ({ kind, name, route_mode, proxy_url = "", target = "" }: RouteHealth["route"]) =>
    [kind, name, route_mode, proxy_url, target].join("\0");
  return key(a) < key(b) ? -1 : 1;
}

function recordOf(checked: ProxyCheck, route: WatchedRoute, timestamp: string): ProxyCheckRecord {
  const { tcpMs, connectMs, failure } = checked;
  const tcp = Math.round(tcpMs ?? 0);
  const connect = Math.round(connectMs ?? 0);
  const success = checked.success || isOnlyTunnelRefused(checked, route);
  return {
    timestamp,
    success,
    ...(tcp === 0 ? {} : { tcp_duration_ms: tcp }),
    ...(connect === 0 ? {} : { connect_duration_ms: connect }),
    ...(success || failure === undefined ? {} : { error_phase: failure.phase, error_reason: failure.reason }),
    ...(failure?.statusCategory === undefined ? {} : { http_status_category: failure.statusCategory }),
  };
}

/**
 * Requests to http targets are passed on and need no tunnel, which many proxies open to port 443 only: a refusal of one
 * says nothing about them, except where credentials are wanted.
 */
function isOnlyTunnelRefused({ failure }: ProxyCheck, { url, proxy }: WatchedRoute): boolean {
  return failure?.reason === "bad_status" && failure.statusCategory === "4xx" &&
    !failure.explanation.includes("(407)") && !proxy.scheme.startsWith("socks") &&
    URL.parse(url)?.protocol === "http:";
}
