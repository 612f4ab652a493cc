/** Section 10 of spec 01: the line between poller and channels, and who works on it. */
import assert from "node:assert/strict";
import { callCommand, jsonrpcCommand, notificationCommand } from "../support/agent_commands.ts";
import { withAgent } from "../support/agent_harness.ts";
import { answer, answering, ScriptedChannel } from "../support/agent_scripted_channel.ts";

const calls = (from: number, to: number, channel = "main") =>
  Array.from({ length: to - from + 1 }, (_, index) => callCommand(from + index, { channel }));

Deno.test("dispatcher: as many commands run at once as there are workers, and no more [P-77]", async () => {
  const channel = new ScriptedChannel();
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 25 },
    mcp: { maxConcurrentRequests: 3 },
  };
  await withAgent(options, async ({ controlPlane, metrics }) => {
    controlPlane.deliver(...calls(1, 12));
    await channel.nthCall(2);
    assert.equal(metrics.read("dispatcher_worker_pool_capacity"), 3);
    assert.equal(metrics.read("dispatcher_worker_pool_occupancy"), 3);
    assert.equal(metrics.read("commands_queue_length"), 9);
    assert.equal(metrics.read("commands_in_flight"), 12);
    for (let index = 0; index < 12; index++) {
      const call = await channel.nthCall(index);
      assert(channel.running <= 3);
      call.end(answer(call));
    }
    await controlPlane.responseTo("req-12");
    assert.equal(channel.mostRunning, 3);
    assert.deepEqual(channel.calls.map((call) => call.request.message.id), [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
      11,
      12,
    ]);
  });
});

Deno.test("dispatcher: a worker is busy until its answer has been delivered [P-77]", async () => {
  const release = Promise.withResolvers<void>();
  const channel = new ScriptedChannel({ onCall: answering });
  await withAgent({ channels: [channel], mcp: { maxConcurrentRequests: 1 } }, async ({ controlPlane }) => {
    controlPlane.onPost = async (_, index) => {
      if (index === 0) await release.promise;
      return { status: 200 };
    };
    controlPlane.deliver(...calls(1, 2));
    await controlPlane.nthPost(0);
    assert.equal(channel.calls.length, 1);
    release.resolve();
    await controlPlane.responseTo("req-2");
  });
});

Deno.test("dispatcher: a channel with one slot runs one call at a time, in order; what waits for nothing is not held up [P-97]", async () => {
  const order: string[] = [];
  const channel = new ScriptedChannel({
    maxConcurrentCalls: 1,
    onCall: (call) => {
      order.push(`call ${call.request.message.id}`);
    },
    onNotify: (one) => {
      order.push("notification");
      one.end({ type: "accepted", status: 200, headers: [] });
    },
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1), notificationCommand(), callCommand(2));
    const first = await channel.nthCall(0);
    await controlPlane.nthPost(0);
    assert.deepEqual(order, ["call 1", "notification"]);
    first.end(answer(first));
    const second = await channel.nthCall(1);
    second.end(answer(second));
    await controlPlane.responseTo("req-2");
    assert.deepEqual(order, ["call 1", "notification", "call 2"]);
  });
});

Deno.test("dispatcher: a connector's answer reaches the target while calls take every worker and slot [P-92]", async () => {
  const channel = new ScriptedChannel({
    maxConcurrentCalls: 1,
    onNotify: (one) => one.end({ type: "accepted", status: 202, headers: [] }),
  });
  const options = { channels: [channel], mcp: { maxConcurrentRequests: 1 } };
  await withAgent(options, async ({ controlPlane }) => {
    const connectorAnswer = '{"jsonrpc":"2.0","id":"asked","result":{}}';
    controlPlane.deliver(
      callCommand(1),
      callCommand(2),
      jsonrpcCommand(connectorAnswer, { requestId: "req-answer" }),
    );
    const running = await channel.nthCall(0);
    const { body } = await controlPlane.nthPost(0);
    assert.deepEqual([body.request_id, body.resp_type, body.resp_code], ["req-answer", "notify_ack", 202]);
    running.end(answer(running));
    const next = await channel.nthCall(1);
    next.end(answer(next));
    await controlPlane.responseTo("req-2");
  });
});

Deno.test("dispatcher: a channel that is busy takes neither workers nor turns from the others [P-78]", async () => {
  const slow = new ScriptedChannel({ name: "slow", maxConcurrentCalls: 1 });
  const main = new ScriptedChannel({ onCall: answering });
  const options = { channels: [main, slow], mcp: { maxConcurrentRequests: 2 } };
  await withAgent(options, async ({ controlPlane }) => {
    controlPlane.deliver(...calls(1, 5, "slow"), ...calls(6, 15));
    for (let id = 6; id <= 15; id++) await controlPlane.responseTo(`req-${id}`);
    assert.equal(slow.calls.length, 1);
    for (let index = 0; index < 5; index++) {
      const call = await slow.nthCall(index);
      call.end(answer(call));
    }
    await controlPlane.responseTo("req-5");
  });
});

Deno.test("dispatcher: answers arrive in the order in which targets finish [P-81]", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.deliver(...calls(1, 3));
    await channel.nthCall(2);
    for (const call of [...channel.calls].reverse()) {
      call.end(answer(call));
      await controlPlane.responseTo(`req-${call.request.message.id}`);
    }
    assert.deepEqual(controlPlane.posts.map((post) => post.body.request_id), ["req-3", "req-2", "req-1"]);
  });
});

Deno.test("dispatcher: a command that fails touches neither polling nor its neighbours [P-82]", async () => {
  const channel = new ScriptedChannel({
    onCall: (call) =>
      Number(call.request.message.id) % 2 === 0 ? call.crash(new Error("no")) : answering(call),
  });
  await withAgent({ channels: [channel] }, async ({ agent, controlPlane, timeline, changes }) => {
    controlPlane.deliver(...calls(1, 10));
    await changes.until("ten ends", () => timeline.entries.length === 10);
    const { answered, failed_answered: failed } = agent.summary.outcomes;
    assert(answered + failed >= 9, "the last one is counted a moment after its entry");
    assert.equal(timeline.entries.filter((entry) => entry.outcome === "failed_answered").length, 5);
    assert.equal(agent.pollState.consecutiveFailures, 0);
  });
});

Deno.test("dispatcher: a thousand commands through a small queue are all answered, once [P-38, P-47, P-77]", async () => {
  const channel = new ScriptedChannel({ onCall: answering });
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 7 },
    mcp: { maxConcurrentRequests: 4 },
  };
  await withAgent(options, async ({ controlPlane, timeline, changes }) => {
    for (let batch = 0; batch < 40; batch++) controlPlane.deliver(...calls(batch * 25, batch * 25 + 24));
    await changes.until("every end", () => timeline.entries.length === 1_000, 30_000);
    assert.equal(new Set(timeline.entries.map((entry) => entry.requestId)).size, 1_000);
    assert(timeline.entries.every((entry) => entry.outcome === "answered"));
    assert.equal(controlPlane.mostOpenPolls, 1);
    assert(channel.mostRunning <= 4);
  });
});
