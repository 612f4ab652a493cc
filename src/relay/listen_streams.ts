import { EventStream, type EventStreamOptions } from "./event_stream.ts";
import type { Session } from "./session_table.ts";

/** Longer silence makes some proxies close a connection, in ms. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Streams that belong to a session and to no call (MCP 2025-11-25, listening for messages): they stay open and carry
 * nothing but signs of life. One for each session; a further one takes its place.
 */
export class ListenStreams {
  readonly #streams = new Map<Session, EventStream>();
  #timer: ReturnType<typeof setInterval> | undefined;

  get size(): number {
    return this.#streams.size;
  }

  open(session: Session, options: EventStreamOptions): EventStream {
    this.#streams.get(session)?.cut();
    const stream = new EventStream(options);
    this.#streams.set(session, stream);
    this.#timer ??= setInterval(() => this.#keepAlive(), KEEP_ALIVE_MS);
    return stream;
  }

  /** Ends the stream of a session. @param only nothing happens when another has taken the place of this one */
  close(session: Session, only?: EventStream): void {
    const stream = this.#streams.get(session);
    if (stream === undefined || (only !== undefined && only !== stream)) return;
    this.#streams.delete(session);
    stream.cut();
    if (this.#streams.size === 0) this.#stopTimer();
  }

  stop(): void {
    for (const session of this.#streams.keys()) this.close(session);
  }

  #keepAlive(): void {
    for (const stream of this.#streams.values()) if (!stream.isWaiting) stream.put(": keep-alive\n\n");
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
