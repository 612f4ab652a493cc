/** Subscriptions (MCP 2026-07-28): calls that last as long as their connectors like; and what a relay vouches for. */
import assert from "node:assert/strict";
import { MAX_LISTENS } from "../../src/agent/dispatcher.ts";
import type { ChannelRequest } from "../../src/channels/mod.ts";
import { callCommand, notificationCommand } from "../support/agent_commands.ts";
import { withAgent } from "../support/agent_harness.ts";
import { answer, answering, ScriptedChannel } from "../support/agent_scripted_channel.ts";

const LISTEN = "subscriptions/listen";

function listens(from: number, to: number) {
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const id = from + index;
    return callCommand(id, { method: LISTEN, params: {}, requestId: `listen-${id}` });
  });
}

Deno.test("dispatcher: subscriptions take no worker and no room of their channel [P-77, P-97]", async () => {
  const channel = new ScriptedChannel({
    maxConcurrentCalls: 1,
    onCall: (call) => call.request.method === LISTEN ? undefined : answering(call),
  });
  const options = { channels: [channel], mcp: { maxConcurrentRequests: 2 } };
  await withAgent(options, async ({ controlPlane, metrics, timeline }) => {
    controlPlane.deliver(...listens(1, 5));
    await channel.nthCall(4);
    assert.equal(metrics.read("dispatcher_worker_pool_occupancy"), 0);
    controlPlane.deliver(callCommand(6), notificationCommand(), callCommand(7));
    await timeline.end("req-6");
    await timeline.end("req-notification");
    await timeline.end("req-7");
    assert.equal(channel.running, 5);
    for (const call of channel.calls.slice(0, 5)) call.end(answer(call));
    await controlPlane.responseTo("listen-5");
  });
});

Deno.test("dispatcher: one subscription too many is refused at once, and has room when another ends", async () => {
  const channel = new ScriptedChannel({
    onCall: (call) => call.request.method === LISTEN ? undefined : answering(call),
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline }) => {
    controlPlane.deliver(...listens(1, MAX_LISTENS));
    await channel.nthCall(MAX_LISTENS - 1);
    controlPlane.deliver(...listens(MAX_LISTENS + 1, MAX_LISTENS + 1));
    const refused = await controlPlane.responseTo(`listen-${MAX_LISTENS + 1}`);
    assert.equal(refused.body.resp_code, 503);
    assert.equal(refused.body.resp_json?.id, MAX_LISTENS + 1);
    assert.match(refused.request.bodyText, /"code":-32603/);
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    const [first] = channel.calls;
    first!.end(answer(first!));
    await timeline.end("listen-1");
    controlPlane.deliver(...listens(MAX_LISTENS + 2, MAX_LISTENS + 2));
    const next = await channel.nthCall(MAX_LISTENS + 1);
    assert.equal(next.request.message.id, MAX_LISTENS + 2);
  });
});

Deno.test("drain: subscriptions are ended when nothing else runs, long before the limit", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel] }, async ({ agent, controlPlane, timeline }) => {
    controlPlane.deliver(...listens(1, 2), callCommand(1));
    const call = await channel.nthCall(2);
    const drained = agent.drain(600_000);
    call.end(answer(call));
    await controlPlane.responseTo("req-1");
    controlPlane.finish();
    await drained;
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    for (const requestId of ["listen-1", "listen-2"]) {
      const ended = await controlPlane.responseTo(requestId);
      assert.equal(ended.body.resp_code, 503);
      assert.equal((await timeline.end(requestId)).outcome, "failed_answered");
    }
    assert.deepEqual(channel.calls.map(({ signal }) => signal.aborted), [true, true, false]);
  });
});

for (
  const [features, complete] of [["poll-release, connector-headers", true], ["poll-release", false], [
    undefined,
    false,
  ]] as const
) {
  Deno.test(`command: its headers ${complete ? "are" : "are not"} taken for complete where the control plane announces ${features}`, async () => {
    const channel = new ScriptedChannel({ onCall: answering });
    await withAgent({ channels: [channel], features }, async ({ controlPlane }) => {
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
      const request: ChannelRequest = channel.calls[0]!.request;
      assert.equal(request.headersComplete, complete);
    });
  });
}
