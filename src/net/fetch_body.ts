/** The body of a `fetch` response. */
import { collect } from "./collect.ts";
import type { FetchAbort } from "./fetch_abort.ts";
import { failureOfFetchBody } from "./fetch_failure.ts";
import { BodyTooLargeError, type HttpBody } from "./http.ts";
import { NetError } from "./net_error.ts";

/**
 * A cancelled body that is known to be no longer than this is read to its end, if that takes no longer than this: half
 * of the connections whose bodies are given up unread are lost, which costs more than reading.
 */
const DRAIN_BYTES = 64 * 1024;
const DRAIN_MS = 100;

const decoder = new TextDecoder();

/** A body that is read once, or cancelled. */
export class FetchBody implements HttpBody {
  readonly #response: Response;
  readonly #abort: FetchAbort;
  #state: "unread" | "reading" | "over" = "unread";

  constructor(response: Response, abort: FetchAbort) {
    this.#response = response;
    this.#abort = abort;
    if (response.body === null) abort.release();
  }

  async bytes(limitBytes = Infinity): Promise<Uint8Array> {
    return this.#fitsAsDeclared(limitBytes)
      ? await this.#read(() => this.#response.bytes())
      : await collect(this.chunks(), limitBytes);
  }

  async text(limitBytes = Infinity): Promise<string> {
    return this.#fitsAsDeclared(limitBytes)
      ? await this.#read(() => this.#response.text())
      : decoder.decode(await collect(this.chunks(), limitBytes));
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    this.#begin();
    const reader = this.#response.body?.getReader();
    try {
      while (reader !== undefined) {
        const { done, value } = await this.#explained(reader.read());
        if (done) break;
        yield value;
      }
      this.#finish();
    } finally {
      this.cancel();
    }
  }

  cancel(): void {
    if (this.#state === "over") return;
    const length = this.#declaredBytes();
    const drains = this.#state === "unread" && length !== undefined && length <= DRAIN_BYTES;
    this.#finish();
    if (drains) this.#drain();
    else this.#abort.abort();
  }

  /** @throws {BodyTooLargeError} when the body is known to be longer than the limit */
  #fitsAsDeclared(limitBytes: number): boolean {
    if (limitBytes === Infinity) return true;
    const length = this.#declaredBytes();
    if (length === undefined) return false;
    if (length <= limitBytes) return true;
    this.cancel();
    throw new BodyTooLargeError(limitBytes);
  }

  /**
   * What is known of the body's length. With it the runtime may read the body in one go, which is much faster, because
   * no connection delivers more. The length of a compressed body says nothing of what comes out of it.
   */
  #declaredBytes(): number | undefined {
    const { body, headers } = this.#response;
    if (body === null) return 0;
    const length = headers.get("content-length");
    return length === null || headers.has("content-encoding") ? undefined : Number(length);
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    this.#begin();
    try {
      return await this.#explained(read());
    } finally {
      this.#finish();
    }
  }

  #finish(): void {
    this.#state = "over";
    this.#abort.release();
  }

  #begin(): void {
    if (this.#state !== "unread") throw new TypeError("the body has been read or cancelled already");
    this.#state = "reading";
  }

  async #explained<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      this.#abort.throwIfAborted();
      if (this.#state === "over") throw new NetError("connection_closed", "the body was cancelled", true);
      throw failureOfFetchBody(error);
    }
  }

  #drain(): void {
    const timer = setTimeout(() => this.#abort.abort(), DRAIN_MS);
    const done = () => clearTimeout(timer); // nobody waits for this body: how it ends is of no interest
    this.#response.bytes().then(done, done);
  }
}
