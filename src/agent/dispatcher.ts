/** Takes commands from the queue as soon as a worker and their channel have room (section 10). */
import type { Channel } from "../channels/mod.ts";
import type { Outcome } from "../ops/mod.ts";
import type { Command } from "./command.ts";
import { CommandRun, type RunDeps } from "./command_run.ts";
import type { CommandQueue } from "./queue.ts";

export interface DispatcherDeps extends RunDeps {
  readonly queue: CommandQueue;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly workers: number;
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
  #idleWaiters: (() => void)[] = [];

  constructor(private readonly deps: DispatcherDeps) {}

  /** Commands that are being worked on. */
  get running(): number {
    return this.#running.size;
  }

  /** Starts whatever can be started now. */
  pump(): void {
    while (this.#running.size < this.deps.workers) {
      const command = this.deps.queue.take(this.#isOpen);
      if (!command) return;
      this.#start(command, (run) => run.run());
    }
  }

  /** Resolves when the queue is empty and nothing runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0 || this.deps.queue.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idleWaiters.push(resolve);
      await promise;
    }
  }

  /** Ends every exchange and answers what is left with a failure: the stop's limit has been reached. */
  abortAll(): void {
    for (const run of this.#running) run.abort("drain_limit");
    for (const command of this.deps.queue.takeAll()) this.#start(command, (run) => run.answerUnexecuted());
  }

  readonly #isOpen = (channelName: string): boolean => {
    const limit = this.deps.channels.get(channelName)?.maxConcurrentCalls;
    return limit === undefined || (this.#runningByChannel.get(channelName) ?? 0) < limit;
  };

  #start(command: Command, work: (run: CommandRun) => Promise<{ outcome: Outcome }>): void {
    const { channel: name } = command;
    const run = new CommandRun(command, this.deps.channels.get(name), this.deps);
    this.#running.add(run);
    this.#runningByChannel.set(name, (this.#runningByChannel.get(name) ?? 0) + 1);
    work(run).then((end) => {
      this.outcomes[end.outcome]++;
      this.#running.delete(run);
      this.#runningByChannel.set(name, (this.#runningByChannel.get(name) ?? 1) - 1);
      this.pump();
      if (this.#running.size === 0) this.#wakeIdle();
    });
  }

  #wakeIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }
}
