/** Undoing `Content-Encoding` (RFC 9110 §8.4), piece by piece as a body arrives. */
import { collect } from "./collect.ts";
import type { HeaderPairs, HttpBody } from "./http.ts";
import { NetError } from "./net_error.ts";

type Coding = "gzip" | "deflate" | "br";

const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
  br: "br",
};
/** More layers than this are no honest answer. */
const MAX_CODINGS = 4;

const textDecoder = new TextDecoder();

/**
 * The codings of a body in the order in which they were applied.
 * @param contentEncoding field value in lower case
 * @returns undefined when there are none, or one of them is not known here; the body is left as it is then
 */
export function codingsOf(contentEncoding: string): readonly Coding[] | undefined {
  const names = contentEncoding.split(",").map((name) => name.trim()).filter((name) =>
    name !== "" && name !== "identity"
  );
  const codings = names.map((name) => CODINGS[name]).filter((coding) => coding !== undefined);
  const usable = codings.length === names.length && codings.length > 0 && codings.length <= MAX_CODINGS;
  return usable ? codings : undefined;
}

/** Header fields without those that describe the body before decoding. */
export function headersOfDecoded(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => {
    const lowered = name.toLowerCase();
    return lowered !== "content-encoding" && lowered !== "content-length";
  });
}

/** A body whose codings are undone while it is read. Limits count decoded bytes. */
export class DecodedBody implements HttpBody {
  readonly #encoded: HttpBody;
  readonly #codings: readonly Coding[];

  constructor(encoded: HttpBody, codings: readonly Coding[]) {
    this.#encoded = encoded;
    this.#codings = codings;
  }

  bytes(limitBytes = Infinity): Promise<Uint8Array> {
    return collect(this.chunks(), limitBytes);
  }

  async text(limitBytes = Infinity): Promise<string> {
    return textDecoder.decode(await this.bytes(limitBytes));
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    let pieces: AsyncIterable<Uint8Array> = this.#encoded.chunks();
    for (const coding of this.#codings.toReversed()) pieces = undo(coding, pieces);
    try {
      yield* pieces;
    } finally {
      // Also ends a read of the encoded body that a decoder waits for.
      this.#encoded.cancel();
    }
  }

  cancel(): void {
    this.#encoded.cancel();
  }
}

async function* undo(coding: Coding, encoded: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Loaded with the first encoded answer only: most agents never see one. Not `DecompressionStream`, which turns one
  // small piece into as much output as it holds: a few bytes could fill the memory before any limit is asked.
  const [{ pipeline, Readable }, zlib] = await Promise.all([import("node:stream"), import("node:zlib")]);
  const iterator = encoded[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return; // no bytes are no bytes, whatever their coding
  let sourceFailure: { readonly error: unknown } | undefined;
  async function* source(): AsyncGenerator<Uint8Array> {
    yield first.value;
    try {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } catch (error) {
      sourceFailure = { error };
      throw error;
    }
  }
  const decoder = coding === "br" ? zlib.createBrotliDecompress() : coding === "gzip"
    ? zlib.createGunzip()
    // Some servers send "deflate" without its zlib wrapping, whose first byte always ends in 8.
    : (first.value[0] & 0x0f) === 8
    ? zlib.createInflate()
    : zlib.createInflateRaw();
  // The callback has nothing to do: a failure of either side comes out of the loop below.
  pipeline(Readable.from(source()), decoder, () => {});
  try {
    for await (const piece of decoder) yield piece;
  } catch (error) {
    if (sourceFailure !== undefined) throw sourceFailure.error;
    throw decodingFailure(error, coding);
  }
}

function decodingFailure(error: unknown, coding: Coding): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  return error.code === "Z_BUF_ERROR"
    ? new NetError("unexpected_eof", `the answer's ${coding} data breaks off`, true, { cause: error })
    : new NetError("unknown", `the answer is not valid ${coding} data`, true, { cause: error });
}
