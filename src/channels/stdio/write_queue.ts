import { oneLine } from "../../json/mod.ts";

/** One message on its way to the child. */
export interface QueuedWrite {
  /** `queued` messages can still be taken back; of a `writing` one some bytes may have left. */
  readonly state: "queued" | "writing" | "written" | "failed" | "withdrawn";
}

interface Item {
  state: QueuedWrite["state"];
  readonly text: string;
  readonly settled: ((state: "written" | "failed") => void) | undefined;
}

/**
 * The one writer of a child's stdin. Messages leave one after the other, each as one line in one write (ST-9), and
 * the next one starts when the pipe has taken the last: a child that does not read holds up its callers, not the memory.
 */
export class WriteQueue {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onBroken: () => void;
  readonly #encoder = new TextEncoder();
  readonly #items = new Set<Item>();
  #busy = false;
  #closing = false;
  /** Set when the pipe is closed or broken; what is still queued then stays queued. */
  #unusable = false;

  /** @param onBroken is called once, when the pipe does not take a message */
  constructor(stdin: WritableStream<Uint8Array>, onBroken: () => void) {
    this.#writer = stdin.getWriter();
    // The write that meets the error reports it.
    this.#writer.closed.catch(() => undefined);
    this.#onBroken = onBroken;
  }

  /** Messages that wait or are being written. */
  get length(): number {
    return this.#items.size;
  }

  /**
   * Adds a message. Line ends between its tokens become blanks.
   * @param settled is called when the pipe has taken it or broke over it; never for a message that stays queued
   */
  push(text: string, settled?: (state: "written" | "failed") => void): QueuedWrite {
    const item: Item = { state: "queued", text, settled };
    this.#items.add(item);
    if (!this.#busy) void this.#run();
    return item;
  }

  /** Takes a message back. @returns false when some of it may have left already */
  withdraw(write: QueuedWrite): boolean {
    if (write.state !== "queued") return false;
    const item = write as Item;
    item.state = "withdrawn";
    this.#items.delete(item);
    return true;
  }

  /** Begins no further write: what is queued stays queued. */
  halt(): void {
    this.#unusable = true;
  }

  /** Closes the pipe behind what is queued. */
  close(): void {
    this.#closing = true;
    if (!this.#busy) void this.#run();
  }

  /** Gives the pipe up, whatever state it is in. Never throws. */
  async abandon(): Promise<void> {
    this.#unusable = true;
    await this.#writer.abort().catch(() => undefined);
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (const item of this.#items) {
      if (this.#unusable) break;
      await this.#write(item);
    }
    this.#busy = false;
    if (!this.#closing || this.#unusable) return;
    this.#unusable = true;
    // A child that has gone before makes closing fail, which changes nothing.
    await this.#writer.close().catch(() => undefined);
  }

  async #write(item: Item): Promise<void> {
    item.state = "writing";
    try {
      await this.#writer.write(this.#encoder.encode(oneLine(item.text) + "\n"));
      this.#settle(item, "written");
    } catch (error) {
      // Whatever the system says of a pipe that takes no more bytes, it is of no more use.
      if (!(error instanceof Error)) throw error;
      this.#unusable = true;
      this.#settle(item, "failed");
      this.#onBroken();
    }
  }

  #settle(item: Item, state: "written" | "failed"): void {
    item.state = state;
    this.#items.delete(item);
    item.settled?.(state);
  }
}
