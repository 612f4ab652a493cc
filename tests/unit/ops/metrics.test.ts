import assert from "node:assert/strict";
import { createMetricStore, METRIC_TABLE, type MetricRow } from "../../../src/ops/mod.ts";
import { routeTemplate } from "../../../src/ops/metric_table.ts";

const D = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];
const H = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

function row(name: string): MetricRow {
  const found = METRIC_TABLE.find((each) => each.name === name);
  assert.ok(found, `${name} is not in the table`);
  return found;
}

/** Published name, type, labels and buckets (spec 06 §8, spec 01 §24). */
const PUBLISHED:
  readonly (readonly [name: string, type: MetricRow["type"], labels?: string, buckets?: number[]])[] = [
    ["liveness", "gauge"],
    ["readiness", "gauge"],
    ["commands_poll_cycles_total", "counter"],
    ["commands_poll_latency_seconds", "histogram", "error", D],
    ["commands_poll_errors_total", "counter", "error_kind"],
    ["commands_poll_last_successful_timestamp_seconds", "gauge"],
    ["commands_polled_total", "counter"],
    ["commands_enqueued_total", "counter"],
    ["commands_queue_drops_total", "counter", "drop_reason"],
    ["commands_age_seconds", "histogram", "", D],
    ["commands_queue_capacity", "gauge"],
    ["commands_queue_length", "gauge"],
    ["dispatcher_worker_pool_capacity", "gauge"],
    ["dispatcher_worker_pool_occupancy", "gauge"],
    [
      "command_end_to_end_latency_milliseconds",
      "histogram",
      "request_kind request_method channel tunnel_id tunnel_service_status latency_type",
      D,
    ],
    ["command_unsupported_channel_total", "counter", "tunnel_id channel command_type"],
    [
      "http_client_request_duration_seconds",
      "histogram",
      "http_request_method http_response_status_code server_address server_port url_scheme network_protocol_name " +
      "network_protocol_version http_route",
      H,
    ],
    [
      "http_client_request_body_size_bytes",
      "histogram",
      "http_request_method http_response_status_code server_address server_port url_scheme network_protocol_name " +
      "network_protocol_version http_route",
      D,
    ],
    ["mcp_stdio_restarts_total", "counter", "channel"],
    ["commands_received_total", "counter"],
    ["commands_outcome_total", "counter", "outcome"],
    ["commands_in_flight", "gauge"],
    ["commands_response_post_errors_total", "counter"],
    ["control_plane_consecutive_poll_failures", "gauge"],
    ["proxy_health_state", "gauge", "proxy_id"],
    ["proxy_last_check_timestamp", "gauge", "proxy_id"],
    ["proxy_last_success_timestamp", "gauge", "proxy_id"],
    ["proxy_check_phase_duration_seconds", "histogram", "proxy_id phase", D],
    ["proxy_check_failures_total", "counter", "proxy_id phase reason"],
    ["log_events_total", "counter", "level"],
    ["log_records_dropped_total", "counter"],
    ["agent_restarts_total", "counter"],
  ];

for (const [name, type, labels = "", buckets] of PUBLISHED) {
  Deno.test(`METRIC_TABLE has ${type} ${name} with its labels and buckets [06 §8, 01 §24, M-4]`, () => {
    const metric = row(name);
    assert.equal(metric.type, type);
    assert.equal(metric.labels.map((label) => label.name).join(" "), labels);
    if (buckets === undefined) return;
    assert.ok(metric.type === "histogram");
    // More bounds may be added; queries on the published ones must go on working.
    for (const bound of buckets) assert.ok(metric.buckets.includes(bound), `bucket ${bound}`);
    assert.deepEqual([...metric.buckets], [...metric.buckets].sort((a, b) => a - b));
  });
}

Deno.test("METRIC_TABLE names are unique and valid, counters end in _total, and every row has help and unit", () => {
  const names = METRIC_TABLE.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, type, help, unit } of METRIC_TABLE) {
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.match(help, /^[A-Z01].*\.$/s, name);
    assert.notEqual(unit, "");
  }
});

Deno.test("every metric name that the source uses is in METRIC_TABLE, with the right type", async () => {
  const types = new Map(METRIC_TABLE.map(({ name, type }) => [name, type]));
  const calls = /[mM]etrics\.(count|observe|gauge)\(\s*"([^"]+)"/g;
  const wanted = { count: "counter", observe: "histogram", gauge: "gauge" } as const;
  let seen = 0;
  for (const path of await sourceFiles(new URL("../../../src/", import.meta.url))) {
    for (const [, call, name] of (await Deno.readTextFile(path)).matchAll(calls)) {
      assert.equal(types.get(name!), wanted[call as keyof typeof wanted], `${name} in ${path.pathname}`);
      seen++;
    }
  }
  assert.ok(seen > 5);
});

async function sourceFiles(directory: URL): Promise<URL[]> {
  const files: URL[] = [];
  for await (const entry of Deno.readDir(directory)) {
    if (entry.isDirectory) files.push(...await sourceFiles(new URL(`${entry.name}/`, directory)));
    else if (entry.name.endsWith(".ts")) files.push(new URL(entry.name, directory));
  }
  return files;
}

function counters(store: ReturnType<typeof createMetricStore>, name: string) {
  return store.snapshot().counters.filter((series) => series.name === name).map(({ labels, value }) => ({
    labels,
    value,
  }));
}

Deno.test("createMetricStore() counts per label set", () => {
  const store = createMetricStore();
  store.count("commands_polled_total");
  store.count("commands_polled_total", undefined, 4);
  store.count("commands_outcome_total", { outcome: "answered" });
  store.count("commands_outcome_total", { outcome: "expired" }, 2);
  store.count("commands_outcome_total", { outcome: "answered" });
  assert.deepEqual(counters(store, "commands_polled_total"), [{ labels: {}, value: 5 }]);
  assert.deepEqual(counters(store, "commands_outcome_total"), [
    { labels: { outcome: "answered" }, value: 2 },
    { labels: { outcome: "expired" }, value: 2 },
  ]);
});

Deno.test("createMetricStore() sorts observations into buckets, bounds included", () => {
  const store = createMetricStore();
  for (const value of [0, 0.5, 5, 5.5, 10_000, 10_001]) {
    store.observe("http_client_request_body_size_bytes", value, { http_request_method: "POST" });
  }
  const [series] = store.snapshot().histograms;
  assert.deepEqual(series?.bucketCounts, [1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  assert.equal(series?.count, 6);
  assert.equal(series?.sum, 20_012);
});

Deno.test("createMetricStore() leaves out labels that a series does not have [06 §8: absent if none]", () => {
  const store = createMetricStore();
  store.observe("command_end_to_end_latency_milliseconds", 3, {
    request_kind: "oauth_discovery",
    channel: "main",
  });
  assert.deepEqual(store.snapshot().histograms[0]?.labels, {
    request_kind: "oauth_discovery",
    channel: "main",
  });
});

Deno.test("createMetricStore() reads gauges when a snapshot is taken", () => {
  const store = createMetricStore();
  let length = 1;
  store.gauge("commands_queue_length", () => length);
  length = 7;
  assert.deepEqual(store.snapshot().gauges, [{ name: "commands_queue_length", labels: {}, value: 7 }]);
});

Deno.test("createMetricStore() gives snapshots that later counting does not change, and that cross threads", () => {
  const store = createMetricStore();
  store.observe("commands_age_seconds", 1);
  store.count("commands_polled_total");
  const snapshot = structuredClone(store.snapshot());
  const kept = store.snapshot();
  store.observe("commands_age_seconds", 1);
  store.count("commands_polled_total");
  assert.deepEqual(kept, snapshot);
});

Deno.test("request_method is a known MCP method or other [P-153]", () => {
  const store = createMetricStore();
  for (const method of ["tools/call", "x".repeat(99), "made/up", "tools/call"]) {
    store.observe("command_end_to_end_latency_milliseconds", 1, {
      request_kind: "call",
      request_method: method,
    });
  }
  assert.deepEqual(
    store.snapshot().histograms.map(({ labels, count }) => [labels.request_method, count]),
    [["tools/call", 2], ["other", 2]],
  );
});

Deno.test("http_route is a template without ids and queries [P-153]", () => {
  assert.equal(routeTemplate("/v1/tunnels/tunnel_0123/poll"), "/v1/tunnels/{tunnel_id}/poll");
  assert.equal(
    routeTemplate("/prefix/v1/tunnels/t%20x/response?a=/mcp/b"),
    "/prefix/v1/tunnels/{tunnel_id}/response",
  );
  assert.equal(routeTemplate("/v1/tunnels/{tunnel_id}/poll"), "/v1/tunnels/{tunnel_id}/poll");
  assert.equal(routeTemplate("/v1/mcp/tunnel_1/files"), "/v1/mcp/{tunnel_id}/files");
  assert.equal(routeTemplate("/mcp"), "/mcp");
  assert.equal(routeTemplate("/mcp/files"), "/mcp/files");
  assert.equal(routeTemplate(""), "/");
  const store = createMetricStore();
  store.observe("http_client_request_duration_seconds", 1, {
    http_request_method: "BREW",
    http_route: "/v1/tunnels/t1/poll",
  });
  assert.deepEqual(store.snapshot().histograms[0]?.labels, {
    http_request_method: "_OTHER",
    http_route: "/v1/tunnels/{tunnel_id}/poll",
  });
});

Deno.test("no input makes the number of series grow without end [P-153]", () => {
  const store = createMetricStore();
  for (let n = 0; n < 20_000; n++) {
    store.count("command_unsupported_channel_total", {
      tunnel_id: `t${n % 100}`,
      channel: `channel-${n}`,
      command_type: `type-${n % 7}`,
    });
  }
  const series = counters(store, "command_unsupported_channel_total");
  assert.ok(series.length <= 3000, `${series.length} series`);
  assert.equal(series.reduce((sum, { value }) => sum + value, 0), 20_000);
});

Deno.test("a metric that does not exist breaks nothing and shows up as a defect", () => {
  const store = createMetricStore();
  store.count("no_such_metric");
  store.observe("commands_polled_total", 1);
  store.observe("commands_age_seconds", NaN);
  store.count("commands_polled_total", undefined, -1);
  store.gauge("nope", () => 1);
  assert.deepEqual(counters(store, "metrics_rejected_total"), [{ labels: {}, value: 5 }]);
  assert.deepEqual(counters(store, "commands_polled_total"), []);
});
