import assert from "node:assert/strict";
import { POLL_FAULTS } from "../support/fault_polls.ts";
import { POST_FAULTS } from "../support/fault_posts.ts";
import { ATTEMPT_MS, faultRun } from "../support/fault_run.ts";

const STORM_MS = 2_500;

async function storm(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, STORM_MS));
}

for (
  const name of [
    "503",
    "500",
    "429 with Retry-After: 1",
    "closed without an answer",
    "a page with 200",
  ] as const
) {
  Deno.test(`polls in a storm of "${name}" come ever later; behind it everything is served`, async () => {
    await faultRun({}, async ({ controlPlane, agent }) => {
      controlPlane.onPoll = () => POLL_FAULTS[name];
      const orders = Array.from({ length: 30 }, () => controlPlane.add());
      const before = controlPlane.polls;
      await storm();
      const polls = controlPlane.polls - before;
      assert.ok(polls >= 1 && polls <= 10, `${polls} polls in ${STORM_MS} ms`);
      controlPlane.onPoll = () => undefined;
      for (const order of orders) assert.equal((await controlPlane.answerTo(order, 30_000)).respCode, 200);
      await agent.untilReadyz(200, /^ready/);
    });
  });
}

for (const name of ["504", "429 with Retry-After: 1", "reset without an answer"] as const) {
  Deno.test(`answers in a storm of "${name}" come ever later; behind it each is accepted once`, async () => {
    await faultRun({}, async ({ controlPlane }) => {
      controlPlane.onPost = () => POST_FAULTS[name];
      const orders = Array.from({ length: 10 }, () => controlPlane.add());
      await storm();
      assert.ok(controlPlane.posts <= orders.length * 10, `${controlPlane.posts} posts in ${STORM_MS} ms`);
      controlPlane.onPost = () => undefined;
      for (const order of orders) assert.equal((await controlPlane.answerTo(order, 30_000)).respCode, 200);
      assert.ok(orders.every(({ repeats }) => repeats === 0));
    });
  });
}

for (const greeting of ["ignore", "reset"] as const) {
  Deno.test(`a control plane that meets every connection with "${greeting}" is left alone between attempts, and used when it is back`, async () => {
    await faultRun({}, async ({ controlPlane, agent }) => {
      await controlPlane.server.refuse();
      controlPlane.server.greet = () => greeting;
      await controlPlane.server.accept();
      const before = controlPlane.server.accepted;
      const orders = [controlPlane.add(), controlPlane.add()];
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS + 1_000));
      const attempts = controlPlane.server.accepted - before;
      assert.ok(attempts >= 1 && attempts <= 10, `${attempts} connections`);
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
    const orders = [...held, ...Array.from({ length: 60 }, () => controlPlane.add())];
    await controlPlane.changes.until("a flood", () => controlPlane.inFlight > 10);
    await agent.program.until("rest", async () => (await agent.get("/readyz")).status === 200);
    const polls = controlPlane.polls;
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.equal(controlPlane.polls, polls, "it polls with a full queue");
    target.release();
    for (const order of orders) assert.equal((await controlPlane.answerTo(order, 30_000)).respCode, 200);
  });
});
