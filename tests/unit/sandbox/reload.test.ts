import assert from "node:assert/strict";
import { ConfigError, type LoadedConfig, type RunConfig } from "../../../src/config/mod.ts";
import type { LogFields } from "../../../src/ops/mod.ts";
import { createMetricStore } from "../../../src/ops/mod.ts";
import { Reloader } from "../../../src/sandbox/reload.ts";
import { load as loadConfig, type TestSources } from "../../support/config_sources.ts";

/** A reloader whose configuration the test replaces. */
class Lab {
  readonly records: { readonly level: string; readonly event: string; readonly fields: LogFields }[] = [];
  readonly applied: RunConfig[] = [];
  readonly secrets: RunConfig[] = [];
  readonly metrics = createMetricStore();
  loads = 0;
  /** What applying fails with. */
  refusal: Error | undefined;
  /** What applying waits for. */
  gate: Promise<void> = Promise.resolve();
  readonly reloader: Reloader;

  constructor(public sources: TestSources | ConfigError) {
    const record = (level: string) => (event: string, fields: LogFields = {}) => {
      this.records.push({ level, event, fields });
    };
    const log = {
      debug: record("debug"),
      info: record("info"),
      warn: record("warn"),
      error: record("error"),
      enabled: () => true,
      with: () => log,
    };
    this.reloader = new Reloader(this.#read().config, [], {
      load: () => {
        this.loads++;
        return new Promise((resolve) => resolve(this.#read()));
      },
      apply: async (config) => {
        await this.gate;
        if (this.refusal !== undefined) throw this.refusal;
        this.applied.push(config);
      },
      keepSecret: (config) => this.secrets.push(config),
      log,
      metrics: this.metrics,
    });
  }

  /** What the record of this event says, one text per record. */
  said(event: string): LogFields[] {
    return this.records.filter((record) => record.event === event).map(({ fields }) => fields);
  }

  gauge(name: string): number | undefined {
    return this.metrics.snapshot().gauges.find((series) => series.name === name)?.value;
  }

  count(result: string): number {
    const { counters } = this.metrics.snapshot();
    return counters.find(({ name, labels }) => name === "config_reloads_total" && labels.result === result)
      ?.value ?? 0;
  }

  #read(): LoadedConfig {
    if (this.sources instanceof ConfigError) throw this.sources;
    return { config: loadConfig(this.sources), warnings: [], file: undefined, secretNames: [] };
  }
}

const BAD = new ConfigError([{
  code: "invalid_value",
  setting: "log.level",
  key: "log.level",
  source: "yaml",
  message: 'profile.yaml:3:9: unsupported log level "loud"',
  suggestion: "use debug, info, warn or error",
}]);

Deno.test("Reloader applies what can change, keeps what cannot, and says both", async () => {
  const lab = new Lab({});
  lab.sources = {
    flags: { "log.level": "debug", "log.format": "json", "health.listen-addr": "127.0.0.1:1" },
  };
  assert.equal(await lab.reloader.reload("signal"), "applied");
  const [applied] = lab.applied;
  assert.equal(applied?.log.level, "debug");
  assert.equal(applied?.log.format, "plain");
  assert.equal(applied?.health.listenAddr, "127.0.0.1:8080");
  assert.equal(lab.reloader.running, applied);
  assert.deepEqual(lab.said("setting differs"), [
    { component: "reload", setting: "log.level", from: "info", to: "debug", effect: "now" },
    { component: "reload", setting: "log.format", from: "plain", to: "json", effect: "restart" },
    {
      component: "reload",
      setting: "health.listen_addr",
      from: "127.0.0.1:8080",
      to: "127.0.0.1:1",
      effect: "restart",
    },
  ]);
  assert.deepEqual(lab.said("some changes need a restart")[0]?.settings, [
    "log.format",
    "health.listen_addr",
  ]);
  assert.equal(lab.gauge("config_settings_awaiting_restart"), 2);
  assert.equal(lab.count("applied"), 1);
});

Deno.test("Reloader goes on telling what waits for a restart, until it is taken back", async () => {
  const lab = new Lab({});
  lab.sources = { flags: { "log.format": "json" } };
  assert.equal(await lab.reloader.reload("signal"), "needs_restart");
  assert.equal(await lab.reloader.reload("file"), "needs_restart");
  assert.deepEqual(lab.reloader.last?.needsRestart, ["log.format"]);
  lab.sources = {};
  assert.equal(await lab.reloader.reload("signal"), "unchanged");
  assert.deepEqual(lab.reloader.last?.needsRestart, []);
  assert.deepEqual(lab.applied, []);
});

Deno.test("Reloader changes nothing for a configuration that is wrong, and remembers why", async () => {
  const lab = new Lab({});
  const { running } = lab.reloader;
  assert.equal(lab.gauge("config_last_reload_success"), 1);
  lab.sources = BAD;
  assert.equal(await lab.reloader.reload("signal"), "failed");
  assert.equal(lab.reloader.running, running);
  assert.equal(
    lab.reloader.last?.error,
    'profile.yaml:3:9: unsupported log level "loud"; use debug, info, warn or error',
  );
  assert.equal(lab.gauge("config_last_reload_success"), 0);
  assert.ok((lab.gauge("config_last_reload_timestamp_seconds") ?? 0) > 1.7e9);
  assert.equal(lab.count("failed"), 1);
  assert.equal(lab.records.at(-1)?.level, "error");
  lab.sources = {};
  assert.equal(await lab.reloader.reload("signal"), "unchanged");
  assert.equal(lab.reloader.last?.error, "");
  assert.equal(lab.gauge("config_last_reload_success"), 1);
});

Deno.test("Reloader tries the same change again after the agent could not be given it", async () => {
  const lab = new Lab({});
  lab.sources = { flags: { "mcp.max-concurrent-requests": "5" } };
  lab.refusal = new Error("no such command");
  assert.equal(await lab.reloader.reload("signal"), "failed");
  assert.equal(lab.reloader.last?.error, "no such command");
  lab.refusal = undefined;
  assert.equal(await lab.reloader.reload("signal"), "applied");
  assert.equal(lab.reloader.running.mcp.maxConcurrentRequests, 5);
});

Deno.test("Reloader keeps the secrets of a configuration before it tells anything of it", async () => {
  const lab = new Lab({});
  lab.sources = { flags: { "mcp.extra-headers": "X-Key: new-secret-value" } };
  await lab.reloader.reload("signal");
  assert.equal(lab.secrets.length, 1);
  assert.doesNotMatch(JSON.stringify(lab.records), /new-secret-value/);
});

Deno.test("Reloader takes many requests that come while one is worked on as one", async () => {
  const lab = new Lab({});
  const gate = Promise.withResolvers<void>();
  lab.gate = gate.promise;
  lab.sources = { flags: { "mcp.max-concurrent-requests": "5" } };
  const first = lab.reloader.reload("signal");
  await Promise.resolve();
  lab.sources = { flags: { "mcp.max-concurrent-requests": "6" } };
  const others = Array.from({ length: 20 }, () => lab.reloader.reload("signal"));
  gate.resolve();
  assert.equal(await first, "applied");
  assert.deepEqual(new Set(await Promise.all(others)), new Set(["applied"]));
  assert.equal(lab.loads, 2);
  assert.equal(lab.reloader.running.mcp.maxConcurrentRequests, 6);
});

Deno.test("Reloader takes over a new API key, and nothing else, when the old one is refused", async () => {
  const lab = new Lab({});
  lab.sources = {
    flags: { "mcp.max-concurrent-requests": "5" },
    env: { CONTROL_PLANE_API_KEY: "sk-next-0123456789" },
  };
  lab.reloader.keyRefused();
  await lab.reloader.idle();
  assert.equal(lab.applied[0]?.controlPlane.apiKey, "sk-next-0123456789");
  assert.equal(lab.applied[0]?.mcp.maxConcurrentRequests, 10);
  assert.doesNotMatch(JSON.stringify(lab.records), /sk-next/);
});

Deno.test("Reloader looks for another key once per interval, and does nothing where there is none", async () => {
  const lab = new Lab({});
  for (let times = 0; times < 5; times++) lab.reloader.keyRefused();
  await lab.reloader.idle();
  assert.equal(lab.loads, 1);
  assert.deepEqual(lab.applied, []);
  assert.equal(lab.reloader.last, undefined);
});
