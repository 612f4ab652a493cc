/** The sending half of a connection. */
import type { Wire } from "./dial.ts";
import type { HttpRequest } from "./http.ts";
import { endRequestHead } from "./request_head.ts";

/** Requests up to this size leave in one write. */
const WRITE_BUFFER_BYTES = 16 * 1024;

const encoder = new TextEncoder();

/** Sends one request after the other, and knows how far it got. */
export class RequestWriter {
  readonly #wire: Wire;
  #buffer: Uint8Array | undefined;
  #busy = false;
  #writtenBytes = 0;
  #error: unknown;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** True until the current request has been handed over entirely, or writing it has failed. */
  get busy(): boolean {
    return this.#busy;
  }

  /** How much of the current request the wire has taken. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Why the current request could not be written; undefined while nothing is wrong. */
  get error(): unknown {
    return this.#error;
  }

  /**
   * Starts to send a request; the other properties tell how that goes.
   * @param head what `beginRequestHead` made of the request
   */
  send(head: string, request: HttpRequest): void {
    this.#writtenBytes = 0;
    this.#error = undefined;
    const { body, method } = request;
    const single = this.#inOnePiece(head, request);
    if (single !== undefined) {
      this.#write(single, undefined);
      return;
    }
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    this.#write(encoder.encode(head + endRequestHead(method, bytes?.length)), bytes);
  }

  /** Head and body together in this connection's own memory; undefined when they do not fit. */
  #inOnePiece(head: string, { body, method }: HttpRequest): Uint8Array | undefined {
    // The body is encoded first, behind the longest head there can be, because the head names its length.
    const headRoom = head.length * 3 + 64;
    const bodyLength = body?.length ?? 0;
    if (headRoom + bodyLength > WRITE_BUFFER_BYTES) return undefined;
    const buffer = this.#buffer ??= new Uint8Array(WRITE_BUFFER_BYTES);
    let bodyBytes: number | undefined;
    if (typeof body === "string") {
      const { read, written } = encoder.encodeInto(body, buffer.subarray(headRoom));
      if (read < bodyLength) return undefined;
      bodyBytes = written;
    } else if (body !== undefined) {
      buffer.set(body, headRoom);
      bodyBytes = bodyLength;
    }
    const { written } = encoder.encodeInto(head + endRequestHead(method, bodyBytes), buffer);
    if (bodyBytes === undefined) return buffer.subarray(0, written);
    buffer.copyWithin(written, headRoom, headRoom + bodyBytes);
    return buffer.subarray(0, written + bodyBytes);
  }

  async #write(first: Uint8Array, second: Uint8Array | undefined): Promise<void> {
    this.#busy = true;
    try {
      await this.#writeAll(first);
      if (second !== undefined) await this.#writeAll(second);
    } catch (error) {
      // Who waits for the answer judges it: a peer may answer without reading the request to its end.
      this.#error = error;
    } finally {
      this.#busy = false;
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const count = await this.#wire.write(written === 0 ? bytes : bytes.subarray(written));
      written += count;
      this.#writtenBytes += count;
    }
  }
}
