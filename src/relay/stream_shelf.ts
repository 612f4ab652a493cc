import type { ResumableStream, Shelf } from "./resumable_stream.ts";
import type { Session } from "./session_table.ts";

/** How long a finished stream waits for a connector that has not read its end, in ms. */
const KEEP_MS = 300_000;

interface Finished {
  readonly stream: ResumableStream;
  readonly expiresAt: number;
}

/** The resumable streams of one tunnel, within a common bound: the oldest finished ones make room for others. */
export class StreamShelf implements Shelf {
  readonly #maxSize: number;
  readonly #running = new Map<string, ResumableStream>();
  readonly #finished = new Map<string, Finished>();
  #size = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param maxSize of all streams together, in characters */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** What all streams hold, in characters. */
  get size(): number {
    return this.#size;
  }

  get length(): number {
    return this.#running.size + this.#finished.size;
  }

  add(stream: ResumableStream): void {
    this.#running.set(stream.token, stream);
    this.#size += stream.size;
  }

  get(token: string): ResumableStream | undefined {
    return this.#running.get(token) ?? this.#finished.get(token)?.stream;
  }

  /** Makes room among the finished streams. @returns false when running ones need all of it */
  hasRoom(size: number): boolean {
    this.#evict(size);
    return this.#size + size <= this.#maxSize;
  }

  /** A stream holds more, or less. */
  grew(size: number): void {
    this.#size += size;
  }

  /** A stream has its last event; the newest one is kept whatever its size. */
  finished(stream: ResumableStream): void {
    this.#running.delete(stream.token);
    this.#evict(0);
    this.#finished.set(stream.token, { stream, expiresAt: performance.now() + KEEP_MS });
    this.#timer ??= setTimeout(() => this.#expire(), KEEP_MS);
  }

  remove(stream: ResumableStream): void {
    if (!this.#running.delete(stream.token) && !this.#finished.delete(stream.token)) return;
    this.#size -= stream.size;
    stream.discard();
  }

  /** A session is over, and nobody may come back to its streams. */
  removeAllOf(session: Session): void {
    for (const stream of this.#running.values()) if (stream.session === session) this.remove(stream);
    for (const { stream } of this.#finished.values()) if (stream.session === session) this.remove(stream);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { stream } of this.#finished.values()) this.remove(stream);
  }

  #evict(size: number): void {
    for (const { stream } of this.#finished.values()) {
      if (this.#size + size <= this.#maxSize) return;
      this.remove(stream);
    }
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const { stream, expiresAt } of this.#finished.values()) {
      if (expiresAt > now) {
        this.#timer = setTimeout(() => this.#expire(), expiresAt - now + 1);
        return;
      }
      this.remove(stream);
    }
  }
}
