import assert from "node:assert/strict";
import { notFlat, type Point, trendOf } from "../../soak/flat.ts";

const LOOKS = 240;
const TOLERANCE = { rise: 16, peak: 32 };

/** A look every 2 s. */
function line(valueAt: (look: number) => number): Point[] {
  return Array.from({ length: LOOKS }, (_, look) => ({ atMs: 1_000 + look * 2_000, value: valueAt(look) }));
}

/** The heap of a program with a garbage collector. */
const saw = (look: number) => 150 + 20 * (look % 9) / 9 + 10 * (look % 31) / 31;

Deno.test("notFlat() finds the memory of a garbage-collected program flat, whatever its teeth", () => {
  assert.equal(notFlat("memory", trendOf(line(saw)), TOLERANCE), undefined);
});

Deno.test("notFlat() finds a slow leak under the teeth", () => {
  const fault = notFlat("memory", trendOf(line((look) => saw(look) + look * 0.1)), TOLERANCE);
  assert.match(fault ?? "", /^memory rises by more than 16 \(median 17\d(\.\d)?, trend \+2\d/);
});

Deno.test("notFlat() takes no single point for a trend, and finds a late jump by its height", () => {
  const spike = trendOf(line((look) => saw(look) + (look === 200 ? 30 : 0)));
  assert.equal(notFlat("memory", spike, TOLERANCE), undefined);
  const jump = trendOf(line((look) => saw(look) + (look > 225 ? 60 : 0)));
  assert.match(
    notFlat("memory", jump, TOLERANCE) ?? "",
    /^the highest point of memory rises by more than 32/,
  );
});

Deno.test("notFlat() does not mind a line that falls", () => {
  assert.equal(notFlat("threads", trendOf(line((look) => 24 - look * 0.05)), TOLERANCE), undefined);
});

Deno.test("trendOf() says how much a straight line rises", () => {
  const { median, max, rise, peak } = trendOf(line((look) => 10 + look));
  assert.deepEqual([median, max, Math.round(rise), peak], [129.5, 249, 239, 120]);
  assert.deepEqual(trendOf([]), { median: 0, max: 0, rise: 0, peak: 0 });
  assert.deepEqual(trendOf([{ atMs: 5, value: 7 }]), { median: 7, max: 7, rise: 0, peak: 0 });
});
