/**
 * Where the body of a response ends (RFC 9112 §6.3). A framing looks at bytes in a connection's buffer, marks which
 * of them are data, and never waits.
 */
import { NetError } from "./net_error.ts";
import type { ResponseHead } from "./response_head.ts";

/** One body's framing. */
export interface Framing {
  /** True when nothing of the body is outstanding. */
  readonly ended: boolean;
  /** Bytes that are still to come; undefined when only the end itself will tell. */
  readonly remainingBytes: number | undefined;
  /** Data found by the last {@link Framing.accept}: from here … */
  readonly dataStart: number;
  /** … to here. */
  readonly dataEnd: number;
  /** The first byte that does not belong to what was accepted. */
  readonly next: number;
  /**
   * Takes the bytes of `buffer[start, end)`; data may be moved together within that range.
   * @throws {NetError} when the framing is broken
   */
  accept(buffer: Uint8Array, start: number, end: number): void;
  /** Counts data bytes that were read past the buffer; at most {@link Framing.remainingBytes}. */
  skip(bytes: number): void;
  /**
   * The connection has ended.
   * @throws {NetError} `unexpected_eof` when the body has not
   */
  close(): void;
}

/** The framing that a head announces. @param method method of the request that it answers */
export function framingOf(head: ResponseHead, method: string): Framing {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return new LengthFraming(0);
  if (head.chunked) return new ChunkedFraming();
  if (head.contentLength !== undefined) return new LengthFraming(head.contentLength);
  return new CloseFraming();
}

/** A body of known length. */
export class LengthFraming implements Framing {
  dataStart = 0;
  dataEnd = 0;
  next = 0;

  constructor(public remainingBytes: number) {}

  get ended(): boolean {
    return this.remainingBytes === 0;
  }

  accept(_buffer: Uint8Array, start: number, end: number): void {
    const taken = Math.min(end - start, this.remainingBytes);
    this.remainingBytes -= taken;
    this.dataStart = start;
    this.dataEnd = this.next = start + taken;
  }

  skip(bytes: number): void {
    this.remainingBytes -= bytes;
  }

  close(): void {
    if (!this.ended) throw brokenOff();
  }
}

/** A body that ends with its connection. */
export class CloseFraming implements Framing {
  ended = false;
  dataStart = 0;
  dataEnd = 0;
  next = 0;
  readonly remainingBytes = undefined;

  accept(_buffer: Uint8Array, start: number, end: number): void {
    this.dataStart = start;
    this.dataEnd = this.next = end;
  }

  skip(_bytes: number): void {}

  close(): void {
    this.ended = true;
  }
}

const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const SEMICOLON = 59;
/** Thirteen hexadecimal digits are 2^52 − 1 at most, which a number holds exactly. */
const MAX_SIZE_DIGITS = 13;
/** Chunk extensions and trailer fields are read past, up to here per line of extensions and for all trailers. */
const MAX_SKIPPED_BYTES = 16 * 1024;

type ChunkState =
  | "size"
  | "size-space"
  | "extension"
  | "size-lf"
  | "data"
  | "data-cr"
  | "data-lf"
  | "trailer"
  | "trailer-lf";

/**
 * A chunked body (RFC 9112 §7.1). Lines must end with CR LF: a reader that is lenient here sees other chunks than
 * the next one. Extensions and trailer fields are dropped.
 */
export class ChunkedFraming implements Framing {
  ended = false;
  dataStart = 0;
  dataEnd = 0;
  next = 0;
  readonly remainingBytes = undefined;

  #state: ChunkState = "size";
  #size = 0;
  #digits = 0;
  #skipped = 0;
  #trailerLineLength = 0;

  accept(buffer: Uint8Array, start: number, end: number): void {
    this.dataStart = this.dataEnd = start;
    let index = start;
    while (index < end && !this.ended) {
      if (this.#state === "data") {
        const taken = Math.min(end - index, this.#size);
        this.#addData(buffer, index, index + taken);
        index += taken;
        this.#size -= taken;
        if (this.#size === 0) this.#state = "data-cr";
      } else {
        this.#acceptByte(buffer[index++]);
      }
    }
    this.next = index;
  }

  skip(_bytes: number): void {}

  close(): void {
    if (!this.ended) throw brokenOff();
  }

  /** The first run of data stays where it is; later ones are moved up to it, so that one read gives one piece. */
  #addData(buffer: Uint8Array, start: number, end: number): void {
    if (this.dataEnd === this.dataStart) {
      this.dataStart = start;
      this.dataEnd = end;
    } else {
      buffer.copyWithin(this.dataEnd, start, end);
      this.dataEnd += end - start;
    }
  }

  #acceptByte(byte: number): void {
    switch (this.#state) {
      case "size":
        this.#acceptSizeByte(byte);
        return;
      case "size-space":
        this.#acceptAfterSize(byte);
        return;
      case "extension":
        if (byte === CARRIAGE_RETURN) this.#state = "size-lf";
        else if (byte === LINE_FEED) throw brokenChunk("a chunk's size line does not end with CR LF");
        else this.#countSkipped();
        return;
      case "size-lf":
        if (byte !== LINE_FEED) throw brokenChunk("a chunk's size line does not end with CR LF");
        this.#state = this.#size === 0 ? "trailer" : "data";
        this.#digits = this.#skipped = this.#trailerLineLength = 0;
        return;
      case "data-cr":
        if (byte !== CARRIAGE_RETURN) throw brokenChunk("a chunk is longer than its size");
        this.#state = "data-lf";
        return;
      case "data-lf":
        if (byte !== LINE_FEED) throw brokenChunk("a chunk is longer than its size");
        this.#state = "size";
        return;
      case "trailer":
        if (byte === CARRIAGE_RETURN) this.#state = "trailer-lf";
        else if (byte === LINE_FEED) throw brokenChunk("a trailer line does not end with CR LF");
        else this.#trailerLineLength++;
        this.#countSkipped();
        return;
      case "trailer-lf":
        if (byte !== LINE_FEED) throw brokenChunk("a trailer line does not end with CR LF");
        if (this.#trailerLineLength === 0) this.ended = true;
        this.#trailerLineLength = 0;
        this.#state = "trailer";
        return;
    }
  }

  #acceptSizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) throw brokenChunk("a chunk's size is too large");
      this.#size = this.#size * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw brokenChunk("a chunk's size is missing");
    this.#acceptAfterSize(byte);
  }

  #acceptAfterSize(byte: number): void {
    if (byte === CARRIAGE_RETURN) this.#state = "size-lf";
    else if (byte === SEMICOLON) this.#state = "extension";
    else if (byte === SPACE || byte === TAB) this.#state = "size-space";
    else throw brokenChunk("a chunk's size is not a number");
    this.#countSkipped();
  }

  #countSkipped(): void {
    if (++this.#skipped > MAX_SKIPPED_BYTES) throw brokenChunk("chunk extensions or trailers are too long");
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lowered = byte | 0x20;
  return lowered >= 0x61 && lowered <= 0x66 ? lowered - 0x57 : -1;
}

function brokenOff(): NetError {
  return new NetError("unexpected_eof", "connection closed before the end of the answer", true);
}

function brokenChunk(why: string): NetError {
  return new NetError("unknown", `the answer is not valid HTTP: ${why}`, true);
}
