import assert from "node:assert/strict";
import type { Channel } from "../../../src/channels/mod.ts";
import type { ControlPlaneConfig, McpConfig } from "../../../src/config/mod.ts";
import { API_KEY, callCommand, SECRET } from "../../support/agent_commands.ts";
import { agentConfig, type AgentTest, withAgent } from "../../support/agent_harness.ts";
import { valuesOf } from "../../support/agent_http_server.ts";
import type { Recorded } from "../../support/agent_scripted_control_plane.ts";
import { answering, ScriptedChannel } from "../../support/agent_scripted_channel.ts";

const NEXT_KEY = `sk-${SECRET}-next`;

/** The API key that a request was made with. */
function keyOf({ request }: Recorded): string {
  return valuesOf(request, "Authorization")[0]?.slice("Bearer ".length) ?? "";
}

/** Puts another configuration in force. */
async function reconfigure(
  { agent, controlPlane }: AgentTest,
  channels: readonly Channel[],
  changes: {
    readonly controlPlane?: Partial<ControlPlaneConfig>;
    readonly mcp?: Partial<McpConfig>;
    readonly drainTimeoutMs?: number;
  } = {},
): Promise<void> {
  const { drainTimeoutMs = 25_000 } = changes;
  const config = { ...agentConfig(controlPlane.url, changes.controlPlane, changes.mcp), drainTimeoutMs };
  await agent.reconfigure({ config, channels, discover: undefined });
}

Deno.test("reconfigure(): what runs ends on its channel, which is stopped then; what comes goes to the new one", async () => {
  const before = new ScriptedChannel();
  const after = new ScriptedChannel({ onCall: answering });
  await withAgent({ channels: [before] }, async (parts) => {
    const { controlPlane, timeline, log } = parts;
    controlPlane.deliver(callCommand(1));
    const running = await before.nthCall(0);
    await reconfigure(parts, [after]);
    assert.equal(after.started, true);
    controlPlane.deliver(callCommand(2));
    assert.equal((await timeline.end("req-2")).outcome, "answered");
    assert.deepEqual(before.stops, []);
    answering(running);
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    await log.nth("channels retired", 0);
    assert.equal(before.stops.length, 1);
    assert.equal(before.calls.length + after.calls.length, 2);
    assert.equal(before.usedAfterStop, 0);
  });
});

Deno.test("reconfigure(): what still runs on a replaced channel at the drain limit is answered with a failure", async () => {
  const before = new ScriptedChannel();
  await withAgent({ channels: [before] }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1));
    await before.nthCall(0);
    await reconfigure(parts, [new ScriptedChannel({ onCall: answering })], { drainTimeoutMs: 30 });
    assert.equal((await parts.timeline.end("req-1")).outcome, "failed_answered");
    await parts.log.nth("channels retired", 0);
  });
});

Deno.test("reconfigure(): a channel that is taken over is neither stopped nor started again", async () => {
  const kept = new ScriptedChannel({ onCall: answering });
  const added = new ScriptedChannel({ name: "added", onCall: answering });
  await withAgent({ channels: [kept] }, async (parts) => {
    await reconfigure(parts, [kept, added]);
    await reconfigure(parts, [kept]);
    await parts.log.nth("channels retired", 0);
    assert.deepEqual(kept.stops, []);
    assert.equal(added.stops.length, 1);
  });
});

Deno.test("reconfigure(): a channel that cannot start leaves everything as it was [ST-4]", async () => {
  const before = new ScriptedChannel({ onCall: answering });
  const fine = new ScriptedChannel({ onCall: answering });
  const broken = new ScriptedChannel({
    name: "broken",
    onStart: () => Promise.reject(new Error("no such command")),
  });
  await withAgent({ channels: [before] }, async (parts) => {
    const changes = { mcp: { maxConcurrentRequests: 3 }, controlPlane: { apiKey: NEXT_KEY } };
    await assert.rejects(reconfigure(parts, [fine, broken], changes), /no such command/);
    assert.equal(fine.stops.length, 1);
    parts.controlPlane.deliver(callCommand(1));
    assert.equal((await parts.timeline.end("req-1")).outcome, "answered");
    assert.equal(before.calls.length, 1);
    assert.equal(parts.metrics.read("dispatcher_worker_pool_capacity"), 10);
  });
});

Deno.test("reconfigure(): more workers start what waits, at once", async () => {
  const main = new ScriptedChannel();
  await withAgent({ channels: [main], mcp: { maxConcurrentRequests: 1 } }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1), callCommand(2));
    answering(
      await main.nthCall(0).then(async (first) => {
        assert.equal(main.calls.length, 1);
        await reconfigure(parts, [main], { mcp: { maxConcurrentRequests: 2 } });
        answering(await main.nthCall(1));
        return first;
      }),
    );
    await parts.timeline.end("req-1");
    await parts.timeline.end("req-2");
  });
});

Deno.test("reconfigure(): what runs on the channel before takes no place of the new one", async () => {
  const before = new ScriptedChannel({ maxConcurrentCalls: 1 });
  const after = new ScriptedChannel({ maxConcurrentCalls: 1, onCall: answering });
  await withAgent({ channels: [before] }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1));
    const running = await before.nthCall(0);
    await reconfigure(parts, [after]);
    parts.controlPlane.deliver(callCommand(2));
    assert.equal((await parts.timeline.end("req-2")).outcome, "answered");
    answering(running);
    await parts.timeline.end("req-1");
  });
});

Deno.test("reconfigure(): a smaller queue loses nothing of what is in it", async () => {
  const main = new ScriptedChannel();
  await withAgent({ channels: [main], mcp: { maxConcurrentRequests: 1 } }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1), callCommand(2), callCommand(3), callCommand(4));
    const first = await main.nthCall(0);
    await reconfigure(parts, [main], { mcp: { maxConcurrentRequests: 1 }, controlPlane: { maxInflight: 1 } });
    assert.equal(parts.metrics.read("commands_queue_capacity"), 1);
    answering(first);
    for (let index = 1; index < 4; index++) answering(await main.nthCall(index));
    for (let id = 1; id <= 4; id++) assert.equal((await parts.timeline.end(`req-${id}`)).outcome, "answered");
  });
});

Deno.test("reconfigure(): a pause after a refused key ends at once, and the next poll has the new key [P-46]", async () => {
  let refusals = 0;
  const main = new ScriptedChannel({ onCall: answering });
  const slow = { backoffMinMs: 60_000, backoffMaxMs: 60_000 };
  await withAgent({
    channels: [main],
    controlPlane: slow,
    deps: { onKeyRefused: () => refusals++ },
    acceptedKeys: [API_KEY, NEXT_KEY],
  }, async (parts) => {
    const { controlPlane, log } = parts;
    controlPlane.onPoll = (poll) => keyOf(poll) === NEXT_KEY ? undefined : { status: 401 };
    await log.nth("poll failed; backing off", 0);
    assert.equal(refusals, 1);
    await reconfigure(parts, [main], { controlPlane: { ...slow, apiKey: NEXT_KEY } });
    controlPlane.deliver(callCommand(1));
    assert.equal((await parts.timeline.end("req-1")).outcome, "answered");
  });
});

Deno.test("an answer that is refused with 401 is offered again with another key, if there is one", async () => {
  const main = new ScriptedChannel({ onCall: answering });
  const refused = Promise.withResolvers<void>();
  await withAgent({
    channels: [main],
    deps: { onKeyRefused: refused.resolve },
    acceptedKeys: [API_KEY, NEXT_KEY],
  }, async (parts) => {
    const { controlPlane, timeline } = parts;
    controlPlane.onPost = (post) => keyOf(post) === NEXT_KEY ? undefined : { status: 401 };
    controlPlane.deliver(callCommand(1));
    await refused.promise;
    await reconfigure(parts, [main], { controlPlane: { apiKey: NEXT_KEY } });
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.deepEqual(controlPlane.posts.map(keyOf), [API_KEY, NEXT_KEY]);
  });
});

Deno.test("reconfigure(): a stop that comes while a channel is replaced waits for what runs there", async () => {
  const before = new ScriptedChannel();
  await withAgent({ channels: [before] }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1));
    const running = await before.nthCall(0);
    await reconfigure(parts, [new ScriptedChannel({ onCall: answering })]);
    parts.controlPlane.finish();
    const drained = parts.agent.drain(10_000);
    answering(running);
    assert.equal((await drained).outcomes.answered, 1);
    assert.equal(before.stops.length, 1);
    await assert.rejects(reconfigure(parts, [before]), /a stop was requested/);
  });
});
