/** Takes commands from the queue as soon as a worker and their channel have room (section 10). */
import type { Channel } from "../channels/mod.ts";
import type { Outcome } from "../ops/mod.ts";
import { type Command, type Lane, laneOf } from "./command.ts";
import { CommandRun, type RunDeps } from "./command_run.ts";
import type { CommandQueue } from "./queue.ts";

/** Subscriptions that may be open at once; one more is refused, because the ones before it may never end. */
export const MAX_LISTENS = 256;

export interface DispatcherDeps extends RunDeps {
  readonly queue: CommandQueue;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly workers: number;
  /** Called when a command has come to its end, whatever that is. */
  readonly onEnded: (command: Command) => void;
}

/** What may change while commands run; those that have started go on as they were started. */
export type DispatcherChanges = Pick<
  DispatcherDeps,
  "channels" | "workers" | "connectionMaxTtlMs" | "forwardTraceContext" | "discover" | "responder"
>;

/** Outcomes by name; their sum is the number of commands that have ended. */
export type OutcomeCounts = Record<Outcome, number>;

export class Dispatcher {
  readonly outcomes: OutcomeCounts = {
    answered: 0,
    acknowledged: 0,
    failed_answered: 0,
    expired: 0,
    undeliverable: 0,
  };
  readonly #running = new Set<CommandRun>();
  /** By channel, or by name where there is no such channel. */
  readonly #runningByChannel = new Map<Channel | string, number>();
  #asides = 0;
  #listens = 0;
  #idleWaiters: (() => void)[] = [];
  #closed = false;
  #deps: DispatcherDeps;
  readonly #retiring = new Set<Retirement>();

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  /** What starts from now on follows these. */
  reconfigure(changes: DispatcherChanges): void {
    this.#deps = { ...this.#deps, ...changes };
    this.pump();
  }

  /**
   * Resolves when nothing runs any more on channels that were replaced. Subscriptions there are ended at once, and what
   * still runs when the signal is raised is answered with a failure.
   */
  async retire(channels: ReadonlySet<Channel>, limit: AbortSignal): Promise<void> {
    const left = [...this.#running].filter(({ channel }) => channel !== undefined && channels.has(channel));
    if (left.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const retirement = { left: new Set(left), resolve };
    this.#retiring.add(retirement);
    for (const run of left) if (laneOf(run.command) === "listen") run.abort("drain_limit");
    const abort = () => {
      for (const run of retirement.left) run.abort("drain_limit");
    };
    limit.addEventListener("abort", abort);
    await promise;
    limit.removeEventListener("abort", abort);
    this.#retiring.delete(retirement);
  }

  /** Commands that are being worked on. */
  get running(): number {
    return this.#running.size;
  }

  /** Workers in use; messages that wait for nothing take none, nor do subscriptions. */
  get busyWorkers(): number {
    return this.#running.size - this.#asides - this.#listens;
  }

  /** Commands that have ended. */
  get ended(): number {
    let sum = 0;
    for (const outcome in this.outcomes) sum += this.outcomes[outcome as Outcome];
    return sum;
  }

  /** Starts whatever can be started now. */
  pump(): void {
    if (this.#closed) return this.#answerWaiting();
    for (let command = this.#next(); command; command = this.#next()) {
      const isOneTooMany = laneOf(command) === "listen" && this.#listens >= MAX_LISTENS;
      this.#start(command, isOneTooMany ? refuseListen : runToEnd);
    }
  }

  /** Resolves when the queue is empty and nothing runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0 || this.#deps.queue.length > 0) await this.#settled();
  }

  /** Resolves when the queue is empty and nothing runs; subscriptions are ended when nothing but them is left. */
  async drained(): Promise<void> {
    while (this.#running.size > this.#listens || this.#deps.queue.length > 0) await this.#settled();
    for (const run of this.#running) run.abort("drain_limit");
    await this.idle();
  }

  /** Resolves when a command has ended and nothing but subscriptions runs. */
  #settled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idleWaiters.push(resolve);
    return promise;
  }

  /**
   * Ends every exchange and answers what waits with a failure: the stop's limit has been reached. What is queued later
   * is answered in the same way; nothing is started any more.
   */
  abortAll(): void {
    this.#closed = true;
    for (const run of this.#running) run.abort("drain_limit");
    this.#answerWaiting();
  }

  /** Ends a command that nobody waits for any more, wherever it is. An unknown id is one that has ended. */
  cancel(requestId: string): void {
    for (const run of this.#running) if (run.command.requestId === requestId) return run.abort("cancelled");
    const command = this.#deps.queue.remove(requestId);
    if (command !== undefined) this.#start(command, (run) => run.endUnexecuted("cancelled"));
  }

  /** Counts what will never end, because its channel does not react to an abort. Only to be called at the very end. */
  abandon(): void {
    for (const run of this.#running) {
      this.#running.delete(run);
      this.outcomes[run.abandon().outcome]++;
      this.#deps.onEnded(run.command);
      for (const { left, resolve } of this.#retiring) if (left.delete(run) && left.size === 0) resolve();
    }
  }

  #answerWaiting(): void {
    for (const command of this.#deps.queue.takeAll()) {
      this.#start(command, (run) => run.endUnexecuted("drain_limit"));
    }
  }

  #next(): Command | undefined {
    return this.#deps.queue.take(this.#isOpen);
  }

  /**
   * Calls need a worker and room in their channel. Notifications and the connector's answers need neither, or a call
   * that waits for one of them would wait for itself; only their own number is bounded. Subscriptions never wait.
   */
  readonly #isOpen = (channelName: string, lane: Lane): boolean => {
    const { workers, channels } = this.#deps;
    if (lane === "listen") return true;
    if (lane === "aside") return this.#asides < workers;
    if (this.busyWorkers >= workers) return false;
    const channel = channels.get(channelName);
    const limit = channel?.maxConcurrentCalls;
    return channel === undefined || limit === undefined || (this.#runningByChannel.get(channel) ?? 0) < limit;
  };

  #start(command: Command, work: (run: CommandRun) => Promise<{ outcome: Outcome }>): void {
    const { channel: name } = command;
    const channel = this.#deps.channels.get(name);
    const key = channel ?? name;
    const run = new CommandRun(command, channel, this.#deps);
    const lane = laneOf(command);
    this.#running.add(run);
    if (lane === "aside") this.#asides++;
    else if (lane === "listen") this.#listens++;
    else this.#runningByChannel.set(key, (this.#runningByChannel.get(key) ?? 0) + 1);
    work(run).then((end) => {
      if (!this.#running.delete(run)) return;
      this.outcomes[end.outcome]++;
      this.#deps.onEnded(command);
      for (const { left, resolve } of this.#retiring) if (left.delete(run) && left.size === 0) resolve();
      if (lane === "aside") this.#asides--;
      else if (lane === "listen") this.#listens--;
      else this.#leave(key);
      this.pump();
      if (this.#running.size === this.#listens) this.#wakeIdle();
    });
  }

  /** Channel names come from remote callers: one that nothing runs on is forgotten. */
  #leave(channel: Channel | string): void {
    const running = (this.#runningByChannel.get(channel) ?? 1) - 1;
    if (running === 0) this.#runningByChannel.delete(channel);
    else this.#runningByChannel.set(channel, running);
  }

  #wakeIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }
}

/** Runs on channels that were replaced. */
interface Retirement {
  readonly left: Set<CommandRun>;
  readonly resolve: () => void;
}

const runToEnd = (run: CommandRun) => run.run();
const refuseListen = (run: CommandRun) => run.refuse("too many subscriptions are open");
