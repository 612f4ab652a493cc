import { isConnectionError, PeerGoneError } from "./http_error.ts";

/** Size of the buffer that a quiet connection holds, in bytes; a usual request fits. */
const SMALL = 8 * 1024;

/**
 * The bytes that come in on a connection. At most one read is under way; it may be started before anybody wants its
 * bytes, to learn when the peer goes.
 */
export class SocketReader {
  readonly #conn: Deno.Conn;
  #buffer = new Uint8Array(SMALL);
  #start = 0;
  #end = 0;
  #pending: Promise<boolean> | undefined;
  #gone = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Bytes that have come and have not been taken; valid until the next read. */
  get buffered(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** True when the peer has closed its side, or the connection broke. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Marks bytes as taken. */
  skip(bytes: number): void {
    this.#start += bytes;
    // A read that is under way writes behind #end.
    if (this.#start === this.#end && this.#pending === undefined) {
      this.#start = 0;
      this.#end = 0;
    }
  }

  /**
   * Waits for more bytes than there are.
   * @returns false when no more will come
   */
  more(): Promise<boolean> {
    return this.#pending ??= this.#read();
  }

  /**
   * Fills a buffer completely.
   * @param onProgress called for every piece
   * @throws {PeerGoneError} when the peer goes before that
   */
  async fill(target: Uint8Array, onProgress: () => void): Promise<void> {
    let at = 0;
    while (at < target.length) {
      const have = Math.min(target.length - at, this.#end - this.#start);
      if (have > 0) {
        target.set(this.#buffer.subarray(this.#start, this.#start + have), at);
        this.skip(have);
        at += have;
      } else if (this.#pending !== undefined) {
        if (!await this.#pending) throw new PeerGoneError();
      } else {
        const count = await this.#readInto(target.subarray(at));
        if (count === null) throw new PeerGoneError();
        at += count;
      }
      onProgress();
    }
  }

  async #read(): Promise<boolean> {
    this.#makeRoom();
    const count = await this.#readInto(this.#buffer.subarray(this.#end));
    this.#pending = undefined;
    if (count === null) return false;
    this.#end += count;
    return true;
  }

  async #readInto(target: Uint8Array): Promise<number | null> {
    try {
      const count = await this.#conn.read(target);
      this.#gone ||= count === null;
      return count;
    } catch (error) {
      if (!isConnectionError(error)) throw error;
      this.#gone = true;
      return null;
    }
  }

  #makeRoom(): void {
    if (this.#end < this.#buffer.length) return;
    const kept = this.buffered;
    const bytes = kept.length * 2 > this.#buffer.length ? this.#buffer.length * 2 : this.#buffer.length;
    const target = bytes === this.#buffer.length ? this.#buffer : new Uint8Array(bytes);
    if (target === this.#buffer) target.copyWithin(0, this.#start, this.#end);
    else target.set(kept);
    this.#buffer = target;
    this.#end = kept.length;
    this.#start = 0;
  }
}
