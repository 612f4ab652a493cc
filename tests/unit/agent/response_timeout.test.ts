import assert from "node:assert/strict";
import fc from "fast-check";
import { parseResponseTimeout } from "../../../src/agent/response_timeout.ts";

Deno.test("parseResponseTimeout() reads one number with one unit [P-68]", () => {
  const cases: [string, number][] = [
    ["0s", 0],
    ["0h", 0],
    ["0ns", 0],
    ["1ns", 1e-6],
    ["1us", 1e-3],
    ["1ms", 1],
    ["1s", 1_000],
    ["2m", 120_000],
    ["3h", 10_800_000],
    ["30s", 30_000],
    ["4500ms", 4_500],
    ["0000000000000000000000000000001s", 1_000],
    ["9223372036854775807ns", 9_223_372_036_854.775807],
    ["00009223372036854775807ns", 9_223_372_036_854.775807],
    ["2562047h", 9_223_369_200_000],
    ["9223372036s", 9_223_372_036_000],
  ];
  for (const [value, expectedMs] of cases) assert.equal(parseResponseTimeout(value), expectedMs, value);
});

Deno.test("parseResponseTimeout() takes everything else for absent [P-69]", () => {
  const values: unknown[] = [
    undefined,
    null,
    5,
    0,
    1.5,
    true,
    false,
    {},
    [],
    ["1s"],
    "",
    "0",
    "s",
    "-1s",
    "-0s",
    "+1s",
    "4.5s",
    "1m30s",
    " 1s",
    "1s ",
    "1s\n",
    "\n1s",
    "1e3s",
    "1d",
    "1S",
    "1µs",
    "1μs",
    "1 s",
    "1_000s",
    "0x1s",
    "١s",
    "9223372036854775808ns",
    "9223372036854775808us",
    "2562048h",
    "9".repeat(100) + "ns",
    "1".repeat(100_000) + "s",
  ];
  for (const value of values) {
    assert.equal(parseResponseTimeout(value), undefined, JSON.stringify(value)?.slice(0, 60));
  }
});

Deno.test("property: parseResponseTimeout() takes exactly what fits into 64 bits of nanoseconds [P-68]", () => {
  const units = {
    ns: 1n,
    us: 1_000n,
    ms: 1_000_000n,
    s: 10n ** 9n,
    m: 60n * 10n ** 9n,
    h: 3600n * 10n ** 9n,
  };
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 65n }),
      fc.constantFrom(...Object.keys(units) as (keyof typeof units)[]),
      fc.nat(30),
      (amount, unit, zeros) => {
        const nanoseconds = amount * units[unit];
        const parsed = parseResponseTimeout("0".repeat(zeros) + amount + unit);
        if (nanoseconds >= 2n ** 63n) assert.equal(parsed, undefined);
        else assert.equal(parsed, Number(nanoseconds) / 1e6);
      },
    ),
  );
});
