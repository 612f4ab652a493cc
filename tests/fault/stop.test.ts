import assert from "node:assert/strict";
import { eventually } from "../support/e2e_wait.ts";
import { type FaultControlPlane, type Poll, servePoll } from "../support/fault_control_plane.ts";
import { POST_FAULTS } from "../support/fault_posts.ts";
import { POLL_FAULTS } from "../support/fault_polls.ts";
import { faultRun } from "../support/fault_run.ts";
import { FaultStdio } from "../support/fault_stdio.ts";

/** Commands that are held by their target, and more that wait behind them. */
async function busy(
  controlPlane: FaultControlPlane,
  holding: () => number,
  counts: { readonly running: number; readonly queued: number },
) {
  const running = Array.from({ length: counts.running }, () => controlPlane.add({ params: { hold: true } }));
  await controlPlane.changes.until("running", () => running.every(({ state }) => state === "delivered"));
  const queued = Array.from({ length: counts.queued }, () => controlPlane.add());
  await controlPlane.changes.until("queued", () => queued.every(({ state }) => state === "delivered"));
  await eventually("the calls at their target", () => holding() === counts.running);
  return [...running, ...queued];
}

const SLOW_POLLS = "--control-plane.poll-timeout=5s";

Deno.test("SIGTERM with calls running, queued and still on their way in the open poll: all are executed once and answered", async () => {
  const args = ["--mcp.max-concurrent-requests=3", "--mcp.connection-max-ttl=1m", SLOW_POLLS];
  await faultRun({ args }, async ({ controlPlane, target, agent, stop }) => {
    const orders = await busy(controlPlane, () => target.holding, { running: 3, queued: 5 });
    await controlPlane.changes.until("an open poll", () => controlPlane.openPolls === 1);
    stop();
    await agent.untilEvent("draining");
    const polls = controlPlane.polls;
    orders.push(...Array.from({ length: 4 }, () => controlPlane.add()));
    await controlPlane.changes.until("the poll's delivery", () => controlPlane.queued === 0);
    // These come too late for it.
    const late = [controlPlane.add(), controlPlane.add()];
    target.release();
    for (const order of orders) assert.equal((await controlPlane.answerTo(order)).respCode, 200);
    await agent.program.ended();
    assert.equal(controlPlane.polls, polls, "it has polled again");
    assert.ok(late.every(({ deliveries }) => deliveries === 0));
  });
});

Deno.test("SIGTERM while the open poll's reply is arriving in pieces loses nothing of it", async () => {
  await faultRun({}, async ({ controlPlane, stop }) => {
    controlPlane.onPoll = () => POLL_FAULTS["commands piece by piece"];
    const orders = Array.from({ length: 20 }, () => controlPlane.add());
    await controlPlane.changes.until("a reply on its way", () => controlPlane.queued === 0);
    stop();
    for (const order of orders) assert.equal((await controlPlane.answerTo(order)).respCode, 200);
  });
});

Deno.test("SIGTERM while the control plane fails: answers are offered until it takes them", async () => {
  await faultRun(
    { args: ["--shutdown.drain-timeout=20s"] },
    async ({ controlPlane, target, agent, stop }) => {
      let healthy = false;
      const storm = [POST_FAULTS["500"], POST_FAULTS["closed without an answer"], POST_FAULTS["429"]];
      controlPlane.onPost = ({ number }) => healthy ? undefined : storm[number % storm.length];
      const orders = Array.from({ length: 8 }, () => controlPlane.add());
      await controlPlane.changes.until("refused answers", () => controlPlane.posts > 8);
      stop();
      await agent.untilEvent("draining");
      await controlPlane.server.refuse();
      const tries = () => agent.events("response not delivered yet; trying again").length;
      const before = tries();
      await agent.program.until("tries against a closed port", () => tries() > before + 4);
      await controlPlane.server.accept();
      healthy = true;
      for (const order of orders) assert.equal((await controlPlane.answerTo(order, 20_000)).respCode, 200);
      assert.deepEqual(target.executedTwice(), []);
    },
  );
});

Deno.test("SIGTERM while a stdio server works: running and waiting calls are answered, and it is ended behind them", async () => {
  await using stdio = new FaultStdio();
  const args = [stdio.flag(), "--mcp.connection-max-ttl=20s"];
  await faultRun({ http: false, args }, async ({ controlPlane, stop }) => {
    const orders = [1, 2, 3].map(() => controlPlane.add({ params: { fault: "floods standard error" } }));
    orders.push(controlPlane.add({ params: { fault: "killed in the middle" } }), controlPlane.add());
    await controlPlane.changes.until(
      "delivery",
      () => controlPlane.queued === 0 && controlPlane.inFlight > 0,
    );
    stop();
    const answers = await Promise.all(orders.map((order) => controlPlane.answerTo(order, 20_000)));
    assert.deepEqual(answers.map(({ respCode }) => respCode), [200, 200, 200, 502, 200]);
    assert.deepEqual(await stdio.executedTwice(), []);
  });
});

Deno.test("what cannot be answered until the drain limit is counted, logged, and seen in the exit code", async () => {
  await faultRun({ args: ["--shutdown.drain-timeout=300ms"] }, async ({ controlPlane, agent, stop }) => {
    controlPlane.onPost = () => POST_FAULTS["500"];
    Array.from({ length: 3 }, () => controlPlane.add());
    await controlPlane.changes.until("refused answers", () => controlPlane.posts >= 3);
    stop();
    const end = await agent.program.ended();
    assert.match(end.stderr, /3 of 3 commands could not be answered/);
    assert.equal(agent.events("response could not be delivered").length, 3);
    return { exitCode: 1, undeliverable: 3 };
  });
});

Deno.test("an answer whose first POST hangs during the stop is offered again on another connection", async () => {
  const args = ["--control-plane.poll-deadline-guardrail=50s", "--mcp.connection-max-ttl=1m"];
  await faultRun({ args }, async ({ controlPlane, target, stop }) => {
    controlPlane.onPost = ({ attempt }) => attempt === 0 ? POST_FAULTS["never answered"] : undefined;
    const dated = controlPlane.add({ timeoutMs: 4_000, params: { hold: true } });
    await eventually("the call at its target", () => target.holding === 1);
    stop();
    target.release();
    assert.equal((await controlPlane.answerTo(dated)).respCode, 200);
  });
});

Deno.test("a second SIGTERM gives up at once what runs, and counts it", async () => {
  await faultRun({ args: ["--mcp.connection-max-ttl=1m"] }, async ({ controlPlane, target, agent, stop }) => {
    const orders = await busy(controlPlane, () => target.holding, { running: 4, queued: 0 });
    stop();
    await agent.untilEvent("draining");
    const startedAt = performance.now();
    agent.program.signal("SIGTERM");
    await agent.program.ended();
    assert.ok(performance.now() - startedAt < 5_000, "it took its time");
    assert.ok(orders.every(({ answer }) => answer === undefined));
    return { exitCode: 143, undeliverable: 4 };
  });
});

Deno.test("SIGTERM to an agent that has never reached its control plane ends it in order", async () => {
  await faultRun({}, async ({ controlPlane, agent, stop }) => {
    await controlPlane.server.refuse();
    await agent.untilEvent("poll failed; backing off");
    stop();
    await agent.program.ended(10_000);
  });
});

Deno.test("SIGTERM while the queue is full and the poller rests loses nothing", async () => {
  const args = [
    "--control-plane.max-inflight=2",
    "--mcp.max-concurrent-requests=1",
    "--mcp.connection-max-ttl=1m",
  ];
  await faultRun({ args }, async ({ controlPlane, target, agent, stop }) => {
    // More than there is room for, in one reply.
    controlPlane.onPoll = (poll: Poll) =>
      poll.number === 0 ? servePoll : async (one) => {
        const body = await one.body(12);
        if (one.texts.length === 0) await one.exchange.reply(204);
        else one.delivered(await one.exchange.reply(200, body));
      };
    const orders = await busy(controlPlane, () => target.holding, { running: 1, queued: 0 });
    orders.push(...Array.from({ length: 12 }, () => controlPlane.add()));
    await controlPlane.changes.until("the flood", () => controlPlane.queued === 0);
    await agent.untilEvent("control plane sent more commands than there is room for");
    stop();
    await agent.untilEvent("draining");
    target.release();
    for (const order of orders) assert.equal((await controlPlane.answerTo(order)).respCode, 200);
  });
});
