import assert from "node:assert/strict";
import { callCommand, jsonrpcCommand, notificationCommand } from "../support/agent_commands.ts";
import { type AgentTest, withAgent } from "../support/agent_harness.ts";
import { type RawReply, valuesOf } from "../support/agent_http_server.ts";
import { answer, ScriptedChannel } from "../support/agent_scripted_channel.ts";
import { until } from "../support/channels_run.ts";

const HEAD = { status: 200, headers: [["mcp-session-id", "s"]] } as const;
const NOTE = '{"jsonrpc":"2.0","method":"notifications/progress"}';

function test(name: string, work: () => Promise<void>): void {
  Deno.test(name, work);
}

function cancelling(...requestIds: string[]): RawReply {
  return { status: 200, body: JSON.stringify({ commands: [], cancelled: requestIds }) };
}

/** Lets the agent know what the relay can do before anything else happens. */
async function acquainted({ controlPlane, log }: AgentTest): Promise<void> {
  await log.nth("tunnel metadata fetched");
  await controlPlane.nthPoll(0);
}

// cancel

test("cancel: a running command is given up, nothing is posted for it, and it counts as expired", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel], features: "cancel" }, async (bench) => {
    const { controlPlane, timeline, log } = bench;
    await acquainted(bench);
    controlPlane.deliver(callCommand(1));
    const { signal } = await channel.nthCall(0);
    controlPlane.replyToPolls(cancelling("req-unknown", "req-1"));
    const end = await timeline.end("req-1");
    assert.deepEqual([end.outcome, end.statusCode, end.reason], ["expired", 0, "cancelled by the relay"]);
    assert.equal(signal.aborted, true);
    assert.deepEqual(controlPlane.posts, []);
    assert.equal(
      log.one("command cancelled: nobody waits for its answer any more").fields?.["request_id"],
      "req-1",
    );
    // The worker is free again.
    controlPlane.deliver(callCommand(2));
    const next = await channel.nthCall(1);
    next.end(answer(next));
    await controlPlane.responseTo("req-2");
  });
});

test("cancel: a command that waits for a worker is never started", async () => {
  const channel = new ScriptedChannel();
  await withAgent(
    { channels: [channel], features: "cancel", mcp: { maxConcurrentRequests: 1 } },
    async (bench) => {
      const { controlPlane, timeline, agent } = bench;
      await acquainted(bench);
      controlPlane.deliver(callCommand(1), callCommand(2), callCommand(3));
      const first = await channel.nthCall(0);
      controlPlane.replyToPolls(cancelling("req-2"));
      assert.equal((await timeline.end("req-2")).outcome, "expired");
      first.end(answer(first));
      const third = await channel.nthCall(1);
      assert.equal(third.request.message.id, 3);
      third.end(answer(third));
      await controlPlane.responseTo("req-3");
      assert.deepEqual([channel.calls.length, agent.summary.received], [2, 3]);
    },
  );
});

test("cancel: an answer that is on its way is delivered all the same", async () => {
  const channel = new ScriptedChannel({ onCall: (call) => call.end(answer(call)) });
  await withAgent({ channels: [channel], features: "cancel" }, async (bench) => {
    const { controlPlane, timeline, metrics } = bench;
    await acquainted(bench);
    const held = Promise.withResolvers<RawReply>();
    controlPlane.onPost = () => held.promise;
    controlPlane.deliver(callCommand(1));
    await controlPlane.nthPost(0);
    const polls = controlPlane.polls.length;
    controlPlane.replyToPolls(cancelling("req-1"));
    await controlPlane.nthPoll(polls);
    held.resolve({ status: 404 });
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(metrics.total("commands_outcome_total"), 1);
  });
});

test("cancel: without the feature the member is one of the unknown ones [P-59]", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel], features: "server-requests" }, async (bench) => {
    const { controlPlane } = bench;
    await acquainted(bench);
    controlPlane.deliver(callCommand(1));
    const call = await channel.nthCall(0);
    const polls = controlPlane.polls.length;
    controlPlane.replyToPolls(cancelling("req-1"));
    await controlPlane.nthPoll(polls);
    assert.equal(call.signal.aborted, false);
    call.end(answer(call));
    await controlPlane.responseTo("req-1");
  });
});

// what the agent confirms

for (
  const [features, onPolls] of [
    ["poll-release,cancel, more-time,asides,new-one", ["cancel,more-time"]],
    ["more-time", ["more-time"]],
    ["server-requests,asides", []],
    [undefined, []],
  ] as const
) {
  test(`features: of ${features} the agent confirms ${onPolls.join() || "nothing"}`, async () => {
    const channel = new ScriptedChannel({
      onCall: async (call) => {
        await call.observer!.notification(NOTE, HEAD);
        call.end(answer(call));
      },
    });
    await withAgent({ channels: [channel], features }, async (bench) => {
      const { controlPlane } = bench;
      await acquainted(bench);
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
      const poll = await controlPlane.nthPoll(1);
      const confirmed = (request: typeof poll.request) => valuesOf(request, "X-Tunnel-Relay-Features");
      assert.deepEqual(confirmed(poll.request), onPolls);
      assert.deepEqual(confirmed(controlPlane.polls[0]!.request), [], "nothing was known yet");
      const [event, response] = controlPlane.posts;
      assert.deepEqual(confirmed(event!.request), features?.includes("more-time") ? onPolls : []);
      assert.deepEqual(confirmed(response!.request), []);
    });
  });
}

// more-time

for (
  const [features, extended] of [["more-time", true], ["cancel", false], [undefined, false]] as const
) {
  test(`more-time: the reply to an event ${extended ? "moves" : "does not move"} the deadline where ${features} is announced [P-71]`, async () => {
    const channel = new ScriptedChannel({
      onCall: (call) => void call.observer!.notification(NOTE, HEAD),
    });
    await withAgent({ channels: [channel], features }, async (bench) => {
      const { controlPlane, timeline } = bench;
      await acquainted(bench);
      controlPlane.onPost = ({ body }) =>
        body.resp_type === "jsonrpc_notify"
          ? { status: 200, body: '{"status":"ok","response_timeout":"60000ms"}' }
          : undefined;
      controlPlane.deliver(
        callCommand(1, { responseTimeout: "1000ms" }),
        // Its time is over after that of the first, which shows that the first was given more.
        jsonrpcCommand('{"jsonrpc":"2.0","id":2,"method":"quiet"}', {
          requestId: "req-2",
          responseTimeout: "1200ms",
        }),
      );
      const call = await channel.nthCall(0);
      controlPlane.onPost = ({ body }) =>
        body.resp_type === "jsonrpc_notify" && body.request_id === "req-1"
          ? { status: 200, body: '{"status":"ok","response_timeout":"60000ms"}' }
          : undefined;
      assert.equal((await timeline.end("req-2")).outcome, "expired");
      assert.equal(call.signal.aborted, !extended);
      if (!extended) return;
      call.end(answer(call));
      await controlPlane.responseTo("req-1");
    });
  });
}

for (const body of ["", "nonsense", "[]", "null", '{"response_timeout":5}', '{"response_timeout":"-1s"}']) {
  test(`more-time: ${JSON.stringify(body)} moves no deadline, and loses no event`, async () => {
    const channel = new ScriptedChannel({
      onCall: async (call) => {
        await call.observer!.notification(NOTE, HEAD);
        await call.observer!.notification(NOTE, HEAD);
        call.end(answer(call));
      },
    });
    await withAgent({ channels: [channel], features: "more-time" }, async (bench) => {
      const { controlPlane } = bench;
      await acquainted(bench);
      controlPlane.onPost = (_, index) => index < 2 ? { status: 200, body } : undefined;
      controlPlane.deliver(callCommand(1, { responseTimeout: "60s" }));
      await controlPlane.responseTo("req-1");
      assert.equal(controlPlane.posts.length, 3);
    });
  });
}

// stream-cut

for (
  const [features, posted] of [
    ["stream-cut", ["stream_opened", "stream_cut", "jsonrpc_response"]],
    [undefined, ["jsonrpc_response"]],
  ] as const
) {
  test(`stream-cut: signs of a stream are posted where ${features} is announced`, async () => {
    const channel = new ScriptedChannel({
      onCall: async (call) => {
        call.observer!.sent();
        await call.observer!.streamOpened!(HEAD);
        await call.observer!.streamCut!(HEAD);
        call.end(answer(call));
      },
    });
    await withAgent({ channels: [channel], features }, async (bench) => {
      const { controlPlane, timeline } = bench;
      await acquainted(bench);
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
      assert.deepEqual(controlPlane.posts.map(({ body }) => body.resp_type), posted);
      assert.deepEqual(controlPlane.posts[0]!.body.resp_code, 200);
      assert.equal((await timeline.end("req-1")).outcome, "answered");
    });
  });
}

test("stream-cut: a sign that cannot be delivered changes nothing for the call", async () => {
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      await call.observer!.streamCut!(HEAD);
      await call.observer!.notification(NOTE, HEAD);
      call.end(answer(call));
    },
  });
  await withAgent({ channels: [channel], features: "stream-cut" }, async (bench) => {
    const { controlPlane, log } = bench;
    await acquainted(bench);
    controlPlane.onPost = ({ body }) => body.resp_type === "stream_cut" ? { status: 500 } : undefined;
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    assert.deepEqual(controlPlane.posts.map(({ body }) => body.resp_type), [
      "stream_cut",
      "jsonrpc_notify",
      "jsonrpc_response",
    ]);
    assert.equal(log.all("sign of a stream not delivered").length, 1);
  });
});

test("server-requests: a request for a command that is over is refused, not waited for", async () => {
  const told: boolean[] = [];
  const question = '{"jsonrpc":"2.0","id":"q","method":"roots/list"}';
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      told.push(await call.observer!.serverRequest!(question, HEAD));
      call.end(answer(call));
    },
  });
  await withAgent({ channels: [channel], features: "server-requests" }, async (bench) => {
    const { controlPlane } = bench;
    await acquainted(bench);
    controlPlane.onPost = ({ body }) => body.resp_type === "jsonrpc_notify" ? { status: 404 } : undefined;
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    assert.deepEqual(told, [false]);
  });
});

// asides

const FULL = { controlPlane: { maxInflight: 1 }, mcp: { maxConcurrentRequests: 1 } };

test("asides: with the queue full of calls the agent polls on for what they may be waiting for", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ ...FULL, channels: [channel], features: "poll-release,asides" }, async (bench) => {
    const { controlPlane, log } = bench;
    await acquainted(bench);
    const released = Promise.withResolvers<RawReply>();
    const replies: (RawReply | Promise<RawReply>)[] = [
      { status: 200, body: `{"commands":[${notificationCommand()}]}` },
      released.promise,
    ];
    controlPlane.onRelease = () => {
      released.resolve({ status: 204 });
      return { status: 204 };
    };
    controlPlane.onPoll = async (poll) => {
      if (!poll.query.includes("only=asides")) return undefined as unknown as RawReply;
      return await replies.shift()!;
    };
    controlPlane.deliver(callCommand(1));
    const first = await channel.nthCall(0);
    controlPlane.deliver(callCommand(2));
    await controlPlane.responseTo("req-notification");
    await until(() => replies.length === 0, "the second poll for asides");
    const asides = controlPlane.polls.filter(({ query }) => query.includes("only=asides"));
    assert.deepEqual(asides.map(({ limit }) => limit), [1, 1]);
    assert.equal(channel.calls.length, 1);
    assert.equal(controlPlane.releases.length, 0);
    first.end(answer(first));
    const second = await channel.nthCall(1);
    // There is a place for a call again: the relay is asked to end that poll, which is never aborted.
    await until(() => controlPlane.openPoll?.query.includes("only=") === false, "an ordinary poll");
    assert.ok(controlPlane.releases.length >= 1);
    assert.equal(asides[1]!.abandoned, false);
    assert.equal(controlPlane.mostOpenPolls, 1, "P-39");
    second.end(answer(second));
    await controlPlane.responseTo("req-2");
    assert.equal(log.all("control plane sent more commands than there is room for").length, 0);
  });
});

test("asides: a drain ends such a poll, too, and what runs and waits is finished", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ ...FULL, channels: [channel], features: "poll-release,asides" }, async (bench) => {
    const { controlPlane, agent } = bench;
    await acquainted(bench);
    controlPlane.deliver(callCommand(1));
    const first = await channel.nthCall(0);
    controlPlane.deliver(callCommand(2));
    await until(() => controlPlane.openPoll?.query.includes("only=asides") === true, "a poll for asides");
    const drained = agent.drain(20_000);
    await until(() => controlPlane.releases.length > 0, "the poll is released");
    first.end(answer(first));
    const second = await channel.nthCall(1);
    second.end(answer(second));
    assert.equal((await drained).outcomes.answered, 2);
    assert.equal(controlPlane.polls.some(({ abandoned }) => abandoned), false);
  });
});

for (const features of ["poll-release", "asides", undefined]) {
  test(`asides: with the queue full the agent does not poll where only ${features} is announced [P-40]`, async () => {
    const channel = new ScriptedChannel();
    await withAgent({ ...FULL, channels: [channel], features }, async (bench) => {
      const { controlPlane, agent } = bench;
      await acquainted(bench);
      controlPlane.deliver(callCommand(1));
      const first = await channel.nthCall(0);
      controlPlane.deliver(callCommand(2));
      await until(() => agent.pollState.paused, "the pause");
      const polls = controlPlane.polls.length;
      // Longer than it takes to poll for asides.
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(controlPlane.polls.length, polls);
      first.end(answer(first));
      const second = await channel.nthCall(1);
      second.end(answer(second));
      await controlPlane.responseTo("req-2");
    });
  });
}
