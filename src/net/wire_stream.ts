/** Wires as Node streams and back, for `node:tls`. */
import { Duplex } from "node:stream";
import { closeWire, type Wire } from "./dial.ts";

const READ_BYTES = 64 * 1024;

/** A wire as what `node:tls` takes for a socket. Destroying it closes the wire. */
export class WireStream extends Duplex {
  readonly #wire: Wire;

  constructor(wire: Wire) {
    super({ highWaterMark: READ_BYTES });
    this.#wire = wire;
  }

  override _read(): void {
    // A piece is handed on without copying, so each gets memory of its own.
    const memory = new Uint8Array(READ_BYTES);
    this.#wire.read(memory).then(
      (count) => this.push(count === null ? null : memory.subarray(0, count)),
      (error) => this.destroy(error),
    );
  }

  override _write(bytes: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#writeAll(bytes).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    closeWire(this.#wire);
    done(error);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) written += await this.#wire.write(bytes.subarray(written));
  }
}

interface WaitingRead {
  readonly into: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: unknown) => void;
}

/** A Node stream as a wire. */
export class StreamWire implements Wire {
  readonly #stream: Duplex;
  #unread: Uint8Array | undefined;
  #waiting: WaitingRead | undefined;
  /** How reading ended: null after an end, otherwise why. */
  #end: { readonly error: unknown } | null | undefined;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on("data", (bytes: Uint8Array) => this.#take(bytes));
    stream.on("end", () => this.#finish(null));
    stream.on("error", (error) => this.#finish({ error }));
    // A stream that closes without an end was cut off.
    stream.on("close", () => this.#finish({ error: new Deno.errors.UnexpectedEof("closed without an end") }));
    stream.pause();
    // Nobody would tell of an end that came before.
    if (stream.destroyed) {
      this.#finish({ error: stream.errored ?? new Deno.errors.UnexpectedEof("closed without an end") });
    }
  }

  read(into: Uint8Array): Promise<number | null> {
    const unread = this.#unread;
    if (unread !== undefined) {
      this.#unread = undefined;
      return Promise.resolve(this.#hand(unread, into));
    }
    const end = this.#end;
    if (end !== undefined) return end === null ? Promise.resolve(null) : Promise.reject(end.error);
    const reading = new Promise<number | null>((resolve, reject) => {
      this.#waiting = { into, resolve, reject };
    });
    this.#stream.resume();
    return reading;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  close(): void {
    this.#finish({ error: new Deno.errors.Interrupted("closed on this side") });
    this.#stream.destroy();
  }

  #take(bytes: Uint8Array): void {
    this.#stream.pause();
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#unread = this.#unread === undefined ? bytes : joined(this.#unread, bytes);
      return;
    }
    this.#waiting = undefined;
    waiting.resolve(this.#hand(bytes, waiting.into));
  }

  #hand(bytes: Uint8Array, into: Uint8Array): number {
    const count = Math.min(bytes.length, into.length);
    into.set(count === bytes.length ? bytes : bytes.subarray(0, count));
    if (count < bytes.length) this.#unread = bytes.subarray(count);
    return count;
  }

  #finish(end: { readonly error: unknown } | null): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (end === null) waiting?.resolve(null);
    else waiting?.reject(end.error);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
