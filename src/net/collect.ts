/** Putting a body together from its pieces, within a limit. */
import { BodyTooLargeError } from "./http.ts";

/** A declared length is believed up to here; beyond it memory grows with what really arrives. */
const TRUSTED_BYTES = 64 * 1024 * 1024;
const FIRST_BYTES = 16 * 1024;

/** A growing piece of memory that refuses more than a limit. */
export class Collector {
  #bytes: Uint8Array;
  #length = 0;
  readonly #limitBytes: number;

  /** @param expectedBytes declared length, if there is one */
  constructor(limitBytes: number, expectedBytes = FIRST_BYTES) {
    this.#limitBytes = limitBytes;
    this.#bytes = new Uint8Array(Math.min(expectedBytes, TRUSTED_BYTES));
  }

  /** Appends a copy of the piece. @throws {BodyTooLargeError} when that is more than the limit */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#limitBytes) throw new BodyTooLargeError(this.#limitBytes);
    if (length > this.#bytes.length) this.#grow(length);
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** Free memory to read into, at most `wantedBytes` long and never empty; say with {@link Collector.filled} how much was used. */
  room(wantedBytes: number): Uint8Array {
    if (this.#length === this.#bytes.length) this.#grow(this.#length + 1);
    return this.#bytes.subarray(this.#length, this.#length + wantedBytes);
  }

  /** Counts bytes that were put into {@link Collector.room}. */
  filled(bytes: number): void {
    this.#length += bytes;
  }

  /** What has been collected; the collector is not used afterwards. */
  take(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
  }

  #grow(neededBytes: number): void {
    const grown = new Uint8Array(Math.max(neededBytes, this.#bytes.length * 2, FIRST_BYTES));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Collects all pieces. @throws {BodyTooLargeError} when they are more than the limit */
export async function collect(pieces: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Uint8Array> {
  const collector = new Collector(limitBytes);
  for await (const piece of pieces) collector.add(piece);
  return collector.take();
}
