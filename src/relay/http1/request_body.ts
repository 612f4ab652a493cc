import { HttpError, PeerGoneError } from "./http_error.ts";
import type { BodyFraming } from "./request_head.ts";
import type { SocketReader } from "./socket_reader.ts";

/** A body is longer than its reader allowed; it has not been read to its end. */
export class BodyTooLongError extends Error {
  override readonly name = "BodyTooLongError";
  constructor(readonly limitBytes: number) {
    super(`the body is longer than ${limitBytes} bytes`);
  }
}

const CR = 0x0d;
const LF = 0x0a;
/** Longest line with a chunk's size, or with a trailer field, in bytes. */
const MAX_LINE_BYTES = 1024;
/** Trailer fields that are read over. */
const MAX_TRAILERS = 50;
const EMPTY = new Uint8Array();

/** The body of one request, read at most once. */
export class RequestBody {
  readonly #reader: SocketReader;
  readonly #framing: BodyFraming;
  readonly #onProgress: () => void;
  #state: "unread" | "reading" | "read";

  /** @param onProgress called whenever bytes have come, for the clock that watches over slow senders */
  constructor(reader: SocketReader, framing: BodyFraming, onProgress: () => void) {
    this.#reader = reader;
    this.#framing = framing;
    this.#onProgress = onProgress;
    this.#state = framing.type === "none" ? "read" : "unread";
  }

  /** True when nothing of it is left on the connection. */
  get isRead(): boolean {
    return this.#state === "read";
  }

  /** Bytes that are announced and not read; Infinity when nobody knows. */
  get unreadBytes(): number {
    if (this.#state === "read") return 0;
    return this.#framing.type === "length" && this.#state === "unread" ? this.#framing.bytes : Infinity;
  }

  /** The whole body without waiting, when it has come already; it is valid until the next read of the connection. */
  takeBuffered(limitBytes: number): Uint8Array | undefined {
    if (this.#state === "read") return EMPTY;
    const { type } = this.#framing;
    if (type !== "length" || this.#state !== "unread") return undefined;
    const { bytes } = this.#framing;
    const { buffered } = this.#reader;
    if (bytes > limitBytes || bytes > buffered.length) return undefined;
    this.#state = "read";
    this.#reader.skip(bytes);
    return buffered.subarray(0, bytes);
  }

  /**
   * Reads it to its end.
   * @throws {BodyTooLongError} above the limit; what is left stays on the connection
   * @throws {PeerGoneError} when the peer goes before its end
   * @throws {HttpError} for malformed chunks
   */
  async bytes(limitBytes: number): Promise<Uint8Array> {
    if (this.#state === "read") return EMPTY;
    if (this.#framing.type === "length" && this.#framing.bytes > limitBytes) {
      throw new BodyTooLongError(limitBytes);
    }
    this.#state = "reading";
    const whole = this.#framing.type === "length"
      ? await this.#sized(this.#framing.bytes)
      : await this.#chunked(limitBytes);
    this.#state = "read";
    return whole;
  }

  async #sized(bytes: number): Promise<Uint8Array> {
    const whole = new Uint8Array(bytes);
    await this.#reader.fill(whole, this.#onProgress);
    return whole;
  }

  async #chunked(limitBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const size = chunkSize(await this.#line());
      if (size === 0) break;
      length += size;
      if (length > limitBytes) throw new BodyTooLongError(limitBytes);
      const chunk = new Uint8Array(size);
      await this.#reader.fill(chunk, this.#onProgress);
      chunks.push(chunk);
      if (await this.#line() !== "") throw new HttpError(400, "A chunk is longer than announced.");
    }
    for (let trailers = 0; await this.#line() !== "";) {
      if (++trailers > MAX_TRAILERS) throw new HttpError(400, "The body has too many trailer fields.");
    }
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : joined(chunks, length);
  }

  async #line(): Promise<string> {
    for (;;) {
      const { buffered } = this.#reader;
      const end = buffered.indexOf(LF);
      if (end > 0 && buffered[end - 1] === CR && end <= MAX_LINE_BYTES) {
        const line = String.fromCharCode(...buffered.subarray(0, end - 1));
        this.#reader.skip(end + 1);
        return line;
      }
      if (end !== -1 || buffered.length > MAX_LINE_BYTES) {
        throw new HttpError(400, "The chunked body is malformed.");
      }
      if (!await this.#reader.more()) throw new PeerGoneError();
      this.#onProgress();
    }
  }
}

/** Chunk extensions are allowed and mean nothing here (RFC 9112 §7.1.1). */
function chunkSize(line: string): number {
  const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?$/.exec(line)?.[1];
  if (size === undefined) throw new HttpError(400, "The size of a chunk is malformed.");
  return Number.parseInt(size, 16);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
