/** Section 9 of spec 01, and P-96: the clocks that end a command. */
import assert from "node:assert/strict";
import { CommandAborted } from "../../src/agent/abort.ts";
import type { DiscoveryResult } from "../../src/agent/mod.ts";
import type { SessionResult } from "../../src/channels/mod.ts";
import { blockPast, clockPast, gate } from "../support/agent_changes.ts";
import {
  callCommand,
  type CommandParts,
  notificationCommand,
  oauthDiscoveryCommand,
  sessionTerminationCommand,
} from "../support/agent_commands.ts";
import { type AgentTest, withAgent } from "../support/agent_harness.ts";
import { answer, answering, type ScriptedCall, ScriptedChannel } from "../support/agent_scripted_channel.ts";

const EVENT = '{"jsonrpc":"2.0","method":"notifications/progress"}';
const SSE = { status: 200, headers: [["content-type", "text/event-stream"]] } as const;

/** What must be true of every command that expired: nothing posted, one info record, nobody alarmed. */
async function assertExpired({ timeline, controlPlane, log }: AgentTest, requestId: string): Promise<void> {
  const end = await timeline.end(requestId);
  assert.deepEqual([end.outcome, end.statusCode, end.reason], ["expired", 0, "response deadline passed"]);
  assert.equal(controlPlane.acceptedFor(requestId).length, 0);
  const told = log.records.filter((record) =>
    record.event.startsWith("command expired") && record.fields.request_id === requestId
  );
  assert.deepEqual(told.map((record) => record.level), ["info"]);
  assert.deepEqual(log.atLeast("error"), []);
}

for (const responseTimeout of ["0s", "0h", "1ns", "0000ms"]) {
  Deno.test(`deadline: ${responseTimeout} has passed already: no target contact, no response [P-68, P-72]`, async () => {
    const channel = new ScriptedChannel({ onCall: answering });
    await withAgent({ channels: [channel] }, async (parts) => {
      parts.controlPlane.deliver(
        callCommand(1, { responseTimeout }),
        notificationCommand({ responseTimeout }),
        sessionTerminationCommand({ responseTimeout }),
        oauthDiscoveryCommand({ responseTimeout }),
        callCommand(2, { responseTimeout, channel: "nowhere" }),
      );
      for (const id of ["req-1", "req-notification", "req-session", "req-oauth", "req-2"]) {
        await assertExpired(parts, id);
      }
      assert.equal(channel.calls.length + channel.notifications.length, 0);
      assert.equal(parts.controlPlane.posts.length, 0);
      assert.equal(parts.log.all("command expired before it was started").length, 5);
      assert.equal(
        parts.metrics.total("command_unsupported_channel_total"),
        0,
        "looked at before the channel",
      );
    });
  });
}

for (const responseTimeout of ["1m30s", "-1s", "4.5s", "", undefined]) {
  Deno.test(`deadline: ${JSON.stringify(responseTimeout)} is none at all [P-69, P-76]`, async () => {
    await withAgent({}, async ({ controlPlane }) => {
      controlPlane.deliver(callCommand(1, { responseTimeout, createdAt: "2001-01-01T00:00:00Z" }));
      await controlPlane.responseTo("req-1");
    });
  });
}

Deno.test("deadline: it counts from the arrival of the head, not of the body [P-35, P-70, P-189]", async () => {
  const body = gate();
  const channel = new ScriptedChannel({ onCall: answering });
  await withAgent({ channels: [channel], start: false }, async (parts) => {
    const { agent, controlPlane, changes } = parts;
    const commands = [
      callCommand(1, { responseTimeout: "60ms" }),
      callCommand(2, { responseTimeout: "30s" }),
    ];
    controlPlane.replyToPolls({ status: 200, body: `{"commands":[${commands}]}`, bodyAfter: body.opened });
    await agent.start();
    const poll = await controlPlane.nthPoll(0);
    await changes.until("the head", () => poll.reply);
    await clockPast(performance.now() + 90);
    body.open();
    await assertExpired(parts, "req-1");
    const end = await parts.timeline.end("req-2");
    assert(end.queuedMs >= 80, `waited ${end.queuedMs} ms since its receipt`);
    assert.deepEqual(channel.calls.map((call) => call.request.message.id), [2]);
  });
});

/** Calls that never come to their end by themselves, by the state in which their deadline finds them. */
const STUCK: [state: string, onCall: (call: ScriptedCall) => unknown][] = [
  ["connected", () => {}],
  ["sent", (call) => call.observer!.sent()],
  [
    "streaming",
    async (call) => {
      call.observer!.sent();
      await call.observer!.notification(EVENT, SSE);
    },
  ],
];

for (const [state, onCall] of STUCK) {
  Deno.test(`deadline: a call that is ${state} is aborted, and nothing is posted [P-73, P-74]`, async () => {
    const channel = new ScriptedChannel({ onCall });
    await withAgent({ channels: [channel] }, async (parts) => {
      parts.controlPlane.deliver(callCommand(1, { responseTimeout: "300ms" }));
      await assertExpired(parts, "req-1");
      assert.equal(parts.log.one("command expired while it was running").fields.state, state);
      const { signal } = channel.calls[0]!;
      assert(signal.reason instanceof CommandAborted && signal.reason.clock === "deadline");
      const end = parts.timeline.of("req-1");
      assert(end.totalMs >= 300 && end.totalMs < 8_000, `${end.totalMs}`);
    });
  });
}

Deno.test("deadline: progress does not extend it [P-71]", async () => {
  let events = 0;
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      call.observer!.sent();
      while (!call.signal.aborted) {
        await call.observer!.notification(EVENT, SSE);
        events++;
      }
    },
  });
  await withAgent({ channels: [channel] }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1, { responseTimeout: "400ms" }));
    await assertExpired(parts, "req-1");
    assert(events > 2, `${events} events`);
    assert(parts.timeline.of("req-1").totalMs < 8_000);
  });
});

Deno.test("deadline: it ends the delivery of a notification in the middle [P-71, P-133]", async () => {
  const never = gate();
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      await call.observer!.notification(EVENT, SSE);
      call.end(answer(call));
    },
  });
  await withAgent({ channels: [channel] }, async (parts) => {
    parts.controlPlane.onPost = async () => {
      await never.opened;
      return { status: 200 };
    };
    parts.controlPlane.deliver(callCommand(1, { responseTimeout: "400ms" }));
    await assertExpired(parts, "req-1");
    assert.equal(parts.controlPlane.posts.length, 1);
    await parts.changes.until("the end of the POST", () => parts.controlPlane.posts[0]!.abandoned);
    never.open();
  });
});

Deno.test("deadline: it covers the wait for a worker [P-71]", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel], mcp: { maxConcurrentRequests: 1 } }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1), callCommand(2, { responseTimeout: "50ms" }));
    const first = await channel.nthCall(0);
    await clockPast(performance.now() + 80);
    first.end(answer(first));
    await assertExpired(parts, "req-2");
    assert.equal(channel.calls.length, 1, "no target contact");
  });
});

Deno.test("deadline: it covers the wait for the channel's slot [P-71, P-97]", async () => {
  const channel = new ScriptedChannel({ maxConcurrentCalls: 1 });
  await withAgent({ channels: [channel] }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1), callCommand(2, { responseTimeout: "50ms" }));
    const first = await channel.nthCall(0);
    await clockPast(performance.now() + 80);
    first.end(answer(first));
    await assertExpired(parts, "req-2");
    assert.equal(channel.calls.length, 1);
  });
});

Deno.test("deadline: it ends a response POST that hangs; the target is not touched any more [P-71, P-74]", async () => {
  const never = gate();
  const channel = new ScriptedChannel({ onCall: answering });
  await withAgent({ channels: [channel] }, async (parts) => {
    parts.controlPlane.onPost = async () => {
      await never.opened;
      return { status: 200 };
    };
    parts.controlPlane.deliver(callCommand(1, { responseTimeout: "400ms" }));
    await assertExpired(parts, "req-1");
    assert.equal(channel.calls[0]!.ended, true);
    await parts.changes.until("the end of the POST", () => parts.controlPlane.posts[0]!.abandoned);
    never.open();
  });
});

Deno.test("deadline: a response is offered again and again until exactly then [P-71, P-131, P-133]", async () => {
  await withAgent({}, async (parts) => {
    const { controlPlane, timeline } = parts;
    controlPlane.onPost = () => ({ status: 503 });
    controlPlane.deliver(callCommand(1, { responseTimeout: "600ms" }));
    await assertExpired(parts, "req-1");
    const { totalMs } = timeline.of("req-1");
    assert(totalMs >= 600 && totalMs < 8_000, `${totalMs}`);
    const attempts = controlPlane.posts.filter(({ body }) => body.request_id === "req-1");
    assert(attempts.length > 3, `${attempts.length} attempts`);
  });
});

Deno.test("deadline: an answer that is late by a hair is not posted, even when the timer is late too [P-73]", async () => {
  const channel = new ScriptedChannel({
    onCall: (call) => {
      blockPast(performance.now() + 320);
      call.end(answer(call));
    },
  });
  await withAgent({ channels: [channel] }, async (parts) => {
    parts.controlPlane.deliver(callCommand(1, { responseTimeout: "300ms" }));
    await assertExpired(parts, "req-1");
    assert.equal(parts.controlPlane.posts.length, 0);
  });
});

Deno.test("deadline: one that is not reached leaves nothing behind [P-187]", async () => {
  await withAgent({}, async ({ controlPlane, timeline }) => {
    const timeouts = ["30s", "1h", "2562047h", "9223372036854775807ns"];
    controlPlane.deliver(...timeouts.map((responseTimeout, id) => callCommand(id, { responseTimeout })));
    for (const id of timeouts.keys()) assert.equal((await timeline.end(`req-${id}`)).outcome, "answered");
  });
});

/** Every kind of command that a target may leave hanging, and what is posted when the window closes. */
const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
const WINDOW: [kind: string, make: (parts: CommandParts) => string, type: string][] = [
  ["call", (parts) => callCommand(1, parts), "jsonrpc_response"],
  ["notification", notificationCommand, "notify_ack"],
  ["session end", sessionTerminationCommand, "session_termination_response"],
  ["discovery", oauthDiscoveryCommand, "oauth_discovery_response"],
];
for (const [kind, make, type] of WINDOW) {
  const options = () => ({
    channels: [
      new ScriptedChannel({
        onNotify: () => {},
        onTerminate: (_, signal): Promise<SessionResult> => hang(signal),
      }),
    ],
    deps: { discover: (signal: AbortSignal): Promise<DiscoveryResult> => hang(signal) },
    mcp: { connectionMaxTtlMs: 50 },
  });

  Deno.test(`window: a ${kind} that its target leaves hanging is answered 504 [P-96]`, async () => {
    await withAgent(options(), async ({ controlPlane, timeline }) => {
      controlPlane.deliver(make({ requestId: "req-1" }));
      const { body } = await controlPlane.responseTo("req-1");
      assert.deepEqual([body.resp_type, body.resp_code], [type, 504]);
      const end = await timeline.end("req-1");
      assert.deepEqual([end.outcome, end.statusCode], ["failed_answered", 504]);
      assert(end.totalMs >= 50);
    });
  });

  Deno.test(`window: a deadline before its end stays a deadline for a ${kind}: nothing is posted [P-73, P-96]`, async () => {
    await withAgent({ ...options(), mcp: { connectionMaxTtlMs: 60_000 } }, async (parts) => {
      parts.controlPlane.deliver(make({ requestId: "req-1", responseTimeout: "50ms" }));
      await assertExpired(parts, "req-1");
      assert.equal(parts.controlPlane.posts.length, 0);
    });
  });
}

Deno.test("window: a call that streams is answered with a timeout failure when it closes [P-96]", async () => {
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      call.observer!.sent();
      await call.observer!.notification(EVENT, SSE);
    },
  });
  await withAgent(
    { channels: [channel], mcp: { connectionMaxTtlMs: 300 } },
    async ({ controlPlane, timeline }) => {
      controlPlane.deliver(callCommand(1));
      const { body } = await controlPlane.responseTo("req-1");
      assert.deepEqual(body.resp_json, {
        jsonrpc: "2.0",
        id: 1,
        error: {
          code: -32603,
          message: "Gateway Timeout",
          data: {
            tunnel_failure: {
              version: 1,
              source: "timeout",
              transport_error_kind: "timeout",
              upstream_response_received: false,
            },
          },
        },
      });
      assert.equal((await timeline.end("req-1")).reason, "timeout/timeout");
      assert.deepEqual(controlPlane.posts.map((post) => post.body.resp_type), [
        "jsonrpc_notify",
        "jsonrpc_response",
      ]);
    },
  );
});

Deno.test("window: an answer that exists is delivered, also after it has closed [P-96, P-131]", async () => {
  await withAgent({ mcp: { connectionMaxTtlMs: 250 } }, async ({ controlPlane, timeline }) => {
    controlPlane.onPost = async (post) => {
      await clockPast(post.request.at + 300);
      return { status: 200 };
    };
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(controlPlane.posts.length, 1);
    assert.equal(controlPlane.posts[0]!.body.resp_code, 200);
  });
});

Deno.test("window: the failure that it makes is itself given up at the deadline [P-73, P-96]", async () => {
  await withAgent({ channels: [new ScriptedChannel()], mcp: { connectionMaxTtlMs: 40 } }, async (parts) => {
    parts.controlPlane.onPost = () => ({ status: 503 });
    parts.controlPlane.deliver(callCommand(1, { responseTimeout: "600ms" }));
    await assertExpired(parts, "req-1");
    assert(parts.controlPlane.posts.length > 1);
    assert(parts.controlPlane.posts.every((post) => post.body.resp_code === 504));
  });
});

Deno.test("window: worker and channel are free again afterwards [P-96]", async () => {
  const channel = new ScriptedChannel({
    maxConcurrentCalls: 1,
    onCall: (call) => call.request.message.id === 1 ? undefined : answering(call),
  });
  const options = { channels: [channel], mcp: { connectionMaxTtlMs: 40, maxConcurrentRequests: 1 } };
  await withAgent(options, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1), callCommand(2));
    assert.equal((await controlPlane.responseTo("req-1")).body.resp_code, 504);
    assert.equal((await controlPlane.responseTo("req-2")).body.resp_code, 200);
  });
});
