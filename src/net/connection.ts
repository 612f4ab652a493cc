/** One HTTP/1.1 connection: one exchange at a time, and an eye on it in between. */
import { closeWire, type Wire } from "./dial.ts";
import { type Failure, failureOfSocketError } from "./failure.ts";
import type { Framing } from "./framing.ts";
import type { HttpRequest } from "./http.ts";
import { NetError } from "./net_error.ts";
import { RequestWriter } from "./request_writer.ts";
import { HeadEnd, MAX_HEAD_BYTES, parseResponseHead, type ResponseHead } from "./response_head.ts";

/** More interim responses than this before the final one are a fault of the peer. */
const MAX_INTERIM_RESPONSES = 16;

const UNKNOWN_FAILURE: Failure = { kind: "unknown", detail: "connection failed" };
const NO_ANSWER: Failure = { kind: "eof", detail: "connection closed without an answer" };
const HALF_A_HEAD: Failure = {
  kind: "unexpected_eof",
  detail: "connection closed in the middle of an answer's head",
};
const HALF_A_BODY: Failure = {
  kind: "unexpected_eof",
  detail: "connection closed before the end of the answer",
};

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A connection is busy with an exchange, idle in the pool, or closed for good. */
export class Connection {
  /** Key of the requests that may use it. */
  readonly key: string;
  /** `performance.now()` from which on it is idle, and until which it may be used again. */
  idleSinceMs = 0;
  idleUntilMs = 0;
  /** What the last response said of how long the peer keeps it when idle, in ms. */
  keepAliveMs: number | undefined;
  /** Its client's generation when it was opened. */
  generation = 0;

  readonly #wire: Wire;
  readonly #writer: RequestWriter;
  readonly #secure: boolean;
  readonly #buffer = new Uint8Array(MAX_HEAD_BYTES);
  readonly #headEnd = new HeadEnd();
  #start = 0;
  #end = 0;
  #state: "busy" | "idle" | "closed" = "busy";
  /** The read that waits while the connection is idle, and that the next exchange takes over. */
  #idleRead: Promise<number | null> | undefined;
  #onIdleEnd: ((connection: Connection) => void) | undefined;
  #signal: AbortSignal | undefined;

  /** @param options.secure whether the wire encrypts, so that a failed write says nothing about what has left */
  constructor(wire: Wire, options: { readonly key: string; readonly secure: boolean }) {
    this.#wire = wire;
    this.#writer = new RequestWriter(wire);
    this.key = options.key;
    this.#secure = options.secure;
  }

  /** True once it has been closed, by whichever side. */
  get closed(): boolean {
    return this.#state === "closed";
  }

  /**
   * Sends a request and reads the head of its answer, which may come before the request is fully sent.
   * @param head what `beginRequestHead` made of the request
   * @throws {NetError} when no answer came; the connection is closed then
   * @throws the signal's `reason` when it was aborted; likewise
   */
  async exchange(request: HttpRequest, head: string): Promise<ResponseHead> {
    this.#state = "busy";
    this.#signal = request.signal;
    this.#signal?.addEventListener("abort", this);
    try {
      this.throwIfAborted();
      this.#writer.send(head, request);
      for (let interim = 0; interim <= MAX_INTERIM_RESPONSES; interim++) {
        const response = await this.#readHead();
        if (response.status >= 200) return response;
        if (response.status === 101) {
          throw new NetError("unknown", "the answer is not valid HTTP: it switches protocols unasked", true);
        }
      }
      throw new NetError("unknown", "the answer is not valid HTTP: interim responses without an end", true);
    } catch (error) {
      this.detach();
      this.close();
      throw error;
    }
  }

  /**
   * Gives the framing what has been read; returns the data among it, valid until the next call.
   * @throws {NetError} when the framing is broken; the connection is closed then
   */
  take(framing: Framing): Uint8Array {
    try {
      framing.accept(this.#buffer, this.#start, this.#end);
    } catch (error) {
      this.close(); // where its next answer begins, nobody knows
      throw error;
    }
    this.#start = framing.next;
    return this.#buffer.subarray(framing.dataStart, framing.dataEnd);
  }

  /**
   * Reads what comes next, once {@link Connection.take} has used up everything before.
   * @returns false at the end of the stream
   * @throws {NetError} when the connection broke; the signal's `reason` when it was aborted
   */
  async fill(): Promise<boolean> {
    this.#start = this.#end = 0;
    const read = await this.fillInto(this.#buffer);
    this.#end = read ?? 0;
    return read !== null;
  }

  /** Reads past the buffer into the caller's memory, otherwise as {@link Connection.fill}; null at the end. */
  async fillInto(memory: Uint8Array): Promise<number | null> {
    try {
      const read = await this.#wire.read(memory);
      if (read !== null) return read;
      this.close();
      this.throwIfAborted();
      return null;
    } catch (error) {
      this.throwIfAborted();
      const { kind, detail, reason } = failureOfRead(error, HALF_A_BODY);
      throw new NetError(kind, detail, true, { cause: error, reason });
    }
  }

  /**
   * Ends the exchange after its whole body has been taken.
   * @returns true when the connection can be used again; otherwise it is closed
   */
  finish(): boolean {
    this.detach();
    if (this.#state === "closed") return false;
    // Bytes behind the answer belong to nobody; an answer that overtook its request leaves the rest of that unsent.
    if (this.#start === this.#end && !this.#writer.busy && this.#writer.error === undefined) return true;
    this.close();
    return false;
  }

  /** @throws the signal's `reason` when the exchange was aborted */
  throwIfAborted(): void {
    this.#signal?.throwIfAborted();
  }

  /** Stops listening to the exchange's signal. */
  detach(): void {
    this.#signal?.removeEventListener("abort", this);
    this.#signal = undefined;
  }

  /** Starts to wait for the peer to close. @param onEnd called if that happens while idle */
  park(onEnd: (connection: Connection) => void): void {
    this.#state = "idle";
    this.#onIdleEnd = onEnd;
    this.#start = this.#end = 0;
    this.#idleRead = this.#wire.read(this.#buffer);
    this.#idleRead.then(this.#idleReadEnded, this.#idleReadEnded);
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    closeWire(this.#wire);
  }

  /** The exchange was aborted. */
  handleEvent(): void {
    this.close();
  }

  /** Whatever arrives on an idle connection, its end or bytes nobody asked for, ends its use. */
  readonly #idleReadEnded = (): void => {
    if (this.#state !== "idle") return;
    this.close();
    this.#onIdleEnd?.(this);
  };

  async #readHead(): Promise<ResponseHead> {
    const buffer = this.#buffer;
    this.#headEnd.reset();
    let looked = this.#start;
    for (;;) {
      const headEnd = this.#headEnd.find(buffer, looked, this.#end);
      if (headEnd >= 0) {
        const text = decoder.decode(buffer.subarray(this.#start, headEnd));
        this.#start = headEnd;
        return parseResponseHead(text);
      }
      // Behind an interim response: move up what is there of the next head.
      if (this.#start > 0) buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      looked = this.#end;
      if (looked === buffer.length) {
        throw new NetError("unknown", `the answer's head is larger than ${MAX_HEAD_BYTES} bytes`, true);
      }
      this.#end += await this.#readForHead(looked === 0 ? buffer : buffer.subarray(looked));
    }
  }

  async #readForHead(memory: Uint8Array): Promise<number> {
    const atEnd = this.#end === 0 ? NO_ANSWER : HALF_A_HEAD;
    const reading = this.#idleRead ?? this.#wire.read(memory);
    this.#idleRead = undefined;
    let failure = atEnd;
    let cause: unknown;
    try {
      const read = await reading;
      if (read !== null) return read;
    } catch (error) {
      failure = failureOfRead(error, atEnd);
      cause = error;
    }
    // A write may have failed in the same turn. Whether any byte had left by then decides what may be repeated.
    if (this.#writer.busy) await eventLoopTurn();
    this.throwIfAborted();
    const writeError = this.#writer.error;
    if (writeError !== undefined && failure === NO_ANSWER) {
      failure = failureOfSocketError(writeError, UNKNOWN_FAILURE);
      cause = writeError;
    }
    const requestWritten = this.#secure || this.#writer.writtenBytes > 0 || writeError === undefined;
    throw new NetError(failure.kind, failure.detail, requestWritten, { cause, reason: failure.reason });
  }
}

/** @param atEnd what it means when the stream ends; TLS reports an end without farewell as an error */
function failureOfRead(error: unknown, atEnd: Failure): Failure {
  return error instanceof Deno.errors.UnexpectedEof ? atEnd : failureOfSocketError(error, UNKNOWN_FAILURE);
}

/** One turn of the event loop, in which news about sockets arrive; a zero timer, and nothing less, waits for them. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
