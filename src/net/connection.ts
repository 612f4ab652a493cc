/** One HTTP/1.1 connection: one exchange at a time, and an eye on it in between. */
import { closeWire, type Wire } from "./dial.ts";
import { type Failure, failureOfSocketError } from "./failure.ts";
import type { Framing } from "./framing.ts";
import { NetError } from "./net_error.ts";
import type { HttpRequest } from "./http.ts";
import { endRequestHead } from "./request_head.ts";
import { HeadEnd, MAX_HEAD_BYTES, parseResponseHead, type ResponseHead } from "./response_head.ts";

/** Requests up to this size leave in one write. */
const WRITE_BUFFER_BYTES = 16 * 1024;
/** More interim responses than this before the final one are a fault of the peer. */
const MAX_INTERIM_RESPONSES = 16;

const UNKNOWN_FAILURE: Failure = { kind: "unknown", detail: "connection failed" };
const NO_ANSWER: Failure = { kind: "eof", detail: "closed without an answer" };
const HALF_A_HEAD: Failure = { kind: "unexpected_eof", detail: "closed in the middle of an answer's head" };

const encoder = new TextEncoder();
const headDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A connection is busy with an exchange, idle in the pool, or closed for good. */
export class Connection {
  /** Key of the requests that may use it. */
  readonly key: string;
  /** `performance.now()` at which it may no longer be reused; set while idle. */
  idleUntilMs = 0;
  /** `performance.now()` at which it became idle. */
  idleSinceMs = 0;
  /** What the last response said of how long the peer keeps it when idle, in ms. */
  keepAliveMs: number | undefined;

  readonly #wire: Wire;
  readonly #secure: boolean;
  readonly #readBuffer = new Uint8Array(MAX_HEAD_BYTES);
  readonly #headEnd = new HeadEnd();
  #writeBuffer: Uint8Array | undefined;
  #start = 0;
  #end = 0;
  #state: "busy" | "idle" | "closed" = "busy";
  /** The read that waits while the connection is idle, and that the next exchange takes over. */
  #idleRead: Promise<number | null> | undefined;
  #onIdleEnd: ((connection: Connection) => void) | undefined;
  #signal: AbortSignal | undefined;
  #writing = false;
  #writtenBytes = 0;
  #writeError: unknown;

  /** @param secure whether the wire encrypts, so that a failed write says nothing about what has left */
  constructor(wire: Wire, { key, secure }: { key: string; secure: boolean }) {
    this.#wire = wire;
    this.key = key;
    this.#secure = secure;
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
    this.#writtenBytes = 0;
    this.#writeError = undefined;
    try {
      this.#signal?.throwIfAborted();
      this.#send(head, request);
      for (let interim = 0; interim <= MAX_INTERIM_RESPONSES; interim++) {
        const response = await this.#readHead();
        if (response.status >= 200) return response;
        // RFC 9110 §15.2.2: only who asked for an upgrade may be told to switch.
        if (response.status === 101) break;
      }
      throw new NetError("unknown", "the answer is not valid HTTP: interim responses without an end", true);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Gives the framing what has been read; returns the data among it, valid until the next call. */
  take(framing: Framing): Uint8Array {
    framing.accept(this.#readBuffer, this.#start, this.#end);
    this.#start = framing.next;
    return this.#readBuffer.subarray(framing.dataStart, framing.dataEnd);
  }

  /**
   * Reads what comes next, once {@link Connection.take} has used up everything before.
   * @returns false at the end of the stream
   * @throws {NetError} when the connection broke; the signal's `reason` when it was aborted
   */
  async fill(): Promise<boolean> {
    this.#start = this.#end = 0;
    const read = await this.#read(this.#readBuffer);
    this.#end = read ?? 0;
    return read !== null;
  }

  /** Reads past the buffer into the caller's memory; as {@link Connection.fill} otherwise. Null at the end. */
  fillInto(memory: Uint8Array): Promise<number | null> {
    return this.#read(memory);
  }

  /**
   * Ends the exchange after its whole body has been taken.
   * @returns true when the connection can be used again
   */
  finish(): boolean {
    this.detach();
    if (this.#state === "closed") return false;
    // Bytes behind the answer belong to nobody; an answer that overtook its request leaves the rest of that unsent.
    if (this.#start === this.#end && !this.#writing && this.#writeError === undefined) return true;
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
    this.#idleRead = this.#wire.read(this.#readBuffer);
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

  #send(head: string, request: HttpRequest): void {
    const { body, method } = request;
    const buffer = this.#writeBuffer ??= new Uint8Array(WRITE_BUFFER_BYTES);
    // The body is encoded first, behind the longest head there can be, because the head names its length.
    const headRoom = head.length * 3 + 64;
    if (body === undefined || headRoom + body.length <= buffer.length) {
      const bodyRoom = buffer.subarray(Math.min(headRoom, buffer.length));
      const bodyBytes = body === undefined ? 0 : putBody(body, bodyRoom);
      if (bodyBytes >= 0) {
        const text = head + endRequestHead(method, body === undefined ? undefined : bodyBytes);
        const { read, written } = encoder.encodeInto(text, buffer);
        if (read === text.length) {
          buffer.copyWithin(written, headRoom, headRoom + bodyBytes);
          this.#write(buffer.subarray(0, written + bodyBytes), undefined);
          return;
        }
      }
    }
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    this.#write(encoder.encode(head + endRequestHead(method, bytes?.length)), bytes);
  }

  async #write(first: Uint8Array, second: Uint8Array | undefined): Promise<void> {
    this.#writing = true;
    try {
      await this.#writeAll(first);
      if (second !== undefined) await this.#writeAll(second);
    } catch (error) {
      // Who waits for the answer judges it: a peer may answer without reading the request to its end.
      this.#writeError = error;
    } finally {
      this.#writing = false;
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let written = await this.#wire.write(bytes);
    this.#writtenBytes += written;
    while (written < bytes.length) {
      const more = await this.#wire.write(bytes.subarray(written));
      written += more;
      this.#writtenBytes += more;
    }
  }

  async #readHead(): Promise<ResponseHead> {
    const buffer = this.#readBuffer;
    this.#headEnd.reset();
    let looked = this.#start;
    for (;;) {
      const headEnd = this.#headEnd.find(buffer, looked, this.#end);
      if (headEnd >= 0) {
        const text = headDecoder.decode(buffer.subarray(this.#start, headEnd));
        this.#start = headEnd;
        return parseResponseHead(text);
      }
      looked = this.#end;
      if (this.#start > 0) {
        // Behind an interim response: move up what is there of the next head.
        buffer.copyWithin(0, this.#start, this.#end);
        this.#end -= this.#start;
        looked -= this.#start;
        this.#start = 0;
      }
      if (this.#end === buffer.length) {
        throw new NetError("unknown", `the answer's head is larger than ${MAX_HEAD_BYTES} bytes`, true);
      }
      const read = await this.#readForHead(this.#end === 0 ? buffer : buffer.subarray(this.#end));
      this.#end += read;
    }
  }

  async #readForHead(into: Uint8Array): Promise<number> {
    let failure: Failure = this.#end === 0 ? NO_ANSWER : HALF_A_HEAD;
    let cause: unknown;
    try {
      const read = await this.#rawRead(into);
      if (read !== null) return read;
    } catch (error) {
      cause = error;
      failure = this.#failureOf(error, failure);
    }
    throw await this.#noAnswer(failure, cause);
  }

  /** The error for an exchange that ended before its answer. */
  async #noAnswer(failure: Failure, cause: unknown): Promise<unknown> {
    if (this.#signal?.aborted) return this.#signal.reason;
    // The write may have failed in the same turn; whether any byte had left by then decides what may be repeated.
    if (this.#writing) await eventLoopTurn();
    if (this.#signal?.aborted) return this.#signal.reason;
    if (this.#writeError !== undefined && failure === NO_ANSWER) {
      failure = failureOfSocketError(this.#writeError, UNKNOWN_FAILURE);
      cause = this.#writeError;
    }
    const requestWritten = this.#secure || this.#writtenBytes > 0 || this.#writeError === undefined;
    return new NetError(failure.kind, failure.detail, requestWritten, { cause });
  }

  async #read(into: Uint8Array): Promise<number | null> {
    try {
      return await this.#rawRead(into);
    } catch (error) {
      if (this.#signal?.aborted) throw this.#signal.reason;
      const { kind, detail } = this.#failureOf(error, {
        kind: "unexpected_eof",
        detail: "connection closed before the end of the answer",
      });
      throw new NetError(kind, detail, true, { cause: error });
    }
  }

  #rawRead(into: Uint8Array): Promise<number | null> {
    const idleRead = this.#idleRead;
    if (idleRead === undefined) return this.#wire.read(into);
    this.#idleRead = undefined;
    return idleRead;
  }

  /** @param atEnd what a TLS stream that ends without saying so amounts to */
  #failureOf(error: unknown, atEnd: Failure): Failure {
    if (error instanceof Deno.errors.UnexpectedEof) return atEnd;
    return failureOfSocketError(error, UNKNOWN_FAILURE);
  }
}

/** One turn of the event loop, in which the system's news about sockets arrives. A zero timer, and nothing less, waits for them. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Puts the body into memory; -1 when it does not fit. */
function putBody(body: string | Uint8Array, room: Uint8Array): number {
  if (typeof body === "string") {
    const { read, written } = encoder.encodeInto(body, room);
    return read === body.length ? written : -1;
  }
  if (body.length > room.length) return -1;
  room.set(body);
  return body.length;
}
