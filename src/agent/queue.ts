import { type Command, isAside } from "./command.ts";

/**
 * The bounded line between poller and dispatcher (P-77). It is first in, first out per channel, so that a channel
 * which is busy does not hold up the others (P-78); and messages that wait for nothing have a lane of their own, so that
 * no call holds them up.
 */
export class CommandQueue {
  readonly #lanes = new Map<string, Lane>();
  #length = 0;
  #order = 0;
  #spaceWaiters: (() => void)[] = [];

  /** @param capacity commands that may wait at once, at least 1 */
  constructor(readonly capacity: number) {}

  get length(): number {
    return this.#length;
  }

  /** Free places, never negative. */
  get free(): number {
    return Math.max(0, this.capacity - this.#length);
  }

  /** Puts a command at the end. The caller has made sure of {@link free} (P-47). */
  push(command: Command): void {
    const aside = isAside(command);
    const key = laneKey(command.channel, aside);
    let lane = this.#lanes.get(key);
    if (!lane) this.#lanes.set(key, lane = new Lane(command.channel, aside));
    lane.push({ command, order: this.#order++ });
    this.#length++;
  }

  /**
   * Takes the oldest command that can be started now.
   * @param isOpen whether a channel can take a command, or a message that waits for nothing
   */
  take(isOpen: (channel: string, aside: boolean) => boolean): Command | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.head === undefined || !isOpen(lane.channel, lane.aside)) continue;
      if (best?.head === undefined || lane.head.order < best.head.order) best = lane;
    }
    const command = best?.shift();
    if (command) {
      // Channel names come from remote callers: an empty lane that stayed would be one more to walk for ever.
      if (best && best.head === undefined) this.#lanes.delete(laneKey(best.channel, best.aside));
      this.#length--;
      this.#wakeWaiters();
    }
    return command;
  }

  /** Takes every command that waits, oldest first. */
  takeAll(): Command[] {
    const all: Command[] = [];
    for (let command = this.take(always); command; command = this.take(always)) all.push(command);
    return all;
  }

  /** Resolves when a place is free, or when the signal is aborted. */
  async space(signal: AbortSignal): Promise<void> {
    while (this.free === 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      this.#spaceWaiters.push(wake);
      signal.addEventListener("abort", wake);
      await promise;
      signal.removeEventListener("abort", wake);
    }
  }

  #wakeWaiters(): void {
    if (this.#spaceWaiters.length === 0) return;
    const waiters = this.#spaceWaiters;
    this.#spaceWaiters = [];
    for (const wake of waiters) wake();
  }
}

/** Channel names hold no blanks. */
function laneKey(channel: string, aside: boolean): string {
  return aside ? `${channel} aside` : channel;
}

interface Entry {
  readonly command: Command;
  readonly order: number;
}

/** A list that is cheap at both ends: taken entries are cut off only now and then. */
class Lane {
  constructor(readonly channel: string, readonly aside: boolean) {}

  #entries: Entry[] = [];
  #first = 0;

  get head(): Entry | undefined {
    return this.#entries[this.#first];
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  shift(): Command | undefined {
    const entry = this.#entries[this.#first];
    if (!entry) return undefined;
    this.#first++;
    if (this.#first === this.#entries.length || this.#first >= 1024) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return entry.command;
  }
}

const always = () => true;
