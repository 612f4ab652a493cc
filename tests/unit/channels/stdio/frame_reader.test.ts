import assert from "node:assert/strict";
import fc from "fast-check";
import { type Frame, FrameReader, type SkippedOutput } from "../../../../src/channels/stdio/frame_reader.ts";

interface Read {
  readonly texts: string[];
  readonly values: unknown[];
  readonly frames: Frame[];
  readonly skipped: SkippedOutput[];
}

/** Reads bytes that arrive in pieces of the given sizes, over and over; the buffer is overwritten after each piece. */
function read(bytes: Uint8Array, pieceSizes: readonly number[], limitBytes?: number): Read {
  const result: Read = { texts: [], values: [], frames: [], skipped: [] };
  const reader = new FrameReader((skipped) => result.skipped.push(skipped), limitBytes);
  const take = () => {
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      result.frames.push(frame);
      result.texts.push(frame.text);
      result.values.push(frame.value);
    }
  };
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = Math.max(1, pieceSizes[piece % pieceSizes.length]!);
    const chunk = bytes.slice(at, at + size);
    reader.push(chunk);
    take();
    chunk.fill(0x7b);
    at += size;
  }
  reader.end();
  take();
  return result;
}

function readText(text: string, ...pieceSizes: number[]): Read {
  return read(new TextEncoder().encode(text), pieceSizes.length > 0 ? pieceSizes : [text.length * 4 + 1]);
}

const A = '{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890123456,"s":"a\\nb \\"}{ é"}}';
const B = '{"jsonrpc":"2.0","method":"x"}';

Deno.test("FrameReader gives one object per line, with LF or CRLF, and ignores blank lines [ST-10]", () => {
  assert.deepEqual(readText(`${A}\n${B}\n`).texts, [A, B]);
  assert.deepEqual(readText(`\r\n${A}\r\n \t\r\n${B}\r\n\n`).texts, [A, B]);
  assert.deepEqual(readText(`  ${A}  \n\t${B}`).texts, [A, B]);
  assert.deepEqual(readText("").texts, []);
});

Deno.test("FrameReader takes the last object without a line end [ST-10]", () => {
  assert.deepEqual(readText(`${A}\n${B}`).texts, [A, B]);
});

Deno.test("FrameReader keeps the text of a value over many lines, character by character [ST-10, P-193]", () => {
  const pretty = JSON.stringify(JSON.parse(A), null, 2).replace(
    "1.2345678901234568e+25",
    "12345678901234567890123456",
  );
  const result = readText(`${pretty}\n${B}\n${pretty}`);
  assert.deepEqual(result.texts, [pretty, B, pretty]);
  assert.deepEqual(result.skipped, []);
  const windows = pretty.replaceAll("\n", "\r\n");
  assert.deepEqual(readText(`${windows}\r\n${B}\r\n`).texts, [windows, B]);
});

Deno.test("FrameReader opens batches, on one line or many [ST-11]", () => {
  assert.deepEqual(readText(`[${A},${B}]\n[]\n[ ${B} ]\n`).texts, [A, B, B]);
  assert.deepEqual(readText(`[\n${A},\n${B}\n]\n${B}\n`).texts, [A, B, B]);
  const pretty = JSON.stringify(JSON.parse(B), null, 2);
  assert.deepEqual(readText(`[\n${pretty}\n,\n${pretty}]\n${B}`).texts, [pretty, pretty, B]);
});

Deno.test("FrameReader takes several objects on one line [ST-10]", () => {
  assert.deepEqual(readText(`${A} ${B}${B}\n${A}\n`).texts, [A, B, B, A]);
});

Deno.test("FrameReader skips lines that are no JSON and reads on [ST-12]", () => {
  for (
    const noise of [
      "Server listening on stdio",
      "[INFO] started",
      "[2026-01-01 10:00:00] started",
      "[1] ready",
      "{ not json",
      "{'single': 'quotes'}",
      '{"open": "string',
      "}",
      "]",
      '"a string"',
      "null",
      "\u001b[32mok\u001b[0m",
      "\u00e9t\u00e9",
    ]
  ) {
    for (const pieces of [[1], [3], [1000]]) {
      const result = readText(`${noise}\n${A}\n${noise}\r\n${B}\n`, ...pieces);
      assert.deepEqual(result.texts, [A, B], noise);
      assert.equal(result.skipped.length >= 2, true, noise);
    }
  }
});

Deno.test("FrameReader delivers the object before noise on the same line [ST-12]", () => {
  const result = readText(`${A}debug: done\n${B}\n`);
  assert.deepEqual(result.texts, [A, B]);
  assert.equal(result.skipped.length, 1);
});

Deno.test("FrameReader loses no message behind an unfinished value [ST-12]", () => {
  assert.deepEqual(readText(`{\n${A}\n${B}\n`).texts, [A, B]);
  assert.deepEqual(readText(`[\n${A}\n${B}\n`).texts, [A, B]);
  assert.deepEqual(readText(`{"a": [1,\n${A}\n${B}\n${B}\n`).texts, [A, B, B]);
  assert.deepEqual(readText(`{"a":\n${A}\n`).texts, [A]);
});

Deno.test("FrameReader delivers the elements of an unclosed batch without waiting for more", () => {
  const skipped: SkippedOutput[] = [];
  const reader = new FrameReader((one) => skipped.push(one));
  reader.push(new TextEncoder().encode(`[\n${A}\n`));
  assert.equal(reader.next()?.text, A);
  assert.equal(reader.next(), undefined);
});

Deno.test("FrameReader shows the head of a skipped line, but nothing of what may be a payload [L-8]", () => {
  const { skipped } = readText(`hello world\n{"secret": tru\n[1,2]\n"secret"\n`);
  assert.deepEqual(skipped.map(({ reason, head }) => [reason, head]), [
    ["not JSON", "hello world"],
    ["not JSON", ""],
    ["not a JSON object", ""],
    ["not a JSON object", ""],
    ["not JSON", '"secret"'],
  ]);
});

Deno.test("FrameReader keeps a long line of noise out of memory", () => {
  const reader = new FrameReader(() => undefined);
  const chunk = new Uint8Array(64 * 1024).fill(0x61);
  const before = Deno.memoryUsage().rss;
  for (let round = 0; round < 8 * 1024; round++) { // 512 MiB
    reader.push(chunk);
    assert.equal(reader.next(), undefined);
  }
  assert.ok(Deno.memoryUsage().rss - before < 128 * 1024 * 1024);
});

Deno.test("FrameReader gives up a value beyond its limit and goes on with the next line", () => {
  const long = JSON.stringify({ long: "x".repeat(5000) });
  const pretty = JSON.stringify({ list: Array.from({ length: 500 }, (_, index) => index) }, null, 2);
  for (const pieces of [[100], [100_000]]) {
    const result = read(new TextEncoder().encode(`${long}\n${A}\n${long}\n${B}\n`), pieces, 2000);
    assert.deepEqual(result.texts, [A, B]);
    assert.deepEqual(result.skipped.map(({ reason, bytes }) => [reason, bytes]), [
      ["too large", long.length],
      ["too large", long.length],
    ]);
    const lines = read(new TextEncoder().encode(`${pretty}\n${A}\n`), pieces, 2000);
    assert.deepEqual(lines.texts, [A]);
    assert.equal(lines.skipped[0]?.reason, "too large");
  }
});

Deno.test("FrameReader hands out large values as the bytes they came in", () => {
  const large = JSON.stringify({ jsonrpc: "2.0", id: 1, result: "é".repeat(100_000) });
  for (const pieces of [[1000], [65_536], [1_000_000]]) {
    const { frames } = readText(`${large}\r\n${A}\n`, ...pieces);
    assert.equal(frames[0]?.text, large);
    assert.equal(new TextDecoder().decode(frames[0]?.bytes), large);
    assert.equal(frames[1]?.bytes, undefined);
  }
});

Deno.test("FrameReader replaces what is no UTF-8, and then gives no bytes", () => {
  const bytes = new TextEncoder().encode(JSON.stringify({ result: "x".repeat(100_000) }));
  bytes[50_000] = 0xff;
  const { frames } = read(bytes, [65_536]);
  assert.equal(frames[0]?.bytes, undefined);
  assert.equal((frames[0]?.value.result as string)[50_000 - 11], "\ufffd");
});

Deno.test("FrameReader passes over a byte order mark", () => {
  assert.deepEqual(readText(`\ufeff${A}\n`, 1).texts, [A]);
});

const json = fc.jsonValue({ maxDepth: 4 });
const message = fc.record({ jsonrpc: fc.constant("2.0"), id: fc.integer(), result: json });
const noise = fc.oneof(
  fc.string().filter((text) => !/^\s*[[{]/.test(text) && !/[\n]/.test(text) && text.trim() !== ""),
  fc.constantFrom("[INFO] up", "{broken", "[", "{", '{"a":', "[1,", '{"a":1', "]", "}}", '{"a":"'),
);
/** One printed thing: the messages in it, and how it looks. */
const printed = fc.oneof(
  message.map((one) => ({ messages: [one], text: JSON.stringify(one) })),
  fc.tuple(message, fc.constantFrom(1, 2, "\t")).map(([one, indent]) => ({
    messages: [one],
    text: JSON.stringify(one, null, indent),
  })),
  fc.tuple(fc.array(message, { maxLength: 3 }), fc.constantFrom(undefined, 2)).map(([list, indent]) => ({
    messages: list,
    text: JSON.stringify(list, null, indent),
  })),
);

Deno.test("FrameReader gives the same messages wherever the chunks end [ST-10, ST-11]", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(printed, fc.constantFrom("\n", "\r\n", "\n\n", " \n"))),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (outputs, pieces) => {
        const text = outputs.map(([{ text }, end]) => text + end).join("");
        const result = readText(text, ...pieces);
        assert.deepEqual(result.values, outputs.flatMap(([{ messages }]) => messages.map(normal)));
        assert.deepEqual(result.skipped, []);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("FrameReader loses no one-line message among noise [ST-12]", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(noise, message)),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (outputs, pieces) => {
        // Two in a row: the first may be taken for the rest of what the noise began, the second ends that.
        const text = outputs.map(([noise, one]) =>
          `${noise}\n${JSON.stringify(one)}\n${JSON.stringify(one)}\n`
        ).join("");
        assert.deepEqual(
          readText(text, ...pieces).values,
          outputs.flatMap(([, one]) => [normal(one), normal(one)]),
        );
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("FrameReader costs the same per byte for short and long input", () => {
  const perByte = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    let bestMs = Infinity;
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      read(bytes, [4096]);
      bestMs = Math.min(bestMs, performance.now() - start);
    }
    return bestMs / bytes.length;
  };
  const shapes: Record<string, (lines: number) => string> = {
    "one long line": (lines) => JSON.stringify({ result: "y".repeat(lines * 20) }) + "\n",
    "a pretty value": (lines) =>
      JSON.stringify({ list: Array.from({ length: lines }, (_, at) => at) }, null, 2) + "\n",
    "open brackets": (lines) => "[\n".repeat(lines),
    "open objects": (lines) => '{"a":\n'.repeat(lines),
    "broken objects": (lines) => '{"a": 1,\n{"b"\n'.repeat(lines),
    "quotes and backslashes": (lines) => JSON.stringify({ result: '\\"\\\\'.repeat(lines) }, null, 1) + "\n",
  };
  for (const [name, shape] of Object.entries(shapes)) {
    perByte(shape(1_000));
    const ratio = perByte(shape(30_000)) / perByte(shape(1_000));
    // A quadratic reader is 30 times slower per byte here.
    assert.ok(ratio < 10, `${name}: ${ratio.toFixed(1)} times the cost per byte`);
  }
});

/** What JSON makes of a value: `-0` becomes `0`. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
