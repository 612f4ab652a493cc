import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, InvalidValueError, parseDuration } from "../../../src/config/mod.ts";

const VALUES: ReadonlyArray<[text: string, ms: number]> = [
  ["0", 0],
  ["+0", 0],
  ["-0", 0],
  ["0s", 0],
  ["30s", 30_000],
  ["30000ms", 30_000],
  ["1m30s", 90_000],
  ["1.5s", 1_500],
  [".5s", 500],
  ["1.s", 1_000],
  ["10m", 600_000],
  ["1h", 3_600_000],
  ["1.5h", 5_400_000],
  ["1h2m3.004s", 3_723_004],
  ["100us", 0.1],
  ["100µs", 0.1],
  ["100μs", 0.1],
  ["1ns", 0.000001],
  ["-200ms", -200],
  ["+5s", 5_000],
  ["0.1s", 100],
  ["0.3ms", 0.3],
  ["9223372036854775807ns", 9223372036854.775807],
];

for (const [text, ms] of VALUES) {
  Deno.test(`parseDuration() reads ${text} as ${ms} ms [CFG-15]`, () => {
    const result = parseDuration(text);
    assert.ok(Object.is(result, ms), `got ${result}`);
  });
}

const REFUSED = [
  "",
  "30",
  "1.5",
  "1d",
  "s",
  ".s",
  "1 s",
  " 1s",
  "1s ",
  "1S",
  "--1s",
  "1s-1s",
  "1e3s",
  "abc",
  "1h5",
  "-",
  "∞s",
  "9223372036854775808ns",
  "2562048h",
];

for (const text of REFUSED) {
  Deno.test(`parseDuration() refuses ${JSON.stringify(text)} [CFG-15]`, () => {
    assert.throws(() => parseDuration(text), InvalidValueError);
  });
}

const PRINTED: ReadonlyArray<[ms: number, text: string]> = [
  [0, "0s"],
  [500, "500ms"],
  [0.0015, "1.5µs"],
  [0.000001, "1ns"],
  [1_500, "1.5s"],
  [60_000, "1m0s"],
  [600_000, "10m0s"],
  [3_600_000, "1h0m0s"],
  [5_400_000, "1h30m0s"],
  [3_723_004, "1h2m3.004s"],
  [-1_500, "-1.5s"],
  [595_000, "9m55s"],
];

for (const [ms, text] of PRINTED) {
  Deno.test(`formatDuration() prints ${ms} ms as ${text} [CFG-16]`, () => {
    assert.equal(formatDuration(ms), text);
  });
}

Deno.test("formatDuration() and parseDuration() are inverse for every whole number of milliseconds [CFG-16]", () => {
  fc.assert(fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms === 0 ? 0 : ms);
  }));
});

Deno.test("parseDuration() gives a number or an InvalidValueError for any text [CFG-15]", () => {
  const piece = fc.constantFrom(
    "-",
    "+",
    ".",
    "0",
    "1",
    "25",
    "ns",
    "us",
    "ms",
    "s",
    "m",
    "h",
    " ",
    "d",
    "e",
    "µs",
  );
  fc.assert(fc.property(fc.array(piece).map((pieces) => pieces.join("")), (text) => {
    try {
      assert.ok(Number.isFinite(parseDuration(text)));
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
    }
  }));
});
