/**
 * Main's side of the agent thread: starts it inside its rights, hears its reports, notices when it hangs, replaces it,
 * and keeps count across replacements.
 */
import type { AgentSummary } from "../agent/mod.ts";
import type { AgentStatus, Log, LogLevel, LogRecord, MetricSnapshot, TimelineEntry } from "../ops/mod.ts";
import { Keeper } from "./keeper.ts";
import { keeperRights } from "./keeper_rights.ts";
import { killGroups } from "./kill_groups.ts";
import { learnableHosts } from "./learned_hosts.ts";
import type { AgentStart, FromAgent, Handshakes, ToAgent } from "./messages.ts";
import type { PermissionSet } from "./permissions.ts";
import type { Routes } from "./routes.ts";
import { SharedCounts } from "./shared_counts.ts";
import { AGENT_ENTRY, spawnAgent, type SpawnedAgent } from "./spawn_agent.ts";

/** How often the agent is asked for a sign of life, and how long it may stay silent. */
const HEARTBEAT_MS = 5_000;
const SILENCE_LIMIT_MS = 10_000;
/** How long after its own limits an agent may take to say that it has stopped. */
const STOP_MARGIN_MS = 10_000;

export interface AgentThreadHooks {
  readonly onRecords: (records: readonly LogRecord[]) => void;
  readonly onEntries: (entries: readonly TimelineEntry[]) => void;
  readonly onStatus: (status: AgentStatus) => void;
  /** Current numbers of the running agent. */
  readonly onMetrics: (snapshot: MetricSnapshot) => void;
  /**
   * The agent was replaced; `lost` commands had been received and were not answered. `unseen` is what it had counted
   * after its last snapshot.
   */
  readonly onReplaced: (lost: number, unseen: AgentSummary) => void;
  /**
   * OAuth metadata is said to be at an origin that is not configured. True when it may be contacted, otherwise what would
   * allow it; without this hook none may.
   */
  readonly onJudgeOrigin?: (origin: string) => true | string;
  /** The agent crashed and the program has to end. */
  readonly onCrashed: (error: string) => void;
  /** The control plane refuses the API key. */
  readonly onKeyRefused?: () => void;
}

export interface AgentThreadOptions {
  /** What every agent of this thread is started with. */
  readonly start: AgentStart;
  readonly permissions: PermissionSet;
  /** `off` runs the agent in this thread, with this process's own rights. */
  readonly sandbox: "strict" | "off";
  readonly log: Log;
  readonly hooks: AgentThreadHooks;
  /** The first agent's thread, created with these rights; by default one is created here. */
  readonly agent?: SpawnedAgent;
  /** Creates this agent's thread and those after it, where main has no rights any more; it stays its owner's. */
  readonly keeper?: Keeper;
  /** Module that becomes the agent; by default the agent itself. A test puts one in its place that misbehaves. */
  readonly entry?: URL;
  /** How often the agent is asked for a sign of life; by default 5000. */
  readonly heartbeatMs?: number;
  /** How long it may stay silent, at worst, before it is replaced; by default 10000. */
  readonly silenceLimitMs?: number;
}

type Snapshot = Extract<FromAgent, { type: "snapshot" }>;

export class AgentThread {
  readonly #options: AgentThreadOptions;
  #startWith: AgentStart;
  #port: MessagePort;
  #agent: SpawnedAgent | undefined;
  #keeper: Keeper | undefined;
  #ownsKeeper = false;
  #heartbeat: ReturnType<typeof setTimeout> | undefined;
  /** When the agent was asked for the sign of life that has not come yet. */
  #askedAt: number | undefined;
  /** What the running agent has counted until now, and until its last snapshot. */
  #counts = SharedCounts.memory();
  #lastSummary: AgentSummary = emptySummary();
  #groups: readonly number[] = [];
  #started = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<AgentSummary>();
  readonly #asked = new Map<number, (snapshot: Snapshot) => void>();
  readonly #askedHandshakes = new Map<number, (handshakes: Handshakes) => void>();
  readonly #reconfiguring = new Map<number, PromiseWithResolvers<string>>();
  #nextNumber = 1;
  #ending = false;
  #responsive = true;
  /** What agents did that have been replaced; their unanswered commands count as undeliverable. */
  #predecessors: AgentSummary = emptySummary();

  /** Takes the thread over, or creates it; its modules load while the caller goes on. */
  constructor(options: AgentThreadOptions) {
    this.#options = options;
    this.#startWith = options.start;
    this.#keeper = options.keeper;
    const agent = options.agent ?? this.#spawn();
    this.#agent = agent;
    this.#port = agent.port;
    this.#listen();
    // It may die before anybody waits for its start.
    this.#started.promise.catch(() => {});
    this.#watchFor(agent);
  }

  /** False while the agent does not answer. */
  get responsive(): boolean {
    return this.#responsive;
  }

  /**
   * Starts the agent and resolves when its channels are up and it polls.
   * @param handshakes of the agent whose place it takes
   * @throws {Error} with the agent's own words when it could not start
   */
  async start(handshakes: Handshakes = {}): Promise<void> {
    this.#send({ type: "start", start: { ...this.#startWith, handshakes }, counts: this.#counts });
    await this.#started.promise;
    this.#askedAt = undefined;
    this.#beatAfter(this.#options.heartbeatMs ?? HEARTBEAT_MS);
  }

  /**
   * Gives up this thread's own rights to reach the network and to start programs; from then on only the agent has
   * them, and the keeper thread can replace the agent.
   */
  async confineMain(): Promise<void> {
    if (this.#options.sandbox === "off") return;
    const { killProgram, config } = this.#startWith;
    const rights = keeperRights(this.#options.permissions, learnableHosts(config));
    this.#keeper = new Keeper(rights, killProgram, { onKillFailed: this.#onKillFailed });
    this.#ownsKeeper = true;
    await this.#keeper.ready();
    for (const name of ["net", "run", "ffi"] as const) await Deno.permissions.revoke({ name });
  }

  /** Asks for current numbers. @returns undefined when the agent does not answer in time */
  async ask(limitMs: number): Promise<Snapshot | undefined> {
    const number = this.#nextNumber++;
    const { promise, resolve } = Promise.withResolvers<Snapshot | undefined>();
    this.#asked.set(number, resolve);
    const timer = setTimeout(() => resolve(undefined), limitMs);
    this.#send({ type: "ask", number });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#asked.delete(number);
    }
  }

  /** The handshakes that connectors have made with stdio servers; none when the agent does not say in time. */
  async handshakes(limitMs: number): Promise<Handshakes> {
    const number = this.#nextNumber++;
    const { promise, resolve } = Promise.withResolvers<Handshakes>();
    this.#askedHandshakes.set(number, resolve);
    const timer = setTimeout(() => resolve({}), limitMs);
    this.#send({ type: "ask_handshakes", number });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#askedHandshakes.delete(number);
    }
  }

  /** Hands changed certificates, keys and roots to the agent, and to every agent after it. */
  renewTls(routes: Routes): void {
    this.#startWith = { ...this.#startWith, routes };
    this.#send({ type: "renew_tls", routes });
  }

  /**
   * Puts another configuration in force without disturbing what runs; also for every agent after this one. The rights
   * of this thread must be enough for it.
   * @throws {Error} with the agent's own words when it cannot; then nothing has changed
   */
  async reconfigure(start: AgentStart): Promise<void> {
    const number = this.#nextNumber++;
    const done = Promise.withResolvers<string>();
    this.#reconfiguring.set(number, done);
    const before = this.#startWith;
    // If this agent hangs now, the next one is started with what was asked for.
    this.#startWith = start;
    this.#send({ type: "reconfigure", number, start });
    const error = await done.promise;
    this.#reconfiguring.delete(number);
    if (error === "") return;
    this.#startWith = before;
    throw new Error(error);
  }

  /** Hands the keeper over to a thread that comes after this one; this one goes on using it. */
  lendKeeper(): Keeper | undefined {
    this.#ownsKeeper = false;
    return this.#keeper;
  }

  /** Takes over the keeper of a thread that came before. */
  ownKeeper(): void {
    this.#ownsKeeper = true;
  }

  setLogLevel(level: LogLevel): void {
    this.#send({ type: "log_level", level });
  }

  /**
   * Stops without losing anything; see `Agent.drain`.
   * @param limitMs what still runs after this long is answered with a failure
   */
  async drain(limitMs: number): Promise<AgentSummary> {
    this.#ending = true;
    this.#send({ type: "drain", limitMs });
    return await this.#endWithin(limitMs + STOP_MARGIN_MS);
  }

  /** Stops at once. */
  async stopNow(): Promise<AgentSummary> {
    this.#ending = true;
    this.#send({ type: "stop" });
    return await this.#endWithin(STOP_MARGIN_MS);
  }

  /** An agent that does not come to its end is cut off, and what it had not ended counts as lost. */
  async #endWithin(limitMs: number): Promise<AgentSummary> {
    const timer = setTimeout(() => {
      this.#options.log.error("agent did not come to its end; cutting it off", { limit_ms: limitMs });
      this.#stopped.resolve(this.#lastKnown());
    }, limitMs);
    try {
      return await this.#stopped.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the threads themselves, and any process group that is still there. */
  async close(): Promise<void> {
    this.#ending = true;
    clearTimeout(this.#heartbeat);
    if (this.#keeper) await this.#keeper.killGroups(this.#groups);
    else {
      const { killProgram } = this.#startWith;
      killGroups(this.#groups, { killProgram, onFailed: this.#onKillFailed });
    }
    this.#agent?.terminate();
    if (this.#ownsKeeper) this.#keeper?.close();
    this.#port.close();
  }

  #spawn(): SpawnedAgent {
    const { entry, permissions, sandbox } = this.#options;
    return this.#keeper === undefined
      ? spawnAgent(permissions, sandbox, entry)
      : this.#keeper.spawn(entry ?? AGENT_ENTRY, permissions);
  }

  #watchFor(agent: SpawnedAgent): void {
    void agent.crashed.then((error) => {
      if (this.#agent === agent) this.#crashed(error);
    });
  }

  readonly #onKillFailed = (group: number, error: string): void => {
    this.#options.log.error("process group not ended", { group, error });
  };

  #send(message: ToAgent): void {
    this.#port.postMessage(message);
  }

  #listen(): void {
    this.#port.onmessage = (event: MessageEvent<FromAgent>) => this.#hear(event.data);
  }

  #hear(message: FromAgent): void {
    const { hooks } = this.#options;
    this.#askedAt = undefined;
    if (!this.#responsive) this.#responsive = true;
    if (message.type === "report") {
      if (message.records.length > 0) hooks.onRecords(message.records);
      if (message.entries.length > 0) hooks.onEntries(message.entries);
      if (message.status) hooks.onStatus(message.status);
    } else if (message.type === "snapshot") {
      this.#lastSummary = message.summary;
      hooks.onMetrics(message.metrics);
      if (message.status) hooks.onStatus(message.status);
      this.#asked.get(message.number)?.(message);
    } else if (message.type === "process_groups") this.#groups = message.groups;
    else if (message.type === "started") this.#started.resolve();
    else if (message.type === "start_failed") this.#started.reject(new Error(message.error));
    else if (message.type === "handshakes") {
      this.#askedHandshakes.get(message.number)?.(message.handshakes);
    } else if (message.type === "reconfigured") {
      this.#reconfiguring.get(message.number)?.resolve(message.error);
    } else if (message.type === "judge_origin") {
      const refusal = hooks.onJudgeOrigin?.(message.origin) ?? "";
      this.#send({
        type: "origin_judged",
        number: message.number,
        refusal: refusal === true ? undefined : refusal,
      });
    } else if (message.type === "key_refused") hooks.onKeyRefused?.();
    else {
      this.#groups = [];
      hooks.onMetrics(message.metrics);
      this.#stopped.resolve(sum(this.#predecessors, message.summary));
    }
  }

  /** Asks for a sign of life. One that does not come in time is missed, not one that was never asked for. */
  #beat(): void {
    const everyMs = this.#options.heartbeatMs ?? HEARTBEAT_MS;
    const patienceMs = (this.#options.silenceLimitMs ?? SILENCE_LIMIT_MS) - everyMs;
    const now = performance.now();
    const waitedMs = this.#askedAt === undefined ? 0 : now - this.#askedAt;
    if (waitedMs >= patienceMs) {
      this.#responsive = false;
      if (!this.#ending && this.#keeper) {
        void this.#replace(waitedMs);
        return;
      }
      if (this.#ending) this.#stopped.resolve(this.#lastKnown());
    }
    this.#askedAt ??= now;
    this.#send({ type: "ask", number: 0 });
    const leftMs = patienceMs - waitedMs;
    this.#beatAfter(leftMs > 0 ? Math.min(everyMs, leftMs) : everyMs);
  }

  #beatAfter(delayMs: number): void {
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => this.#beat(), delayMs);
  }

  async #replace(silentMs: number): Promise<void> {
    const keeper = this.#keeper;
    if (!keeper) return;
    clearTimeout(this.#heartbeat);
    const last = new SharedCounts(this.#counts).summary;
    const lost = unended(last);
    const unseen = sum(last, this.#lastSummary, -1);
    this.#predecessors = this.#lastKnown();
    this.#counts = SharedCounts.memory();
    this.#options.log.error("agent thread does not answer; replacing it", {
      silent_ms: Math.round(silentMs),
      commands_lost: lost,
    });
    this.#agent?.terminate();
    this.#agent = undefined;
    await keeper.killGroups(this.#groups);
    this.#groups = [];
    this.#lastSummary = emptySummary();
    this.#options.hooks.onReplaced(lost, unseen);
    const agent = this.#agent = this.#spawn();
    this.#port.close();
    this.#port = agent.port;
    this.#listen();
    this.#watchFor(agent);
    this.#started = Promise.withResolvers<void>();
    for (const { resolve } of this.#reconfiguring.values()) resolve("");
    try {
      await this.start();
      this.#options.log.warn("agent thread replaced");
    } catch (error) {
      this.#crashed(error instanceof Error ? error.message : "agent thread could not be started again");
    }
  }

  #crashed(error: string): void {
    this.#responsive = false;
    this.#started.reject(new Error(error));
    for (const { resolve } of this.#reconfiguring.values()) resolve(error);
    this.#stopped.resolve(this.#lastKnown());
    this.#options.hooks.onCrashed(error);
  }

  /** All numbers so far, where whatever has not ended counts as lost. */
  #lastKnown(): AgentSummary {
    const last = new SharedCounts(this.#counts).summary;
    const all = sum(this.#predecessors, last);
    const undeliverable = all.outcomes.undeliverable + unended(last);
    return { received: all.received, outcomes: { ...all.outcomes, undeliverable } };
  }
}

function emptySummary(): AgentSummary {
  return {
    received: 0,
    outcomes: { answered: 0, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 },
  };
}

/** Commands that were received and have not ended. */
function unended(summary: AgentSummary): number {
  return summary.received - Object.values(summary.outcomes).reduce((sum, count) => sum + count, 0);
}

/** @param times how often the second is added; -1 takes it away */
function sum(a: AgentSummary, b: AgentSummary, times = 1): AgentSummary {
  const { outcomes } = a;
  return {
    received: a.received + times * b.received,
    outcomes: {
      answered: outcomes.answered + times * b.outcomes.answered,
      acknowledged: outcomes.acknowledged + times * b.outcomes.acknowledged,
      failed_answered: outcomes.failed_answered + times * b.outcomes.failed_answered,
      expired: outcomes.expired + times * b.outcomes.expired,
      undeliverable: outcomes.undeliverable + times * b.outcomes.undeliverable,
    },
  };
}
