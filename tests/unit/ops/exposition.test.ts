import assert from "node:assert/strict";
import {
  createExposition,
  createMetricStore,
  createRedactor,
  type Exposition,
  METRIC_TABLE,
} from "../../../src/ops/mod.ts";
import { recordLog } from "../../support/ops_log.ts";

interface Options {
  readonly refresh?: () => Promise<void>;
  readonly isReady?: () => boolean;
}

function open({ refresh = () => Promise.resolve(), isReady = () => true }: Options = {}) {
  const own = createMetricStore();
  const redactor = createRedactor();
  const recorded = recordLog();
  const info = { version: "0.1.0", tunnel_id: "tunnel_1", client_instance_id: "abc" };
  const exposition = createExposition({ info, own, isReady, refresh, redactor, log: recorded.log });
  return { own, redactor, recorded, exposition };
}

/** Samples of the exposition by `name{labels}`. */
async function samples(exposition: Exposition): Promise<Map<string, number>> {
  const lines = (await exposition.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

Deno.test("the exposition has HELP and TYPE for every family [M-1, M-2]", async () => {
  const { exposition } = open();
  const text = await exposition.text();
  for (const { name, type, help } of METRIC_TABLE) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
  }
  assert.ok(text.endsWith("\n"));
});

Deno.test("gauges and counters with known labels are there from the start, at 0 [M-2]", async () => {
  const values = await samples(open().exposition);
  for (
    const name of [
      "commands_received_total",
      "commands_poll_last_successful_timestamp_seconds",
      'commands_outcome_total{outcome="answered"}',
      'commands_outcome_total{outcome="acknowledged"}',
      'commands_outcome_total{outcome="failed_answered"}',
      'commands_outcome_total{outcome="expired"}',
      'commands_outcome_total{outcome="undeliverable"}',
      'commands_poll_errors_total{error_kind="timeout"}',
      'log_events_total{level="error"}',
      "agent_restarts_total",
    ]
  ) assert.equal(values.get(name), 0, name);
  assert.equal(values.get("liveness"), 1);
  assert.equal(
    values.get('tunnel_client_info{version="0.1.0",tunnel_id="tunnel_1",client_instance_id="abc"}'),
    1,
  );
});

Deno.test("the readiness gauge is evaluated at the scrape [R-10]", async () => {
  let ready = false;
  const { exposition } = open({ isReady: () => ready });
  assert.equal((await samples(exposition)).get("readiness"), 0);
  ready = true;
  assert.equal((await samples(exposition)).get("readiness"), 1);
});

Deno.test("process metrics are those of this process", async () => {
  const values = await samples(open().exposition);
  const started = values.get("process_start_time_seconds") ?? 0;
  assert.ok(Math.abs(started - performance.timeOrigin / 1000) < 1);
  assert.ok((values.get("process_resident_memory_bytes") ?? 0) > 10e6);
  assert.ok((values.get("process_cpu_seconds_total") ?? 0) > 0);
  assert.ok((values.get("process_heap_used_bytes") ?? 0) <= (values.get("process_heap_total_bytes") ?? 0));
});

Deno.test("a gauge with labels is one series per label set, and none before the first", async () => {
  const { exposition } = open();
  const agent = createMetricStore();
  exposition.update(agent.snapshot());
  assert.equal(
    [...(await samples(exposition)).keys()].some((key) => key.startsWith("proxy_health_state")),
    false,
  );
  agent.gauge("proxy_health_state", () => 1, { proxy_id: "a" });
  agent.gauge("proxy_health_state", () => 0, { proxy_id: "b" });
  agent.gauge("proxy_health_state", () => 1, { proxy_id: "b" });
  exposition.update(agent.snapshot());
  const values = await samples(exposition);
  assert.equal(values.get('proxy_health_state{proxy_id="a"}'), 1);
  assert.equal(values.get('proxy_health_state{proxy_id="b"}'), 1, "the last reader counts");
});

Deno.test("histograms are cumulative and end in +Inf, _sum and _count", async () => {
  const { exposition } = open();
  const agent = createMetricStore();
  for (const value of [3, 3, 30, 99_999]) agent.observe("http_client_request_body_size_bytes", value);
  exposition.update(agent.snapshot());
  const values = await samples(exposition);
  const name = "http_client_request_body_size_bytes";
  assert.equal(values.get(`${name}_bucket{le="0"}`), 0);
  assert.equal(values.get(`${name}_bucket{le="5"}`), 2);
  assert.equal(values.get(`${name}_bucket{le="50"}`), 3);
  assert.equal(values.get(`${name}_bucket{le="10000"}`), 3);
  assert.equal(values.get(`${name}_bucket{le="+Inf"}`), 4);
  assert.equal(values.get(`${name}_sum`), 100_035);
  assert.equal(values.get(`${name}_count`), 4);
});

Deno.test("own and agent counts of one metric are added up", async () => {
  const { exposition, own } = open();
  const agent = createMetricStore();
  agent.count("log_records_dropped_total", undefined, 2);
  own.count("log_records_dropped_total", undefined, 3);
  exposition.update(agent.snapshot());
  assert.equal((await samples(exposition)).get("log_records_dropped_total"), 5);
});

Deno.test("a replaced agent's counts stay, its gauges go, and the last poll's time never goes back", async () => {
  const { exposition } = open();
  const run = (polls: number, polledAt: number) => {
    const agent = createMetricStore();
    agent.count("commands_poll_cycles_total", undefined, polls);
    agent.count("commands_outcome_total", { outcome: "answered" }, polls);
    agent.observe("commands_age_seconds", polls);
    agent.gauge("commands_queue_length", () => 9);
    agent.gauge("commands_poll_last_successful_timestamp_seconds", () => polledAt);
    exposition.update(agent.snapshot());
  };
  run(1, 100);
  run(5, 1000);
  exposition.agentReplaced();
  const between = await samples(exposition);
  assert.equal(between.get("commands_poll_cycles_total"), 5);
  assert.equal(between.get("commands_queue_length"), 0);
  assert.equal(between.get("commands_poll_last_successful_timestamp_seconds"), 1000);
  assert.equal(between.get("agent_restarts_total"), 1);
  run(2, 0);
  const after = await samples(exposition);
  assert.equal(after.get("commands_poll_cycles_total"), 7);
  assert.equal(after.get("commands_age_seconds_count"), 2);
  assert.equal(after.get("commands_age_seconds_sum"), 7);
  assert.equal(after.get("commands_queue_length"), 9);
  assert.equal(after.get("commands_poll_last_successful_timestamp_seconds"), 1000);
  assert.deepEqual(exposition.counts("commands_outcome_total", "outcome"), { answered: 7 });
  assert.equal(exposition.total("commands_poll_cycles_total"), 7);
});

Deno.test("a scrape asks for a fresh snapshot and shows it", async () => {
  const agent = createMetricStore();
  const { exposition } = open({
    async refresh() {
      await Promise.resolve();
      agent.count("commands_poll_cycles_total");
      exposition.update(agent.snapshot());
    },
  });
  assert.equal((await samples(exposition)).get("commands_poll_cycles_total"), 1);
  assert.equal((await samples(exposition)).get("commands_poll_cycles_total"), 2);
});

Deno.test("scrapes that come at once share one refresh", async () => {
  let asked = 0;
  const { exposition } = open({
    refresh: () => {
      asked++;
      return Promise.resolve();
    },
  });
  await Promise.all([exposition.text(), exposition.text(), exposition.refresh()]);
  assert.equal(asked, 1);
});

Deno.test("an agent that does not answer delays a scrape by 250 ms at most, and is asked again next time", async () => {
  let asked = 0;
  const { exposition } = open({
    refresh: () => {
      asked++;
      return new Promise<void>(() => {});
    },
  });
  const started = performance.now();
  await exposition.refresh();
  const elapsedMs = performance.now() - started;
  assert.ok(elapsedMs >= 245 && elapsedMs < 2000, `${elapsedMs} ms`);
  await exposition.refresh();
  assert.equal(asked, 2);
});

Deno.test("an agent that is gone does not break a scrape", async () => {
  const { exposition, recorded } = open({ refresh: () => Promise.reject(new Error("port closed")) });
  assert.equal((await samples(exposition)).get("liveness"), 1);
  assert.equal(recorded.find("agent sent no metrics")?.level, "debug");
});

Deno.test("label values are escaped as the format asks", async () => {
  const { exposition } = open();
  const agent = createMetricStore();
  agent.count("mcp_stdio_restarts_total", { channel: 'a"b\\c\nd' });
  exposition.update(agent.snapshot());
  assert.ok((await exposition.text()).includes('mcp_stdio_restarts_total{channel="a\\"b\\\\c\\nd"} 1\n'));
});

Deno.test("importing ops loads no package and no node module; they come with the listener and the first scrape", async () => {
  const entry = new URL("../../../src/ops/mod.ts", import.meta.url).href;
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", "--config", config, entry],
    stderr: "inherit",
  }).output();
  const graph: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const visit = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    for (const { code, isDynamic } of modules.get(specifier)?.dependencies ?? []) {
      if (code !== undefined && isDynamic !== true) visit(code.specifier);
    }
  };
  visit(entry);
  assert.ok(loaded.size > 5);
  assert.deepEqual([...loaded].filter((specifier) => !specifier.startsWith("file:")), []);
});

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}
