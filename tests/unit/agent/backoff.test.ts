import assert from "node:assert/strict";
import fc from "fast-check";
import { backoffDelayMs, DEFAULT_BACKOFF } from "../../../src/agent/backoff.ts";

const most = () => 1 - Number.EPSILON / 2;

Deno.test("backoffDelayMs() is the minimum after the first failure, whatever the chance [P-51]", () => {
  for (const random of [() => 0, () => 0.5, most]) {
    assert.equal(backoffDelayMs(0, DEFAULT_BACKOFF, random), 200);
  }
});

Deno.test("backoffDelayMs() samples between the minimum and its doubling upper bound [P-51]", () => {
  const half = [200, 300, 500, 900, 1700, 3300, 6500];
  half.forEach((expected, failures) => {
    assert.equal(backoffDelayMs(failures, DEFAULT_BACKOFF, () => 0.5), expected);
    assert.equal(backoffDelayMs(failures, DEFAULT_BACKOFF, () => 0), 200);
  });
});

Deno.test("backoffDelayMs() samples before it clamps, so that long outages converge on the maximum [P-51]", () => {
  assert.equal(backoffDelayMs(7, DEFAULT_BACKOFF, () => 0.5), 10_000);
  assert.equal(backoffDelayMs(20, DEFAULT_BACKOFF, () => 0.001), 10_000);
});

Deno.test("backoffDelayMs() gives the maximum on overflow [P-51]", () => {
  assert.equal(backoffDelayMs(1_100, DEFAULT_BACKOFF, () => 0), 10_000);
  assert.equal(backoffDelayMs(Number.MAX_SAFE_INTEGER, DEFAULT_BACKOFF, () => 0), 10_000);
});

Deno.test("backoffDelayMs() gives the maximum when the bounds leave no room [P-51]", () => {
  assert.equal(backoffDelayMs(3, { minMs: 50, maxMs: 50 }, () => 0.7), 50);
  assert.equal(backoffDelayMs(0, { minMs: 80, maxMs: 50 }, () => 0.7), 50);
});

Deno.test("property: backoffDelayMs() stays within its bounds [P-51]", () => {
  fc.assert(
    fc.property(
      fc.nat(2_000),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1, max: 100_000 }),
      (failures, chance, minMs, spanMs) => {
        const bounds = { minMs, maxMs: minMs + spanMs };
        const delayMs = backoffDelayMs(failures, bounds, () => chance);
        assert(delayMs >= bounds.minMs && delayMs <= bounds.maxMs, `${delayMs}`);
        if (failures > 0) assert(delayMs <= Math.max(minMs, minMs * 2 ** failures));
      },
    ),
  );
});
