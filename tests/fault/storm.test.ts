import assert from "node:assert/strict";
import { POLL_FAULTS } from "../support/fault_polls.ts";
import { POST_FAULTS } from "../support/fault_posts.ts";
import { faultRun } from "../support/fault_run.ts";

/** The first delay of the backoff, less what a timer may be early. */
const FIRST_DELAY_MS = 190;

for (
  const [name, delayMs] of [
    ["503", FIRST_DELAY_MS],
    ["429 with Retry-After: 1", 990],
    ["a page with 200", FIRST_DELAY_MS],
  ] as const
) {
  Deno.test(`polls in a storm of "${name}" are ${delayMs} ms apart or more; behind it everything is served`, async () => {
    await faultRun({}, async ({ controlPlane, agent }) => {
      const times: number[] = [];
      controlPlane.onPoll = () => {
        times.push(performance.now());
        return POLL_FAULTS[name];
      };
      const orders = Array.from({ length: 30 }, () => controlPlane.add());
      await controlPlane.changes.until("four polls", () => times.length >= 4, 20_000);
      controlPlane.onPoll = () => undefined;
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      assert.ok(gaps.every((gap) => gap >= delayMs), `polls were ${gaps} ms apart`);
      for (const order of orders) assert.equal((await controlPlane.answerTo(order, 30_000)).respCode, 200);
      await agent.untilReadyz(200, /^ready/);
    });
  });
}

for (const [name, delayMs] of [["504", FIRST_DELAY_MS], ["429 with Retry-After: 1", 990]] as const) {
  Deno.test(`attempts to answer in a storm of "${name}" are ${delayMs} ms apart or more; behind it each is accepted once`, async () => {
    await faultRun({}, async ({ controlPlane }) => {
      const times = new Map<string, number[]>();
      controlPlane.onPost = ({ order }) => {
        const id = order?.requestId ?? "";
        times.set(id, [...times.get(id) ?? [], performance.now()]);
        return POST_FAULTS[name];
      };
      const orders = Array.from({ length: 10 }, () => controlPlane.add());
      const thrice = () => times.size === 10 && [...times.values()].every(({ length }) => length >= 3);
      await controlPlane.changes.until("three attempts each", thrice, 20_000);
      controlPlane.onPost = () => undefined;
      for (const attempts of times.values()) {
        assert.ok(attempts.every((at, index) => index === 0 || at - (attempts[index - 1] ?? 0) >= delayMs));
      }
      for (const order of orders) assert.equal((await controlPlane.answerTo(order, 30_000)).respCode, 200);
      assert.ok(orders.every(({ repeats }) => repeats === 0));
    });
  });
}

for (const greeting of ["ignore", "reset"] as const) {
  Deno.test(`a control plane that meets every connection with "${greeting}" is tried again and again, and used when it is back`, async () => {
    await faultRun({}, async ({ controlPlane, agent }) => {
      await controlPlane.server.refuse();
      controlPlane.server.greet = () => greeting;
      await controlPlane.server.accept();
      const before = controlPlane.server.accepted;
      const orders = [controlPlane.add(), controlPlane.add()];
      const startedAt = performance.now();
      await agent.program.until("three attempts", () => controlPlane.server.accepted >= before + 3);
      assert.ok(performance.now() - startedAt >= FIRST_DELAY_MS);
      controlPlane.server.greet = () => "serve";
      for (const order of orders) assert.equal((await controlPlane.answerTo(order, 30_000)).respCode, 200);
      await agent.untilReadyz(200, /^ready/);
    });
  });
}

Deno.test("more commands than there is room for are all taken, executed and answered, and polling rests meanwhile", async () => {
  const args = [
    "--control-plane.max-inflight=3",
    "--mcp.max-concurrent-requests=2",
    "--mcp.connection-max-ttl=1m",
  ];
  await faultRun({ args }, async ({ controlPlane, target, agent }) => {
    controlPlane.onPoll = () => POLL_FAULTS["more commands than asked for"];
    const held = Array.from({ length: 2 }, () => controlPlane.add({ params: { hold: true } }));
    await controlPlane.changes.until("full workers", () => target.holding === 2);
    const orders = [...held, ...Array.from({ length: 60 }, () => controlPlane.add())];
    const full = async () => await agent.metric("commands_queue_length") === 3;
    await agent.program.until("a full queue", full);
    const polls = controlPlane.polls;
    for (let looks = 0; looks < 5; looks++) assert.ok(await full());
    assert.equal(controlPlane.polls, polls, "it polls with a full queue");
    await agent.untilReadyz(200, /^ready/);
    target.release();
    for (const order of orders) assert.equal((await controlPlane.answerTo(order, 30_000)).respCode, 200);
  });
});
