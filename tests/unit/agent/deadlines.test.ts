import assert from "node:assert/strict";
import fc from "fast-check";
import { Deadlines } from "../../../src/agent/deadlines.ts";
import { Changes, clockPast } from "../../support/agent_changes.ts";

Deno.test("Deadlines calls what has expired, once, in its time and not before", async () => {
  const deadlines = new Deadlines();
  const changes = new Changes();
  const fired: [name: string, lateMs: number][] = [];
  const set = (name: string, inMs: number) => {
    const at = performance.now() + inMs;
    deadlines.set(at, () => {
      fired.push([name, performance.now() - at]);
      changes.notify();
    });
  };
  set("c", 40);
  set("a", 5);
  set("b", 20);
  await changes.until("three expiries", () => fired.length === 3);
  assert.deepEqual(fired.map(([name]) => name), ["a", "b", "c"]);
  for (const [name, lateMs] of fired) assert(lateMs >= 0, `${name} came ${-lateMs} ms early`);
});

Deno.test("Deadlines leaves no timer behind when every limit is lifted", () => {
  const deadlines = new Deadlines();
  const limits = [1e9, 60_000, 5_000].map((inMs) =>
    deadlines.set(performance.now() + inMs, () => assert.fail())
  );
  for (const limit of limits) deadlines.lift(limit);
  deadlines.lift(limits[0]!);
});

Deno.test("Deadlines sets nothing for Infinity", () => {
  const deadlines = new Deadlines();
  deadlines.lift(deadlines.set(Infinity, () => assert.fail()));
  deadlines.set(Infinity, () => assert.fail());
});

Deno.test("Deadlines expires what has passed already", async () => {
  const deadlines = new Deadlines();
  const { promise, resolve } = Promise.withResolvers<void>();
  deadlines.set(performance.now() - 1_000, resolve);
  await promise;
});

Deno.test("Deadlines waits for limits that are further away than a timer reaches, without turning round and round [P-187]", async () => {
  let looks = 0;
  const deadlines = new Deadlines(() => {
    looks++;
    return performance.now();
  });
  const far = deadlines.set(performance.now() + 2 ** 40, () => assert.fail("fired at once"));
  await clockPast(performance.now() + 30);
  assert(looks <= 2, `looked at the clock ${looks} times`);
  deadlines.lift(far);
});

Deno.test("Deadlines does not call a limit that another one has just lifted", async () => {
  const deadlines = new Deadlines();
  const { promise, resolve } = Promise.withResolvers<void>();
  const at = performance.now() - 1;
  const first = deadlines.set(at, () => deadlines.lift(second));
  const second = deadlines.set(at, () => assert.fail("was lifted"));
  deadlines.set(at, resolve);
  await promise;
  deadlines.lift(first);
});

Deno.test("Deadlines takes new limits while it calls expired ones", async () => {
  const deadlines = new Deadlines();
  const { promise, resolve } = Promise.withResolvers<void>();
  deadlines.set(performance.now(), () => deadlines.set(performance.now() + 5, resolve));
  await promise;
});

Deno.test("property: Deadlines calls exactly the limits that are not lifted, never early", async () => {
  const limit = fc.record({
    at: fc.integer({ min: 1, max: 30 }),
    lifted: fc.boolean(),
    liftedBy: fc.nat(30),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(limit, { maxLength: 25 }), async (plans) => {
      let now = 0;
      const deadlines = new Deadlines(() => now);
      const fired: number[] = [];
      const limits = plans.map((plan, index) =>
        deadlines.set(plan.at, () => {
          assert(plan.at <= now, `limit for ${plan.at} fired at ${now}`);
          fired.push(index);
        })
      );
      const expected: number[] = [];
      plans.forEach((plan, index) => {
        if (plan.lifted && plan.liftedBy < plan.at) deadlines.lift(limits[index]!);
        else expected.push(index);
      });
      now = 40;
      const { promise, resolve } = Promise.withResolvers<void>();
      deadlines.set(40, resolve);
      await promise;
      await Promise.resolve();
      assert.deepEqual(fired.sort((a, b) => a - b), expected);
    }),
    { numRuns: 60 },
  );
});
