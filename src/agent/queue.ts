import { type Command, isAside, type Lane, laneOf } from "./command.ts";

/**
 * The bounded line between poller and dispatcher (P-77). It is first in, first out per channel, so that a channel
 * which is busy does not hold up the others (P-78); and per lane, so that no call holds up what must not wait for it.
 */
export class CommandQueue {
  readonly #lines = new Map<string, Line>();
  #length = 0;
  #asides = 0;
  #order = 0;
  #spaceWaiters: (() => void)[] = [];
  #capacity: number;

  /** @param capacity commands that may wait at once, at least 1 */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** What is queued already stays, also when it is more than that. */
  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#wakeWaiters();
  }

  get length(): number {
    return this.#length;
  }

  /** Free places, never negative. */
  get free(): number {
    return Math.max(0, this.capacity - this.#length);
  }

  /** Free places for messages that wait for nothing: as many again as there are, so that calls never shut them out. */
  get freeForAsides(): number {
    return Math.max(this.free, this.capacity - this.#asides);
  }

  /** Whether there is a place for this command. */
  hasRoomFor(command: Command): boolean {
    return (isAside(command) ? this.freeForAsides : this.free) > 0;
  }

  /** Puts a command at the end. The caller has made sure of {@link hasRoomFor} (P-47). */
  push(command: Command): void {
    const lane = laneOf(command);
    if (lane === "aside") this.#asides++;
    const key = laneKey(command.channel, lane);
    let line = this.#lines.get(key);
    if (!line) this.#lines.set(key, line = new Line(command.channel, lane));
    line.push({ command, order: this.#order++ });
    this.#length++;
  }

  /**
   * Takes the oldest command that can be started now.
   * @param isOpen whether a channel can take a command of this lane
   */
  take(isOpen: (channel: string, lane: Lane) => boolean): Command | undefined {
    let best: Line | undefined;
    for (const line of this.#lines.values()) {
      if (line.head === undefined || !isOpen(line.channel, line.lane)) continue;
      if (best?.head === undefined || line.head.order < best.head.order) best = line;
    }
    const command = best?.shift();
    if (best && command) this.#left(best);
    return command;
  }

  /** Takes the command of this id out of the line, wherever it stands. */
  remove(requestId: string): Command | undefined {
    for (const line of this.#lines.values()) {
      const command = line.remove(requestId);
      if (command === undefined) continue;
      this.#left(line);
      return command;
    }
    return undefined;
  }

  #left(line: Line): void {
    // Channel names come from remote callers: an empty line that stayed would be one more to walk for ever.
    if (line.head === undefined) this.#lines.delete(laneKey(line.channel, line.lane));
    this.#length--;
    if (line.lane === "aside") this.#asides--;
    this.#wakeWaiters();
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
function laneKey(channel: string, lane: Lane): string {
  return lane === "call" ? channel : `${channel} ${lane}`;
}

interface Entry {
  readonly command: Command;
  readonly order: number;
}

/** A list that is cheap at both ends: taken entries are cut off only now and then. */
class Line {
  constructor(readonly channel: string, readonly lane: Lane) {}

  #entries: Entry[] = [];
  #first = 0;

  get head(): Entry | undefined {
    return this.#entries[this.#first];
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  remove(requestId: string): Command | undefined {
    const at = this.#entries.findIndex(({ command }, index) =>
      index >= this.#first && command.requestId === requestId
    );
    return at === -1 ? undefined : this.#entries.splice(at, 1)[0]?.command;
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
