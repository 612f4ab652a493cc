/** The body of a response on a {@link Connection}: read once or cancelled, then the connection is handed on. */
import { Collector } from "./collect.ts";
import type { Connection } from "./connection.ts";
import type { Framing } from "./framing.ts";
import { BodyTooLargeError, type HttpBody } from "./http.ts";
import { NetError } from "./net_error.ts";

/**
 * How long, and for how many bytes, the rest of a cancelled body is read so that its connection can be reused. An event
 * stream whose last event has been seen usually ends within this; closing would cost the next call a new connection.
 */
const DRAIN_MS = 100;
const DRAIN_BYTES = 64 * 1024;

/** Where connections go when their exchange is over. */
export interface ExchangeEnd {
  /** The whole body has been taken. @param reusable whether head and framing let the connection live on */
  over(connection: Connection, reusable: boolean): void;
  /** The rest of a cancelled body is going to be read. @returns false when too many are at it already */
  beginDrain(connection: Connection): boolean;
  endDrain(connection: Connection): void;
}

const decoder = new TextDecoder();

/** A body that is not empty, on a connection of its own until it is over. */
export class ResponseBody implements HttpBody {
  readonly #connection: Connection;
  readonly #framing: Framing;
  readonly #reusable: boolean;
  readonly #end: ExchangeEnd;
  #state: "unread" | "reading" | "over" = "unread";
  #waiting = false;

  /** @param options.reusable whether head and framing let the connection live on */
  constructor(connection: Connection, framing: Framing, options: { reusable: boolean; end: ExchangeEnd }) {
    this.#connection = connection;
    this.#framing = framing;
    this.#reusable = options.reusable;
    this.#end = options.end;
  }

  bytes(limitBytes = Infinity): Promise<Uint8Array> {
    return this.#readAll(limitBytes, copied);
  }

  text(limitBytes = Infinity): Promise<string> {
    return this.#readAll(limitBytes, decoded);
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    this.#begin();
    try {
      while (!this.#framing.ended) {
        const piece = this.#take();
        if (piece.length > 0) {
          const copy = piece.slice();
          if (this.#framing.ended) this.#finish();
          yield copy;
        } else if (!this.#framing.ended) {
          await this.#fill();
        }
      }
      this.#finish();
    } finally {
      this.cancel();
    }
  }

  cancel(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#connection.detach();
    // A read that waits belongs to a reader who has been told to stop; only closing ends it.
    const rest = this.#framing.remainingBytes ?? 0;
    if (this.#reusable && !this.#waiting && !this.#connection.closed && rest <= DRAIN_BYTES) this.#drain();
    else this.#connection.close();
  }

  /** @param convert makes the result of bytes that, unless `owned`, lie in the connection's buffer */
  async #readAll<T>(limitBytes: number, convert: (bytes: Uint8Array, owned: boolean) => T): Promise<T> {
    this.#begin();
    const framing = this.#framing;
    try {
      const { remainingBytes } = framing;
      if (remainingBytes !== undefined && remainingBytes > limitBytes) {
        throw new BodyTooLargeError(limitBytes);
      }
      const first = this.#take();
      if (framing.ended) {
        if (first.length > limitBytes) throw new BodyTooLargeError(limitBytes);
        const result = convert(first, false);
        this.#finish();
        return result;
      }
      const collector = new Collector(limitBytes, remainingBytes);
      collector.add(first);
      while (!framing.ended) {
        if (framing.remainingBytes === undefined) {
          await this.#fill();
          collector.add(this.#take());
        } else {
          await this.#fillInto(collector, framing.remainingBytes);
        }
      }
      this.#finish();
      return convert(collector.take(), true);
    } finally {
      this.cancel();
    }
  }

  #begin(): void {
    if (this.#state !== "unread") throw new TypeError("the body has been read or cancelled already");
    this.#connection.throwIfAborted();
    this.#state = "reading";
  }

  #take(): Uint8Array {
    return this.#connection.take(this.#framing);
  }

  async #fill(): Promise<void> {
    this.#waiting = true;
    if (!await this.#connection.fill()) this.#framing.close();
    this.#waiting = false;
  }

  async #fillInto(collector: Collector, remainingBytes: number): Promise<void> {
    this.#waiting = true;
    const read = await this.#connection.fillInto(collector.room(remainingBytes));
    this.#waiting = false;
    if (read === null) {
      this.#framing.close();
    } else {
      collector.filled(read);
      this.#framing.skip(read);
    }
  }

  #finish(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#end.over(this.#connection, this.#reusable);
  }

  /** Reads to the end what is left of a cancelled body, if that comes soon, and closes the connection otherwise. */
  async #drain(): Promise<void> {
    const connection = this.#connection;
    const framing = this.#framing;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      let drainedBytes = this.#take().length;
      if (!framing.ended && this.#end.beginDrain(connection)) {
        timer = setTimeout(() => connection.close(), DRAIN_MS);
        while (!framing.ended && drainedBytes <= DRAIN_BYTES && await connection.fill()) {
          drainedBytes += this.#take().length;
        }
      }
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      // Nobody waits for this body any more: that it broke only means that its connection is closed below.
    } finally {
      if (timer !== undefined) {
        clearTimeout(timer);
        this.#end.endDrain(connection);
      }
    }
    if (framing.ended) this.#end.over(connection, this.#reusable);
    else connection.close();
  }
}

function copied(bytes: Uint8Array, owned: boolean): Uint8Array {
  return owned ? bytes : bytes.slice();
}

function decoded(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
