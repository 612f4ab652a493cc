/** The body of a `fetch` response. */
import { collect } from "./collect.ts";
import { failureOfFetchBody } from "./fetch_failure.ts";
import { BodyTooLargeError, type HttpBody } from "./http.ts";

const decoder = new TextDecoder();

/** A body that is read once, or cancelled. */
export class FetchBody implements HttpBody {
  readonly #response: Response;
  readonly #signal: AbortSignal | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(response: Response, signal: AbortSignal | undefined) {
    this.#response = response;
    this.#signal = signal;
  }

  async bytes(limitBytes = Infinity): Promise<Uint8Array> {
    return this.#fitsAsDeclared(limitBytes)
      ? await this.#native(this.#response.bytes())
      : await collect(this.chunks(), limitBytes);
  }

  async text(limitBytes = Infinity): Promise<string> {
    return this.#fitsAsDeclared(limitBytes)
      ? await this.#native(this.#response.text())
      : decoder.decode(await collect(this.chunks(), limitBytes));
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    const reader = this.#response.body?.getReader();
    if (reader === undefined) return;
    this.#reader = reader;
    try {
      for (;;) {
        const { done, value } = await this.#native(reader.read());
        if (done) return;
        yield value;
      }
    } finally {
      this.cancel();
    }
  }

  cancel(): void {
    const cancelled = this.#reader?.cancel() ?? this.#response.body?.cancel();
    cancelled?.catch(ignored);
  }

  /**
   * Whether the runtime may read the body in one go, which is much faster: its length is known, and the connection
   * does not deliver more than that. Deno drops `Content-Length` from answers that it decompresses.
   * @throws {BodyTooLargeError} when the length is known to be too much
   */
  #fitsAsDeclared(limitBytes: number): boolean {
    if (limitBytes === Infinity || this.#response.body === null) return true;
    const length = this.#response.headers.get("content-length");
    if (length === null) return false;
    if (Number(length) <= limitBytes) return true;
    this.cancel();
    throw new BodyTooLargeError(limitBytes);
  }

  async #native<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw failureOfFetchBody(error);
    }
  }
}

/** Cancelling a body that has failed, or is being read to its end, rejects; whoever reads it learns of that. */
function ignored(): void {}
