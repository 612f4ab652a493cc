/**
 * The agents of one service, one after the other. A change that the running one has the rights for is put in force inside
 * it, without touching what it serves unchanged. Where the rights are to be others, or the way to the control plane is, a
 * new agent is started beside the old one; that one then polls no more, finishes what it has and is gone. Should the new
 * one not come up, nothing has changed.
 */
import type { AgentSummary } from "../agent/mod.ts";
import { agedStatus, type AgentStatus, type Exposition, type Log, type MetricStore } from "../ops/mod.ts";
import { AgentThread, type AgentThreadHooks } from "./agent_thread.ts";
import type { Keeper } from "./keeper.ts";
import type { AgentStart } from "./messages.ts";
import type { PermissionSet } from "./permissions.ts";
import type { Routes } from "./routes.ts";
import type { SpawnedAgent } from "./spawn_agent.ts";

/** How long a new agent may take to come up beside the old one. */
const START_LIMIT_MS = 15_000;
/** How long an agent may take to answer a question on the way from one to the next. */
const ANSWER_MS = 1_000;

export interface AgentSuccessionOptions {
  /** What the first agent is started with. */
  readonly start: AgentStart;
  readonly permissions: PermissionSet;
  /** The first agent's thread, created with these rights. */
  readonly agent?: SpawnedAgent;
  readonly sandbox: "strict" | "off";
  /** Metrics of this thread: commands that an agent could not tell of any more are counted there. */
  readonly own: MetricStore;
  readonly exposition: () => Exposition;
  readonly log: Log;
  readonly hooks: Pick<
    AgentThreadHooks,
    "onRecords" | "onEntries" | "onCrashed" | "onJudgeOrigin" | "onKeyRefused"
  >;
  /** Module that becomes the agent; a test puts another in its place. */
  readonly entry?: URL;
}

export class AgentSuccession {
  readonly #options: AgentSuccessionOptions;
  #current: AgentThread;
  #start: AgentStart;
  #permissions: PermissionSet;
  #status: AgentStatus | undefined;
  #statusAt = 0;
  /** Agents that finish what they have, each with its end. */
  readonly #retiring = new Map<AgentThread, Promise<void>>();
  /** What they and all before them did. */
  #done: AgentSummary = NOTHING_DONE;
  #ending = false;

  constructor(options: AgentSuccessionOptions) {
    this.#options = options;
    this.#start = options.start;
    this.#permissions = options.permissions;
    this.#current = this.#createThread(options.start, options.permissions, { agent: options.agent });
  }

  /** The rights of the agent that polls. */
  get permissions(): PermissionSet {
    return this.#permissions;
  }

  /** What the agent said last, made older by the time since, and whether it still answers. */
  get status(): AgentStatus | undefined {
    if (!this.#status) return undefined;
    const aged = agedStatus(this.#status, performance.now() - this.#statusAt);
    return this.#current.responsive ? aged : { ...aged, agentAlive: false };
  }

  /** As {@link AgentThread.start}. */
  async begin(): Promise<void> {
    await this.#current.start();
  }

  /** As {@link AgentThread.confineMain}. */
  async confineMain(): Promise<void> {
    await this.#current.confineMain();
  }

  /** Makes every agent that runs send its numbers. */
  async refresh(limitMs: number): Promise<void> {
    await Promise.all([this.#current, ...this.#retiring.keys()].map((thread) => thread.ask(limitMs)));
  }

  /** As {@link AgentThread.renewTls}. */
  renewTls(routes: Routes): void {
    this.#start = { ...this.#start, routes };
    this.#current.renewTls(routes);
  }

  /**
   * Puts another configuration in force, with exactly the rights that it implies. No command is lost: those that have
   * been received end as they were started.
   * @returns whether the same agent goes on or another has taken over
   * @throws {Error} with the agent's own words when it cannot be used; then nothing has changed
   */
  async putInForce(start: AgentStart, permissions: PermissionSet): Promise<"reconfigured" | "replaced"> {
    if (this.#ending) throw new Error("a stop was requested");
    const isNew = this.#needsNewAgent(start, permissions);
    if (isNew) await this.#succeed(start, permissions);
    else await this.#current.reconfigure(start);
    this.#start = start;
    this.#permissions = permissions;
    return isNew ? "replaced" : "reconfigured";
  }

  /** Gives the agent other rights, in the same way. */
  async widen(permissions: PermissionSet): Promise<void> {
    await this.putInForce(this.#start, permissions);
  }

  /** As {@link AgentThread.drain}, for all agents that run. @returns what all agents have done */
  async drain(limitMs: number): Promise<AgentSummary> {
    this.#ending = true;
    return await this.#ended(this.#current.drain(limitMs));
  }

  /** As {@link AgentThread.stopNow}. */
  async stopNow(): Promise<AgentSummary> {
    this.#ending = true;
    for (const thread of this.#retiring.keys()) void thread.stopNow();
    return await this.#ended(this.#current.stopNow());
  }

  async close(): Promise<void> {
    this.#ending = true;
    for (const thread of this.#retiring.keys()) void thread.stopNow();
    await Promise.all(this.#retiring.values());
    await this.#current.close();
  }

  async #ended(summary: Promise<AgentSummary>): Promise<AgentSummary> {
    const [last] = await Promise.all([summary, ...this.#retiring.values()]);
    return sum(this.#done, last);
  }

  #needsNewAgent(start: AgentStart, permissions: PermissionSet): boolean {
    const fixedIn = ({ config, routes }: AgentStart) => {
      const { tls: _renewedInPlace, ...way } = routes.controlPlane;
      const { baseUrl, urlPath } = config.controlPlane;
      return JSON.stringify([baseUrl, urlPath, way, config.sandboxLearn, config.mcp.oauthTrustedOrigins]);
    };
    if (fixedIn(start) !== fixedIn(this.#start)) return true;
    return this.#options.sandbox === "strict" &&
      JSON.stringify(permissions) !== JSON.stringify(this.#permissions);
  }

  async #succeed(start: AgentStart, permissions: PermissionSet): Promise<void> {
    const { log } = this.#options;
    const before = this.#current;
    const limitMs = this.#start.config.drainTimeoutMs;
    const next = this.#createThread(start, permissions, { keeper: before.lendKeeper() });
    try {
      // Asked for when the new one has loaded: from then on there is hardly time for another.
      await next.ask(START_LIMIT_MS);
      const handshakes = await before.handshakes(ANSWER_MS);
      await inTime(next.start(handshakes));
    } catch (error) {
      await next.close();
      before.ownKeeper();
      throw error;
    }
    next.ownKeeper();
    this.#current = next;
    log.info("a new agent has taken over; the one before finishes what it has", {
      component: "sandbox",
      ...permissions,
    });
    this.#retiring.set(before, this.#retire(before, limitMs));
    // The agent's own word is fresher than what the one before said.
    await next.ask(ANSWER_MS);
    if (this.#ending) throw new Error("a stop was requested");
  }

  async #retire(thread: AgentThread, limitMs: number): Promise<void> {
    const summary = await thread.drain(limitMs);
    this.#done = sum(this.#done, summary);
    await thread.close();
    this.#options.exposition().agentEnded(thread);
    this.#retiring.delete(thread);
    this.#options.log.info("agent of the configuration before has ended", {
      component: "sandbox",
      received: summary.received,
      ...summary.outcomes,
    });
  }

  #createThread(
    start: AgentStart,
    permissions: PermissionSet,
    origin: { readonly agent?: SpawnedAgent; readonly keeper?: Keeper },
  ): AgentThread {
    const { sandbox, log, own, exposition, hooks, entry } = this.#options;
    const isCurrent = () => this.#current === thread;
    const thread: AgentThread = new AgentThread({
      ...origin,
      start,
      permissions,
      sandbox,
      log,
      entry,
      hooks: {
        onRecords: hooks.onRecords,
        onEntries: hooks.onEntries,
        onStatus: (status) => {
          if (!isCurrent()) return;
          this.#status = status;
          this.#statusAt = performance.now();
        },
        onMetrics: (snapshot) => exposition().update(snapshot, thread),
        onReplaced: (lost, unseen) => {
          exposition().agentReplaced(thread);
          own.count("commands_received_total", undefined, unseen.received);
          for (const [outcome, count] of Object.entries(unseen.outcomes)) {
            if (count > 0) own.count("commands_outcome_total", { outcome }, count);
          }
          if (lost > 0) own.count("commands_outcome_total", { outcome: "undeliverable" }, lost);
        },
        onCrashed: (error) => {
          if (isCurrent()) hooks.onCrashed(error);
          else log.error("agent that does not poll has crashed", { component: "sandbox", error });
        },
        onJudgeOrigin: (origin) => hooks.onJudgeOrigin?.(origin) ?? "",
        onKeyRefused: () => {
          if (isCurrent()) hooks.onKeyRefused?.();
        },
      },
    });
    return thread;
  }
}

/** @throws {Error} when an agent does not come up in time */
async function inTime(start: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`the new agent was not up after ${START_LIMIT_MS / 1000} s`)),
    START_LIMIT_MS,
  );
  try {
    await Promise.race([start, promise]);
  } finally {
    clearTimeout(timer);
  }
}

const NOTHING_DONE: AgentSummary = {
  received: 0,
  outcomes: { answered: 0, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 },
};

function sum(a: AgentSummary, b: AgentSummary): AgentSummary {
  const { outcomes } = a;
  return {
    received: a.received + b.received,
    outcomes: {
      answered: outcomes.answered + b.outcomes.answered,
      acknowledged: outcomes.acknowledged + b.outcomes.acknowledged,
      failed_answered: outcomes.failed_answered + b.outcomes.failed_answered,
      expired: outcomes.expired + b.outcomes.expired,
      undeliverable: outcomes.undeliverable + b.outcomes.undeliverable,
    },
  };
}
