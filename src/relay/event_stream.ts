import { oneLine } from "../agent/wire.ts";

const encoder = new TextEncoder();

/** One JSON text as a server-sent event: data on one line (P-174), behind the id where it has one. */
export function eventText(json: string, id?: string): string {
  return id === undefined ? `data: ${oneLine(json)}\n\n` : `id: ${id}\ndata: ${oneLine(json)}\n\n`;
}

interface HeldEvent {
  readonly bytes: Uint8Array;
  readonly settle: (isWritten: boolean) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** `held` is followed by one of the others. `released`: the stream ended before there was room. */
export type EventFate = "written" | "held" | "written-late" | "dropped" | "dropped-late" | "released";

export interface EventStreamOptions {
  /** Unread bytes from which on events are held. */
  readonly bufferBytes: number;
  /** A held event is dropped after this, in ms. */
  readonly holdMs: number;
  /** Told of every event: it was written, it has to wait (and will be told of again), or nobody read and it is lost. */
  readonly onEvent: (fate: EventFate) => void;
}

/** Events held at once; with more, the newest are dropped at once (P-169). */
const MAX_HELD = 16;

/**
 * A stream of server-sent events with bounded memory: while the reader lags behind, whoever brings an event waits,
 * and so does the agent that posts it, and the target behind it (P-169). The last event always gets through.
 * It is read once, as a sequence of pieces.
 */
export class EventStream implements AsyncIterable<Uint8Array> {
  readonly #options: EventStreamOptions;
  readonly #held: HeldEvent[] = [];
  #buffered: Uint8Array[] = [];
  #bufferedBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Writes an event. @returns whether it got in; a promise when it has to wait for the reader */
  write(json: string, id?: string): boolean | Promise<boolean> {
    if (this.#ended) return false;
    const bytes = encoder.encode(eventText(json, id));
    if (this.#held.length === 0 && this.#bufferedBytes < this.#options.bufferBytes) {
      this.#put(bytes);
      this.#options.onEvent("written");
      return true;
    }
    if (this.#held.length >= MAX_HELD) {
      this.#options.onEvent("dropped");
      return false;
    }
    this.#options.onEvent("held");
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#giveUp(settle), this.#options.holdMs);
      this.#held.push({ bytes, settle, timer });
    });
  }

  /** Writes what is held, then the last event if there is one, and ends the stream. */
  finish(json: string | undefined, id?: string): void {
    if (this.#ended) return;
    for (const event of this.#held.splice(0)) this.#writeHeld(event);
    if (json !== undefined) this.#put(encoder.encode(eventText(json, id)));
    this.cut();
  }

  /** Writes text that is complete by itself, whether there is room or not. */
  put(text: string): void {
    if (!this.#ended && text !== "") this.#put(encoder.encode(text));
  }

  /** True while the reader has not taken all that was written. */
  get isWaiting(): boolean {
    return this.#bufferedBytes > 0;
  }

  /** Ends the stream behind what has been written (P-174), or because its reader is gone. */
  cut(): void {
    this.#ended = true;
    for (const event of this.#held.splice(0)) {
      this.#options.onEvent("released");
      release(event, "lost");
    }
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const pieces = this.#buffered;
      this.#buffered = [];
      for (const piece of pieces) {
        yield piece;
        // Whoever asks for the next piece has passed this one on.
        this.#bufferedBytes -= piece.length;
        this.#refill();
      }
      if (this.#buffered.length > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #put(bytes: Uint8Array): void {
    this.#buffered.push(bytes);
    this.#bufferedBytes += bytes.length;
    this.#wake?.();
  }

  #refill(): void {
    while (this.#bufferedBytes < this.#options.bufferBytes) {
      const event = this.#held.shift();
      if (event === undefined) return;
      this.#writeHeld(event);
    }
  }

  #writeHeld(event: HeldEvent): void {
    this.#put(event.bytes);
    this.#options.onEvent("written-late");
    release(event, "written");
  }

  #giveUp(settle: HeldEvent["settle"]): void {
    const at = this.#held.findIndex((event) => event.settle === settle);
    const event = this.#held[at];
    if (event === undefined) return;
    this.#held.splice(at, 1);
    this.#options.onEvent("dropped-late");
    release(event, "lost");
  }
}

function release(event: HeldEvent, fate: "written" | "lost"): void {
  clearTimeout(event.timer);
  event.settle(fate === "written");
}
