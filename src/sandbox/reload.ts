/** Puts a configuration in force that is read again while the agent runs: reads, compares, tells, applies, remembers. */
import {
  type ConfigChange,
  ConfigError,
  diffConfig,
  formatProblem,
  type LoadedConfig,
  reloadableConfig,
  type RunConfig,
} from "../config/mod.ts";
import type { ConfigReload, Log, LogFields, Metrics } from "../ops/mod.ts";

/** What makes a configuration be read again. */
export type ReloadReason = "signal" | "file";

/** After the control plane has refused the API key, it is looked for again at most this often. */
const KEY_LOOK_MS = 1_000;
const MS_PER_SECOND = 1000;

export interface ReloaderDeps {
  /** Reads the configuration from the same sources again. @throws {ConfigError} when it cannot be used */
  readonly load: () => Promise<LoadedConfig>;
  /** Makes the agent work with a configuration. @throws {Error} when it cannot; then nothing has changed */
  readonly apply: (config: RunConfig, secretNames: readonly string[]) => Promise<void>;
  /** Called before anything of a configuration can be told. */
  readonly keepSecret: (config: RunConfig) => void;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** What came of reading a configuration again. */
export type ReloadResult = "applied" | "needs_restart" | "unchanged" | "failed";

/** One at a time, in order. */
export class Reloader {
  readonly #deps: ReloaderDeps;
  #running: RunConfig;
  #secretNames: readonly string[];
  #last: ConfigReload | undefined;
  #lastSuccess = 1;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: Promise<ReloadResult> | undefined;
  #keyLookedAt = -Infinity;

  /** @param running the configuration of the start */
  constructor(running: RunConfig, secretNames: readonly string[], deps: ReloaderDeps) {
    this.#running = running;
    this.#secretNames = secretNames;
    this.#deps = deps;
    const { metrics } = deps;
    metrics.gauge("config_last_reload_success", () => this.#lastSuccess);
    metrics.gauge("config_last_reload_timestamp_seconds", () => (this.#last?.atMs ?? 0) / MS_PER_SECOND);
    metrics.gauge("config_settings_awaiting_restart", () => this.#last?.needsRestart.length ?? 0);
  }

  /** The configuration that is in force. */
  get running(): RunConfig {
    return this.#running;
  }

  /** How the last one went; undefined before the first. */
  get last(): ConfigReload | undefined {
    return this.#last;
  }

  /** Settles when nothing is being put in force. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  /** Reads the configuration again and puts in force what can change; never rejects for a bad one. */
  reload(reason: ReloadReason): Promise<ReloadResult> {
    // One that has not begun yet will see all that is there by then.
    return this.#waiting ??= this.inTurn(() => {
      this.#waiting = undefined;
      return this.#reload(reason);
    });
  }

  /** The control plane refuses the API key: another one may stand where it was read from. Nothing else is taken over. */
  keyRefused(): void {
    const now = performance.now();
    if (now - this.#keyLookedAt < KEY_LOOK_MS) return;
    this.#keyLookedAt = now;
    void this.inTurn(() => this.#renewKey());
  }

  /** Does something else that must not happen while a configuration is being put in force. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #reload(reason: ReloadReason): Promise<ReloadResult> {
    const { log, load, apply, keepSecret } = this.#deps;
    log.info("reading the configuration again", { component: "reload", reason });
    let changes: readonly ConfigChange[] = [];
    let now: readonly ConfigChange[] = [];
    try {
      const { config, warnings, secretNames } = await load();
      keepSecret(config);
      for (const warning of warnings) {
        log.warn("configuration warning", { component: "reload", warning: formatProblem(warning) });
      }
      changes = diffConfig(this.#running, config);
      for (const change of changes) this.#tell(change);
      now = changes.filter(({ needsRestart }) => !needsRestart);
      if (now.length > 0) {
        const next = reloadableConfig(this.#running, config);
        await apply(next, secretNames);
        this.#running = next;
        this.#secretNames = secretNames;
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return this.#failed(error);
    }
    const needsRestart = changes.filter((change) => change.needsRestart).map(({ setting }) => setting);
    const result = now.length > 0 ? "applied" : needsRestart.length > 0 ? "needs_restart" : "unchanged";
    this.#ended(result, { atMs: Date.now(), error: "", needsRestart });
    if (needsRestart.length > 0) {
      log.warn("some changes need a restart", { component: "reload", settings: needsRestart });
    }
    log.info("configuration reloaded", { component: "reload", result, applied: now.length });
    return result;
  }

  #failed(error: Error): ReloadResult {
    const problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [error.message];
    this.#ended("failed", {
      atMs: Date.now(),
      error: problems.join("; "),
      needsRestart: this.#last?.needsRestart ?? [],
    });
    this.#deps.log.error("configuration cannot be used; what was in force before stays so", {
      component: "reload",
      problems,
    });
    return "failed";
  }

  #ended(result: ReloadResult, last: ConfigReload): void {
    this.#last = last;
    this.#lastSuccess = result === "failed" ? 0 : 1;
    this.#deps.metrics.count("config_reloads_total", { result });
  }

  #tell({ setting, from, to, isSecret, needsRestart }: ConfigChange): void {
    const effect = needsRestart ? "restart" : "now";
    const values: LogFields = isSecret
      ? { change: "secret part changed" }
      : { from: shown(from), to: shown(to) };
    this.#deps.log.info("setting differs", { component: "reload", setting, ...values, effect });
  }

  async #renewKey(): Promise<void> {
    const { log, load, apply, keepSecret } = this.#deps;
    try {
      const { config } = await load();
      const { apiKey } = config.controlPlane;
      const { controlPlane } = this.#running;
      if (apiKey === controlPlane.apiKey) return;
      keepSecret(config);
      const next = { ...this.#running, controlPlane: { ...controlPlane, apiKey } };
      await apply(next, this.#secretNames);
      this.#running = next;
      log.info("API key was refused and has changed; going on with the new one", { component: "reload" });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [error.message];
      log.warn("API key was refused and cannot be read again", { component: "reload", problems });
    }
  }
}

function shown(value: ConfigChange["from"]): string {
  if (value === undefined) return "(none)";
  return typeof value === "string" ? value : JSON.stringify(value);
}
