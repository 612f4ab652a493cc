/** Damages bytes in the ways that hurt parsers, always in the same way for the same seed. */

/** Random numbers from a seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below the limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

const encoder = new TextEncoder();

/** Pieces that mean something to JSON, event streams, HTTP or JavaScript. */
const TOKENS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u0000",
  "\\ud800",
  "\\u2028",
  '\\"',
  "null",
  "true",
  "-0",
  "1e999",
  "123456789012345678901234567890",
  "0.1e-7",
  "\n",
  "\r",
  "\r\n",
  "\n\n",
  "\r\n\r\n",
  "data:",
  "data",
  "event: ping\n",
  "id: 1\n",
  "id:\u0000\n",
  "retry: 0\n",
  ": comment\n",
  "\u0000",
  "\u001f",
  "\ufeff",
  "é",
  "🙂",
  "\u2028",
  "__proto__",
  "constructor",
  '"jsonrpc":"2.0"',
  '"id":null',
  '"id":1',
  '"result":{}',
  '"error":{"code":1,"message":""}',
  '"method":"ping"',
  '"method":"notifications/x"',
  '"commands":[]',
  '"response_timeout":"0s"',
  " ",
  "\t",
  "x".repeat(300),
  "[".repeat(400),
  '{"a":'.repeat(300),
  "0\r\n\r\n",
  "Content-Length: 0\r\n",
  "ffffffff\r\n",
].map((token) => encoder.encode(token));
const BROKEN_UTF8 = [
  new Uint8Array([0xff]),
  new Uint8Array([0xc3]),
  new Uint8Array([0xed, 0xa0, 0x80]),
  new Uint8Array([0xf0, 0x9f]),
];

/** A damaged copy; one to four things are done to it. @param other something to take pieces from */
export function mutated(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let damaged = bytes;
  for (let times = 1 + random.below(4); times > 0; times--) damaged = damage(damaged, other, random);
  return damaged;
}

function damage(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const from = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, from + random.pick([1, 1, 2, 5, 20, 100, 1000]));
  switch (random.below(8)) {
    case 0:
      return joined(bytes.subarray(0, from), bytes.subarray(to));
    case 1:
      return joined(bytes.subarray(0, to), bytes.subarray(from));
    case 2:
      return bytes.subarray(0, from);
    case 3: {
      const copy = bytes.slice();
      if (copy.length > 0) copy[from % copy.length] = random.below(256);
      return copy;
    }
    case 4:
      return joined(bytes.subarray(0, from), random.pick(BROKEN_UTF8), bytes.subarray(from));
    case 5: {
      const at = random.below(other.length + 1);
      return joined(bytes.subarray(0, from), other.subarray(at, at + random.below(60)), bytes.subarray(to));
    }
    default:
      return joined(
        bytes.subarray(0, from),
        random.pick(TOKENS),
        bytes.subarray(random.oneIn(2) ? from : to),
      );
  }
}

export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
