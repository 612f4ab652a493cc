import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from "../../../src/agent/retry_after.ts";

/** Sun, 06 Nov 1994 08:49:00 GMT */
const NOW_MS = Date.UTC(1994, 10, 6, 8, 49, 0);

Deno.test("parseRetryAfter() reads seconds and clamps them to 60 s [P-54]", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["1", 1_000],
    [" 7 ", 7_000],
    ["\t7\t", 7_000],
    ["007", 7_000],
    ["60", 60_000],
    ["61", 60_000],
    ["99999999999999999999999999", 60_000],
    ["9".repeat(400), 60_000],
  ];
  for (const [value, expected] of cases) assert.equal(parseRetryAfter(value, NOW_MS), expected, value);
});

Deno.test("parseRetryAfter() reads the three forms of an HTTP date [P-54]", () => {
  const cases: [string, number | undefined][] = [
    ["Sun, 06 Nov 1994 08:49:37 GMT", 37_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 37_000],
    ["Sun Nov  6 08:49:37 1994", 37_000],
    ["Sun Nov 06 08:49:37 1994", 37_000],
    [" Sun, 06 Nov 1994 08:49:37 GMT ", 37_000],
    ["Sun, 06 Nov 1994 08:50:00 GMT", 60_000],
    ["Sun, 06 Nov 1994 09:49:37 GMT", 60_000],
    ["Thu, 01 Jan 2099 00:00:00 GMT", 60_000],
    // Not in the future: no wait is asked for.
    ["Sun, 06 Nov 1994 08:49:00 GMT", undefined],
    ["Sun, 06 Nov 1994 08:48:59 GMT", undefined],
    ["Sunday, 06-Nov-70 08:49:37 GMT", undefined],
    ["Sun Nov  6 08:49:37 1993", undefined],
  ];
  for (const [value, expected] of cases) assert.equal(parseRetryAfter(value, NOW_MS), expected, value);
});

Deno.test("parseRetryAfter() takes a two-digit year for the nearest one not 50 years ahead [P-54, RFC 9110 §5.6.7]", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  assert.equal(parseRetryAfter("Thursday, 01-Jan-26 00:00:05 GMT", nowMs), 5_000);
  assert.equal(parseRetryAfter("Friday, 01-Jan-75 00:00:00 GMT", nowMs), 60_000);
  assert.equal(parseRetryAfter("Sunday, 01-Jan-78 00:00:00 GMT", nowMs), undefined);
});

Deno.test("parseRetryAfter() ignores everything else [P-54]", () => {
  const values = [
    undefined,
    "",
    "  ",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "0x10",
    "later",
    "1 s",
    "١",
    "Sun, 06 Nov 2094 08:49:37",
    "Sun, 06 Nov 2094 08:49:37 UTC",
    "Sun, 6 Nov 2094 08:49:37 GMT",
    "Son, 06 Nov 2094 08:49:37 GMT",
    "Sun, 06 Nox 2094 08:49:37 GMT",
    "Sun, 32 Nov 2094 08:49:37 GMT",
    "Sun, 00 Nov 2094 08:49:37 GMT",
    "Sun, 06 Nov 2094 24:49:37 GMT",
    "Sun, 06 Nov 2094 08:60:37 GMT",
    "2094-11-06T08:49:37Z",
    "Sun, 06 Nov 2094 08:49:37 GMT, 5",
  ];
  for (const value of values) assert.equal(parseRetryAfter(value, NOW_MS), undefined, value);
});

Deno.test("property: parseRetryAfter() never asks for more than 60 s or for less than nothing [P-54]", () => {
  const value = fc.oneof(
    fc.string(),
    fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  fc.assert(fc.property(value, fc.date({ noInvalidDate: true }), (text, now) => {
    const waitMs = parseRetryAfter(text, now.getTime());
    assert(waitMs === undefined || (waitMs >= 0 && waitMs <= MAX_RETRY_AFTER_MS), `${waitMs}`);
  }));
});
