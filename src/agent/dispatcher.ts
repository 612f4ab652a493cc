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
  readonly #runningByChannel = new Map<string, number>();
  #asides = 0;
  #listens = 0;
  #idleWaiters: (() => void)[] = [];
  #closed = false;

  constructor(private readonly deps: DispatcherDeps) {}

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
    while (this.#running.size > 0 || this.deps.queue.length > 0) await this.#settled();
  }

  /** Resolves when the queue is empty and nothing runs; subscriptions are ended when nothing but them is left. */
  async drained(): Promise<void> {
    while (this.#running.size > this.#listens || this.deps.queue.length > 0) await this.#settled();
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
    const command = this.deps.queue.remove(requestId);
    if (command !== undefined) this.#start(command, (run) => run.endUnexecuted("cancelled"));
  }

  /** Counts what will never end, because its channel does not react to an abort. Only to be called at the very end. */
  abandon(): void {
    for (const run of this.#running) {
      this.#running.delete(run);
      this.outcomes[run.abandon().outcome]++;
      this.deps.onEnded(run.command);
    }
  }

  #answerWaiting(): void {
    for (const command of this.deps.queue.takeAll()) {
      this.#start(command, (run) => run.endUnexecuted("drain_limit"));
    }
  }

  #next(): Command | undefined {
    return this.deps.queue.take(this.#isOpen);
  }

  /**
   * Calls need a worker and room in their channel. Notifications and the connector's answers need neither, or a call
   * that waits for one of them would wait for itself; only their own number is bounded. Subscriptions never wait.
   */
  readonly #isOpen = (channelName: string, lane: Lane): boolean => {
    if (lane === "listen") return true;
    if (lane === "aside") return this.#asides < this.deps.workers;
    if (this.busyWorkers >= this.deps.workers) return false;
    const limit = this.deps.channels.get(channelName)?.maxConcurrentCalls;
    return limit === undefined || (this.#runningByChannel.get(channelName) ?? 0) < limit;
  };

  #start(command: Command, work: (run: CommandRun) => Promise<{ outcome: Outcome }>): void {
    const { channel: name } = command;
    const run = new CommandRun(command, this.deps.channels.get(name), this.deps);
    const lane = laneOf(command);
    this.#running.add(run);
    if (lane === "aside") this.#asides++;
    else if (lane === "listen") this.#listens++;
    else this.#runningByChannel.set(name, (this.#runningByChannel.get(name) ?? 0) + 1);
    work(run).then((end) => {
      if (!this.#running.delete(run)) return;
      this.outcomes[end.outcome]++;
      this.deps.onEnded(command);
      if (lane === "aside") this.#asides--;
      else if (lane === "listen") this.#listens--;
      else this.#leave(name);
      this.pump();
      if (this.#running.size === this.#listens) this.#wakeIdle();
    });
  }

  /** Channel names come from remote callers: one that nothing runs on is forgotten. */
  #leave(channel: string): void {
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

const runToEnd = (run: CommandRun) => run.run();
const refuseListen = (run: CommandRun) => run.refuse("too many subscriptions are open");
