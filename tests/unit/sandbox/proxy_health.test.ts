import assert from "node:assert/strict";
import type { ProxyCheck, Route } from "../../../src/net/mod.ts";
import { createMetricStore, type Log, type LogFields } from "../../../src/ops/mod.ts";
import { ProxyHealth, type ProxyHealthDeps } from "../../../src/sandbox/proxy_health.ts";
import type { NamedRoute } from "../../../src/sandbox/route_list.ts";

const DIRECT: Route = { proxy: { kind: "none" }, tls: {} };
const GOOD: ProxyCheck = { success: true, tcpMs: 2.4, connectMs: 7.6, failure: undefined };
const REFUSED: ProxyCheck = {
  success: false,
  tcpMs: 3,
  connectMs: 5,
  failure: {
    phase: "connect",
    reason: "bad_status",
    statusCategory: "4xx",
    explanation: "proxy http://p:1: proxy refused to connect (403)",
  },
};
const DOWN: ProxyCheck = {
  success: false,
  tcpMs: undefined,
  connectMs: undefined,
  failure: {
    phase: "tcp",
    reason: "dial_error",
    statusCategory: undefined,
    explanation: "proxy http://p:1: connection refused",
  },
};

function proxied(name: string, url: string, proxy = "http://ann:secret@p:1"): NamedRoute {
  return {
    url,
    route: { proxy: { kind: "explicit", url: proxy }, tls: {} },
    summary: {
      kind: "mcp_channel",
      name,
      target: new URL(url).host,
      route_mode: "proxy",
      proxy_source: "mcp.http-proxy",
      proxy_url: "http://p:1",
      proxy_id: "id-of-p",
    },
    fields: {},
  };
}

const direct: NamedRoute = {
  url: "https://cp.example/",
  route: DIRECT,
  summary: {
    kind: "control_plane",
    name: "control-plane",
    target: "cp.example:443",
    route_mode: "direct",
    proxy_source: "none",
  },
  fields: {},
};

interface Recorded {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

/** Runs rounds until every result has been used; each check takes the next one. */
async function checked(routes: readonly NamedRoute[], results: readonly ProxyCheck[]) {
  const records: Recorded[] = [];
  const record = (level: string) => (event: string, fields?: LogFields) => {
    records.push({ level, event, fields });
  };
  const log: Log = {
    debug: record("debug"),
    info: record("info"),
    warn: record("warn"),
    error: record("error"),
    enabled: () => true,
    with: () => log,
  };
  const metrics = createMetricStore();
  const asked: string[] = [];
  const ended = new AbortController();
  let next = 0;
  const check: ProxyHealthDeps["check"] = (proxy, url, _options, signal) => {
    const result = results[next++];
    if (result === undefined) {
      ended.abort();
      signal.throwIfAborted();
    }
    asked.push(`${proxy.shown} ${url}`);
    return Promise.resolve(result!);
  };
  const health = new ProxyHealth(routes, undefined, { everyMs: 1, log, metrics, check });
  const before = health.routes;
  await health.run(ended.signal);
  return { health, before, records, metrics, asked };
}

Deno.test("ProxyHealth shows every route, sorted, and asks only those with a proxy [PX-13, PX-14, PH-2a, PH-3]", async () => {
  const routes = [proxied("z", "https://z.example:8443/mcp"), direct, proxied("a", "https://a.example/mcp")];
  const { before, health, asked } = await checked(routes, [GOOD, GOOD]);
  assert.deepEqual(before.map(({ route, health_state }) => [route.name, health_state]), [
    ["control-plane", "direct"],
    ["a", "unhealthy"],
    ["z", "unhealthy"],
  ]);
  assert.deepEqual(asked, [
    "http://p:1 https://z.example:8443/mcp",
    "http://p:1 https://a.example/mcp",
  ]);
  const [controlPlane, a] = health.routes;
  assert.equal(controlPlane?.history, undefined);
  assert.equal(a?.health_state, "healthy");
  assert.deepEqual(a?.history, [
    { timestamp: a?.last_check, success: true, tcp_duration_ms: 2, connect_duration_ms: 8 },
  ]);
  assert.match(a?.last_success ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

Deno.test("ProxyHealth without proxies asks nobody and ends", async () => {
  const { asked, health } = await checked([direct], []);
  assert.deepEqual(asked, []);
  assert.equal(health.routes.length, 1);
});

Deno.test("ProxyHealth keeps the last ten checks and the last success [PX-17]", async () => {
  const { health } = await checked([proxied("a", "https://a.example/")], [GOOD, ...Array(11).fill(DOWN)]);
  const [a] = health.routes;
  assert.equal(a?.history?.length, 10);
  assert.ok(
    a?.history?.every(({ error_phase, error_reason }) =>
      error_phase === "tcp" && error_reason === "dial_error"
    ),
  );
  assert.ok(a!.last_success! <= a!.last_check!);
  assert.equal(a?.health_state, "unhealthy");
});

Deno.test("ProxyHealth logs the first result and every change, with who failed and without credentials", async () => {
  const { records } = await checked([proxied("a", "https://a.example/")], [
    GOOD,
    GOOD,
    REFUSED,
    REFUSED,
    GOOD,
  ]);
  assert.deepEqual(records.map(({ level, event }) => `${level} ${event}`), [
    "info proxy is healthy",
    "warn proxy is unhealthy",
    "info proxy is healthy",
  ]);
  assert.deepEqual(records[1]?.fields, {
    route_kind: "mcp_channel",
    route_name: "a",
    proxy_url: "http://p:1",
    phase: "connect",
    reason: "bad_status",
    error: "proxy http://p:1: proxy refused to connect (403)",
  });
  assert.doesNotMatch(JSON.stringify(records), /secret|ann:/);
});

Deno.test("ProxyHealth counts by proxy; routes that share one share its series [PX-18, M-5]", async () => {
  const routes = [proxied("a", "https://a.example/"), proxied("b", "https://b.example/")];
  const { metrics } = await checked(routes, [GOOD, REFUSED, DOWN, DOWN]);
  const { gauges, counters, histograms } = metrics.snapshot();
  const labels = { proxy_id: "id-of-p" };
  const gauge = (name: string) => gauges.filter((series) => series.name === name);
  assert.deepEqual(gauge("proxy_health_state"), [{ name: "proxy_health_state", labels, value: 0 }]);
  for (const name of ["proxy_last_check_timestamp", "proxy_last_success_timestamp"]) {
    const [series, ...more] = gauge(name);
    assert.deepEqual(more, []);
    assert.ok(Math.abs((series?.value ?? 0) - Date.now() / 1000) < 60, name);
  }
  const failures = counters.filter(({ name }) => name === "proxy_check_failures_total");
  assert.deepEqual(failures.map(({ labels: { phase, reason }, value }) => [phase, reason, value]), [
    ["connect", "bad_status", 1],
    ["tcp", "dial_error", 2],
  ]);
  const durations = histograms.filter(({ name }) => name === "proxy_check_phase_duration_seconds");
  assert.deepEqual(durations.map(({ labels: { phase }, count }) => [phase, count]), [["tcp", 2], [
    "connect",
    2,
  ]]);
});

Deno.test("ProxyHealth says nothing of a last success before there was one [PX-18]", async () => {
  const { metrics } = await checked([proxied("a", "https://a.example/")], [DOWN]);
  assert.ok(!metrics.snapshot().gauges.some(({ name }) => name === "proxy_last_success_timestamp"));
});

Deno.test("ProxyHealth takes a proxy that opens no tunnels for healthy where requests need none", async () => {
  const forwarded = await checked([proxied("a", "http://a.example/")], [REFUSED]);
  assert.equal(forwarded.health.routes[0]?.health_state, "healthy");
  assert.equal(forwarded.health.routes[0]?.history?.[0]?.http_status_category, "4xx");
  assert.deepEqual(forwarded.metrics.snapshot().counters.filter(({ name }) => name.startsWith("proxy_")), []);
  const wanted: ProxyCheck = {
    ...REFUSED,
    failure: { ...REFUSED.failure!, explanation: "proxy http://p:1: proxy wants credentials (407)" },
  };
  const wantsCredentials = await checked([proxied("a", "http://a.example/")], [wanted]);
  assert.equal(wantsCredentials.health.routes[0]?.health_state, "unhealthy");
});
