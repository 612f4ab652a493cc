import assert from "node:assert/strict";
import fc from "fast-check";
import { attemptLimitMs } from "../../../src/agent/responder.ts";

Deno.test("attemptLimitMs() leaves time for another connection before the deadline [P-131]", () => {
  assert.equal(attemptLimitMs(0, 300_000, 0), 10_000);
  assert.equal(attemptLimitMs(1, 290_000, 0), 20_000);
  assert.equal(attemptLimitMs(2, 270_000, 0), 40_000);
  assert.equal(attemptLimitMs(0, 30_000, 0), 10_000);
  assert.equal(attemptLimitMs(1, 20_000, 0), 10_000);
  assert.equal(attemptLimitMs(0, 4_000, 0), 2_000);
  assert.equal(attemptLimitMs(0, 50, 0), 1_000);
});

Deno.test("attemptLimitMs() gives a large body the time that a slow line needs", () => {
  assert.equal(attemptLimitMs(0, 300_000, 2_000_000), 30_000);
});

Deno.test("property: attemptLimitMs() never falls below a second and grows with attempts and body", () => {
  const ms = fc.double({ min: 0, max: 600_000, noNaN: true });
  fc.assert(fc.property(fc.nat(2_000), ms, fc.nat(1e9), (failures, leftMs, size) => {
    const limitMs = attemptLimitMs(failures, leftMs, size);
    assert(limitMs >= 1_000);
    assert(attemptLimitMs(failures + 1, leftMs, size) >= limitMs);
    assert(attemptLimitMs(failures, leftMs, size + 1) >= limitMs);
  }));
});
