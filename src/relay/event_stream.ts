import { oneLine } from "../agent/wire.ts";

const encoder = new TextEncoder();

/** One JSON text as a server-sent event: data only, on one line (P-174). */
export function eventText(json: string): string {
  return `data: ${oneLine(json)}\n\n`;
}

interface HeldEvent {
  readonly bytes: Uint8Array;
  readonly settle: () => void;
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
  /** The reader has gone away. */
  readonly onGone: () => void;
}

/** Events held at once; with more, the newest are dropped at once (P-169). */
const MAX_HELD = 16;

/**
 * A stream of server-sent events with bounded memory: while the reader lags behind, whoever brings an event waits,
 * and so does the agent that posts it, and the target behind it (P-169). The last event always gets through.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  readonly #held: HeldEvent[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#refill(),
      cancel: () => {
        this.#end();
        options.onGone();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: options.bufferBytes }));
  }

  /** Writes an event. @returns a promise when it has to wait for the reader */
  write(json: string): Promise<void> | undefined {
    const controller = this.#controller;
    if (controller === undefined) return undefined;
    const bytes = encoder.encode(eventText(json));
    if (this.#held.length === 0 && (controller.desiredSize ?? 0) > 0) {
      controller.enqueue(bytes);
      this.#options.onEvent("written");
      return undefined;
    }
    if (this.#held.length >= MAX_HELD) {
      this.#options.onEvent("dropped");
      return undefined;
    }
    this.#options.onEvent("held");
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#drop(settle), this.#options.holdMs);
      this.#held.push({ bytes, settle, timer });
    });
  }

  /** Writes what is held, then the last event if there is one, and ends the stream. */
  finish(json: string | undefined): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    for (const event of this.#held.splice(0)) this.#writeHeld(controller, event);
    if (json !== undefined) controller.enqueue(encoder.encode(eventText(json)));
    controller.close();
    this.#end();
  }

  /** Ends the stream where it is (P-174). */
  cut(): void {
    this.#controller?.close();
    this.#end();
  }

  /** The reader is gone; lets go of everything. */
  drop(): void {
    this.#end();
  }

  #refill(): void {
    const controller = this.#controller;
    while (controller !== undefined && (controller.desiredSize ?? 0) > 0) {
      const event = this.#held.shift();
      if (event === undefined) return;
      this.#writeHeld(controller, event);
    }
  }

  #writeHeld(controller: ReadableStreamDefaultController<Uint8Array>, event: HeldEvent): void {
    controller.enqueue(event.bytes);
    this.#options.onEvent("written-late");
    release(event);
  }

  #drop(settle: () => void): void {
    const at = this.#held.findIndex((event) => event.settle === settle);
    const [event] = this.#held.splice(at, 1);
    if (event === undefined) return;
    this.#options.onEvent("dropped-late");
    release(event);
  }

  #end(): void {
    this.#controller = undefined;
    for (const event of this.#held.splice(0)) {
      this.#options.onEvent("released");
      release(event);
    }
  }
}

function release(event: HeldEvent): void {
  clearTimeout(event.timer);
  event.settle();
}
