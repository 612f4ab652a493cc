/** Section 22 of spec 01 and the design's chapter "Stopping": how the agent starts, drains and stops. */
import assert from "node:assert/strict";
import type { AgentSummary, DiscoveryResult } from "../../src/agent/mod.ts";
import type { SessionResult } from "../../src/channels/mod.ts";
import { createTargetClient, type HttpClient } from "../../src/net/mod.ts";
import { gate } from "../support/agent_changes.ts";
import {
  callCommand,
  notificationCommand,
  oauthDiscoveryCommand,
  SECRET,
  sessionTerminationCommand,
} from "../support/agent_commands.ts";
import { type AgentTest, withAgent } from "../support/agent_harness.ts";
import { answer, answering, ScriptedChannel } from "../support/agent_scripted_channel.ts";

const calls = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => callCommand(from + index));

const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });

function sum({ outcomes }: AgentSummary): number {
  return Object.values(outcomes).reduce((total, count) => total + count, 0);
}

/** Measures a stop. */
async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now();
  return [await work, performance.now() - startedAt];
}

// Start

Deno.test("start: channels come up first, then polling begins at once [P-146]", async () => {
  const up = gate();
  const channel = new ScriptedChannel({ onCall: answering, onStart: () => up.opened });
  await withAgent({ channels: [channel], start: false }, async ({ agent, controlPlane }) => {
    const started = agent.start();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(controlPlane.requests.length, 0);
    up.open();
    await started;
    assert.equal(channel.started, true);
    await controlPlane.nthPoll(0);
  });
});

Deno.test("start: the first poll waits for the gate; the metadata call does not [P-146]", async () => {
  const probe = gate();
  await withAgent(
    { deps: { startGate: probe.opened }, mcp: { startupWaitTimeoutMs: 20_000 } },
    async (parts) => {
      const { controlPlane, log } = parts;
      await log.nth("tunnel metadata fetched");
      assert.equal(controlPlane.polls.length, 0);
      assert.equal(log.one(/^waiting for the MCP startup probe/).fields.timeout, "20000ms");
      probe.open();
      await controlPlane.nthPoll(0);
    },
  );
});

Deno.test("start: a stop during the gate means that no poll is ever made [P-146]", async () => {
  const probe = gate();
  await withAgent({ deps: { startGate: probe.opened } }, async ({ agent, controlPlane, log }) => {
    await log.nth("tunnel metadata fetched");
    await agent.drain(5_000);
    probe.open();
    await probe.opened;
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(controlPlane.polls.length, 0);
  });
});

Deno.test("start: when one channel cannot start, those that did are stopped and the reason is thrown [ST-4]", async () => {
  const slow = gate();
  const good = new ScriptedChannel({ name: "good" });
  const late = new ScriptedChannel({ name: "late", onStart: () => slow.opened });
  const bad = new ScriptedChannel({
    name: "bad",
    onStart: () => Promise.reject(new Error("command not found")),
  });
  await withAgent({ channels: [good, bad, late], start: false }, async ({ agent, controlPlane }) => {
    const started = agent.start();
    slow.open();
    await assert.rejects(started, /command not found/);
    for (const channel of [good, bad, late]) {
      assert.deepEqual([channel.stops.length, channel.started], [1, false]);
    }
    assert.equal(controlPlane.requests.length, 0);
  });
});

Deno.test("start: a channel that throws at once is no different [ST-4]", async () => {
  const good = new ScriptedChannel({ name: "good" });
  const bad = new ScriptedChannel({ name: "bad" });
  bad.start = () => {
    throw new Error("at once");
  };
  await withAgent({ channels: [good, bad], start: false }, async ({ agent }) => {
    await assert.rejects(agent.start(), /at once/);
    assert.equal(good.stops.length, 1);
  });
});

for (const how of ["drain", "stopNow"] as const) {
  Deno.test(`start: a ${how} while channels come up wins: nothing is sent, and they are stopped afterwards`, async () => {
    const up = gate();
    const channel = new ScriptedChannel({ onStart: () => up.opened });
    await withAgent({ channels: [channel], start: false }, async ({ agent, controlPlane, changes, log }) => {
      const started = agent.start();
      const stopped = how === "drain" ? agent.drain(5_000) : agent.stopNow();
      if (how === "stopNow") await changes.until("the stop", () => agent.draining);
      up.open();
      await started;
      await stopped;
      assert.equal(channel.started, false, "stopped after it had come up");
      assert.equal(controlPlane.requests.length, 0);
      assert.equal(log.all("control-plane client ready").length, 0);
    });
  });
}

Deno.test("start: a channel that comes up after the drain limit is stopped all the same", async () => {
  const up = gate();
  const channel = new ScriptedChannel({ onStart: () => up.opened });
  await withAgent({ channels: [channel], start: false }, async ({ agent, controlPlane, log }) => {
    const started = agent.start();
    await agent.drain(20);
    up.open();
    await started;
    assert.equal(channel.started, false);
    assert.equal(channel.stops.length, 2);
    assert.equal(controlPlane.requests.length, 0);
    assert.equal(log.all("control-plane client ready").length, 0);
  });
});

// Drain

Deno.test("drain: an idle agent stops as soon as its poll is back, and asks for nothing more", async () => {
  await withAgent({}, async ({ agent, controlPlane, log }) => {
    const poll = await controlPlane.nthPoll(0);
    const stopping = agent.drain(20_000);
    assert.equal(agent.draining, true);
    controlPlane.replyToPolls({ status: 204 });
    const [, elapsedMs] = await timed(stopping);
    assert(elapsedMs < 10_000);
    assert.equal(poll.abandoned, false);
    assert.equal(controlPlane.polls.length, 1);
    assert.equal(log.one("stopping control-plane poller").fields.reason, "stop requested");
    assert.equal(log.all("poller stopped").length, 1);
  });
});

Deno.test("drain: the open poll is not aborted; what it brings is run and answered", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel] }, async ({ agent, controlPlane, timeline }) => {
    const poll = await controlPlane.nthPoll(0);
    const stopping = agent.drain(20_000);
    controlPlane.deliver(...calls(1, 5), notificationCommand());
    await channel.nthCall(4);
    for (const call of channel.calls) call.end(answer(call));
    const summary = await stopping;
    assert.deepEqual(summary.outcomes, {
      answered: 5,
      acknowledged: 1,
      failed_answered: 0,
      expired: 0,
      undeliverable: 0,
    });
    assert.equal(poll.abandoned, false);
    assert.equal(controlPlane.polls.length, 1);
    assert.equal(timeline.entries.length, 6);
    assert.equal(channel.usedAfterStop, 0);
    assert.deepEqual(channel.stops, [2_000], "a child gets time to end by itself");
  });
});

Deno.test("drain: what is queued, what runs and what waits for room is finished and answered", async () => {
  const channel = new ScriptedChannel();
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 3 },
    mcp: { maxConcurrentRequests: 2 },
  };
  await withAgent(options, async ({ agent, controlPlane, changes }) => {
    controlPlane.deliver(...calls(1, 12));
    await changes.until("reception", () => agent.summary.received === 12);
    await channel.nthCall(1);
    const stopping = agent.drain(20_000);
    for (let index = 0; index < 12; index++) {
      const call = await channel.nthCall(index);
      call.end(answer(call));
    }
    assert.equal((await stopping).outcomes.answered, 12);
    assert.equal(controlPlane.polls.length, 1);
  });
});

Deno.test("drain: answers that the service refuses for a while are still offered", async () => {
  await withAgent({}, async ({ agent, controlPlane, log }) => {
    controlPlane.onPost = (_, index) => index < 6 ? { status: 503 } : undefined;
    controlPlane.deliver(callCommand(1));
    await log.nth("response not delivered yet; trying again");
    const stopping = agent.drain(20_000);
    controlPlane.finish();
    assert.equal((await stopping).outcomes.answered, 1);
  });
});

Deno.test("drain: a deadline that passes meanwhile is a deadline as always [P-73]", async () => {
  await withAgent({ channels: [new ScriptedChannel()] }, async ({ agent, controlPlane }) => {
    controlPlane.deliver(callCommand(1, { responseTimeout: "80ms" }));
    await controlPlane.nthPoll(1);
    controlPlane.finish();
    assert.equal((await agent.drain(20_000)).outcomes.expired, 1);
    assert.equal(controlPlane.posts.length, 0);
  });
});

const WAITS: [wait: string, prepare: (parts: AgentTest) => Promise<void>][] = [
  ["a backoff", async ({ controlPlane, agent, log }) => {
    controlPlane.onPoll = () => ({ status: 503, headers: [["Retry-After", "60"]] });
    await agent.start();
    await log.nth("poll failed; backing off");
  }],
  ["the pause after an early reply", async ({ controlPlane, agent, metrics, changes }) => {
    controlPlane.onPoll = () => ({ status: 204 });
    await agent.start();
    await changes.until(
      "a success",
      () => metrics.observed("commands_poll_latency_seconds", { error: "false" })[0],
    );
  }],
];
for (const [wait, prepare] of WAITS) {
  Deno.test(`drain: ${wait} ends at once [P-57]`, async () => {
    await withAgent({ start: false }, async (parts) => {
      await prepare(parts);
      const polls = parts.controlPlane.polls.length;
      const [, elapsedMs] = await timed(parts.agent.drain(20_000));
      assert(elapsedMs < 10_000, `${elapsedMs}`);
      assert(parts.controlPlane.polls.length <= polls + 1);
    });
  });
}

Deno.test("drain: a poll that fails meanwhile is not repeated", async () => {
  await withAgent({}, async ({ agent, controlPlane }) => {
    await controlPlane.nthPoll(0);
    const stopping = agent.drain(20_000);
    controlPlane.replyToPolls({ status: 500, headers: [["Retry-After", "60"]] });
    const [, elapsedMs] = await timed(stopping);
    assert(elapsedMs < 10_000);
    assert.equal(controlPlane.polls.length, 1);
  });
});

Deno.test("drain: twice is once", async () => {
  await withAgent({}, async ({ agent, controlPlane, log }) => {
    await controlPlane.nthPoll(0);
    const both = [agent.drain(20_000), agent.drain(1)];
    controlPlane.finish();
    const [first, second] = await Promise.all(both);
    assert.deepEqual(first, second);
    assert.equal(log.all("draining").length, 1);
    assert.deepEqual(await agent.stopNow(), first);
  });
});

Deno.test("drain: a channel that cannot be stopped is told and does not hold up the others", async () => {
  const bad = new ScriptedChannel({ name: "bad", onStop: () => Promise.reject(new Error(SECRET)) });
  const good = new ScriptedChannel({ name: "good" });
  await withAgent({ channels: [bad, good] }, async ({ agent, controlPlane, log }) => {
    controlPlane.finish();
    await agent.drain(5_000);
    assert.equal(good.stops.length, 1);
    assert.match(String(log.one("channel could not be stopped").fields.error), /^unexpected Error/);
  });
});

// Poll release

Deno.test("release: our relay is asked to end the open poll, which then comes back by itself", async () => {
  await withAgent({ features: "server-requests, poll-release" }, async ({ agent, controlPlane }) => {
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    const poll = await controlPlane.nthPoll(1);
    const [, elapsedMs] = await timed(agent.drain(20_000));
    assert(elapsedMs < 10_000);
    assert.equal(controlPlane.releases.length, 1);
    assert.equal(poll.abandoned, false);
    assert.equal(controlPlane.polls.length, 2);
  });
});

Deno.test("release: what the poll brings all the same is run and answered", async () => {
  await withAgent({ features: "poll-release" }, async ({ agent, controlPlane, log }) => {
    await log.nth("tunnel metadata fetched");
    await controlPlane.nthPoll(0);
    controlPlane.onRelease = () => {
      controlPlane.deliver(callCommand(1));
      return { status: 204 };
    };
    assert.equal((await agent.drain(20_000)).outcomes.answered, 1);
  });
});

for (const features of [undefined, "", "server-requests", "poll-releases", "xpoll-release"]) {
  Deno.test(`release: a control plane that announces ${JSON.stringify(features)} is never asked`, async () => {
    await withAgent({ features }, async ({ agent, controlPlane, log }) => {
      await log.nth("tunnel metadata fetched");
      await controlPlane.nthPoll(0);
      const stopping = agent.drain(20_000);
      controlPlane.replyToPolls({ status: 204 });
      await stopping;
      assert.equal(controlPlane.releases.length, 0);
    });
  });
}

Deno.test("release: what the last reply did not announce is not offered any more", async () => {
  await withAgent({ start: false }, async ({ agent, controlPlane }) => {
    controlPlane.replyToPolls({ status: 204, headers: [["X-Tunnel-Relay-Features", "poll-release"]] }, {
      status: 204,
    });
    await agent.start();
    await controlPlane.nthPoll(2);
    const stopping = agent.drain(20_000);
    controlPlane.replyToPolls({ status: 204 });
    await stopping;
    assert.equal(controlPlane.releases.length, 0);
  });
});

Deno.test("release: a request that overtook the poll is made again until the poll is back", async () => {
  await withAgent({ features: "poll-release" }, async ({ agent, controlPlane, log }) => {
    await log.nth("tunnel metadata fetched");
    await controlPlane.nthPoll(0);
    controlPlane.onRelease = (_, index) => {
      if (index >= 2) controlPlane.finish();
      return { status: 204 };
    };
    const [, elapsedMs] = await timed(agent.drain(20_000));
    assert(elapsedMs < 10_000);
    assert.equal(controlPlane.releases.length, 3);
  });
});

Deno.test("release: a relay that refuses is not asked again; the poll ends in its own time", async () => {
  await withAgent({ features: "poll-release" }, async ({ agent, controlPlane, log, changes }) => {
    await log.nth("tunnel metadata fetched");
    await controlPlane.nthPoll(0);
    controlPlane.onRelease = () => ({ status: 404 });
    const stopping = agent.drain(20_000);
    await changes.until("the refusal", () => log.all("relay does not end the open poll early")[0]);
    controlPlane.finish();
    await stopping;
    assert.equal(controlPlane.releases.length, 1);
  });
});

Deno.test("release: a relay that does not answer it leaves nothing behind", async () => {
  const never = gate();
  await withAgent({ features: "poll-release" }, async ({ agent, controlPlane, log, changes }) => {
    await log.nth("tunnel metadata fetched");
    await controlPlane.nthPoll(0);
    controlPlane.onRelease = () => never.opened.then(() => ({ status: 204 }));
    const stopping = agent.drain(20_000);
    await changes.until("the release", () => controlPlane.releases[0]);
    controlPlane.finish();
    const [, elapsedMs] = await timed(stopping);
    assert(elapsedMs < 10_000);
    never.open();
  });
});

// Drain limit

Deno.test("drain limit: what still runs, and what waits, is answered 503, and the open poll is given up", async () => {
  const channel = new ScriptedChannel({
    onNotify: () => {},
    onTerminate: (_, signal): Promise<SessionResult> => hang(signal),
  });
  const discover = (signal: AbortSignal): Promise<DiscoveryResult> => hang(signal);
  const options = { channels: [channel], deps: { discover }, mcp: { maxConcurrentRequests: 3 } };
  await withAgent(options, async ({ agent, controlPlane, log, timeline }) => {
    controlPlane.deliver(
      callCommand(1),
      notificationCommand(),
      sessionTerminationCommand(),
      oauthDiscoveryCommand(),
      callCommand(2),
      notificationCommand({ requestId: "req-queued" }),
      callCommand(3, { channel: "nowhere" }),
    );
    const poll = await controlPlane.nthPoll(1);
    await channel.nthCall(0);
    const [summary, elapsedMs] = await timed(agent.drain(60));
    assert(elapsedMs >= 60 && elapsedMs < 4_500, `${elapsedMs}`);
    assert.deepEqual(summary.outcomes, {
      answered: 0,
      acknowledged: 0,
      failed_answered: 7,
      expired: 0,
      undeliverable: 0,
    });
    assert.equal(poll.abandoned, true);
    const posted = controlPlane.posts.map(({ body }) =>
      `${body.request_id} ${body.resp_type} ${body.resp_code}`
    );
    assert.deepEqual(posted.sort(), [
      "req-1 jsonrpc_response 503",
      "req-2 jsonrpc_response 503",
      "req-3 jsonrpc_response 503",
      "req-notification notify_ack 503",
      "req-oauth oauth_discovery_response 503",
      "req-queued notify_ack 503",
      "req-session session_termination_response 503",
    ]);
    assert.equal(channel.calls.length, 1, "what waited was not started");
    assert.equal(channel.usedAfterStop, 0);
    assert.equal(log.one(/^drain limit reached/).level, "warn");
    assert.equal(timeline.of("req-2").reason, "client_internal/unknown");
  });
});

Deno.test("drain limit: an idle agent gives up its poll without an alarm", async () => {
  await withAgent({}, async ({ agent, controlPlane, log }) => {
    const poll = await controlPlane.nthPoll(0);
    await agent.drain(40);
    assert.equal(log.one(/^drain limit reached/).level, "info");
    assert.deepEqual(log.atLeast("warn"), []);
    await controlPlane.changes.until("the hang-up", () => poll.abandoned);
  });
});

Deno.test("drain limit: commands that wait for room outside the queue are answered, too", async () => {
  const channel = new ScriptedChannel();
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 1 },
    mcp: { maxConcurrentRequests: 1 },
  };
  await withAgent(options, async ({ agent, controlPlane, changes }) => {
    controlPlane.deliver(...calls(1, 6));
    await changes.until("reception", () => agent.summary.received === 6);
    const summary = await agent.drain(40);
    assert.equal(summary.outcomes.failed_answered, 6);
    assert.equal(channel.calls.length, 1);
  });
});

Deno.test("drain limit: an answer that is on its way gets through", async () => {
  const release = gate();
  await withAgent({}, async ({ agent, controlPlane, log }) => {
    controlPlane.onPost = async () => {
      await release.opened;
      return { status: 200 };
    };
    controlPlane.deliver(callCommand(1));
    await controlPlane.nthPost(0);
    const stopping = agent.drain(20);
    await log.nth(/^drain limit reached/);
    release.open();
    assert.equal((await stopping).outcomes.answered, 1);
    assert.equal(controlPlane.posts.length, 1);
  });
});

Deno.test("drain limit: a deadline that passed meanwhile is not answered [P-73]", async () => {
  const channel = new ScriptedChannel();
  await withAgent(
    { channels: [channel], mcp: { maxConcurrentRequests: 1 } },
    async ({ agent, controlPlane }) => {
      controlPlane.deliver(callCommand(1), callCommand(2, { responseTimeout: "30ms" }));
      await channel.nthCall(0);
      const { outcomes } = await agent.drain(80);
      assert.deepEqual([outcomes.failed_answered, outcomes.expired], [1, 1]);
      assert.deepEqual(controlPlane.posts.map(({ body }) => body.request_id), ["req-1"]);
    },
  );
});

Deno.test("drain limit: the last limit ends even the posting of answers, and each is counted", async () => {
  const never = gate();
  await withAgent({}, async ({ agent, controlPlane, log }) => {
    controlPlane.onPost = async () => {
      await never.opened;
      return { status: 200 };
    };
    controlPlane.deliver(...calls(1, 3));
    await controlPlane.nthPost(2);
    const [summary, elapsedMs] = await timed(agent.drain(20));
    assert(elapsedMs >= 5_000 && elapsedMs < 15_000, `${elapsedMs}`);
    assert.equal(summary.outcomes.undeliverable, 3);
    const lost = log.all("response could not be delivered");
    assert.deepEqual(
      lost.map(({ fields }) => fields.error),
      Array(3).fill("the stop's last limit was reached"),
    );
    never.open();
  });
});

// At once

Deno.test("second stop: it ends everything at once, and counts it", async () => {
  const never = gate();
  const channel = new ScriptedChannel({
    onCall: (call) => call.request.message.id === 1 ? call.end(answer(call)) : undefined,
  });
  const options = { channels: [channel], mcp: { maxConcurrentRequests: 2 } };
  await withAgent(options, async ({ agent, controlPlane, timeline }) => {
    controlPlane.onPost = async () => {
      await never.opened;
      return { status: 200 };
    };
    controlPlane.deliver(...calls(1, 6));
    await controlPlane.nthPost(0);
    await channel.nthCall(1);
    const draining = agent.drain(60_000);
    const [summary, elapsedMs] = await timed(agent.stopNow());
    assert(elapsedMs < 10_000, `${elapsedMs}`);
    assert.deepEqual(await draining, summary);
    assert.equal(summary.outcomes.undeliverable, 6);
    assert.equal(sum(summary), summary.received);
    assert.deepEqual(
      channel.calls.map((call) => call.request.message.id),
      [1, 2],
      "nothing was started any more",
    );
    assert.deepEqual(channel.stops, [0], "no time is given any more");
    assert.equal(timeline.entries.length, 6);
    never.open();
  });
});

Deno.test("second stop: nothing is started any more, however long the open poll takes to end", async () => {
  const inner = createTargetClient();
  const client: HttpClient = {
    async request(request) {
      try {
        return await inner.request(request);
      } catch (error) {
        if (request.url.includes("/poll?")) await new Promise((resolve) => setTimeout(resolve, 30));
        throw error;
      }
    },
    close: () => inner.close(),
  };
  const never = gate();
  const channel = new ScriptedChannel({ onCall: answering });
  const options = { channels: [channel], deps: { client }, mcp: { maxConcurrentRequests: 1 } };
  await withAgent(options, async ({ agent, controlPlane }) => {
    controlPlane.onPost = async () => {
      await never.opened;
      return { status: 200 };
    };
    controlPlane.deliver(...calls(1, 3));
    await controlPlane.nthPoll(1);
    await controlPlane.nthPost(0);
    assert.equal((await agent.stopNow()).outcomes.undeliverable, 3);
    assert.equal(channel.calls.length, 1);
    never.open();
  });
});

Deno.test("stop at once: without a drain before it", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel] }, async ({ agent, controlPlane }) => {
    controlPlane.deliver(...calls(1, 3));
    await channel.nthCall(2);
    const [summary, elapsedMs] = await timed(agent.stopNow());
    assert(elapsedMs < 10_000, `${elapsedMs}`);
    assert.equal(summary.outcomes.undeliverable, 3);
    assert.equal(controlPlane.posts.length, 0);
    assert(channel.calls.every((call) => call.signal.aborted));
  });
});

Deno.test("stop at once: also while commands wait for room, and while the drain limit's answers are posted", async () => {
  const never = gate();
  const channel = new ScriptedChannel();
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 1 },
    mcp: { maxConcurrentRequests: 1 },
  };
  await withAgent(options, async ({ agent, controlPlane, changes }) => {
    controlPlane.onPost = async () => {
      await never.opened;
      return { status: 200 };
    };
    controlPlane.deliver(...calls(1, 6));
    await changes.until("reception", () => agent.summary.received === 6);
    const draining = agent.drain(20);
    await controlPlane.nthPost(5);
    const [summary, elapsedMs] = await timed(agent.stopNow());
    assert(elapsedMs < 4_500, `${elapsedMs}`);
    assert.equal(summary.outcomes.undeliverable, 6);
    assert.deepEqual(await draining, summary);
    never.open();
  });
});

Deno.test("stop at once: a channel that does not react to an abort holds up neither the stop nor the law", async () => {
  const channel = new ScriptedChannel({ deafToAborts: true });
  await withAgent({ channels: [channel] }, async ({ agent, controlPlane, log, timeline }) => {
    controlPlane.deliver(...calls(1, 3));
    await channel.nthCall(2);
    const [summary, elapsedMs] = await timed(agent.stopNow());
    assert(elapsedMs < 15_000, `${elapsedMs}`);
    assert.equal(summary.outcomes.undeliverable, 3);
    assert.equal(log.all("command does not end; giving it up").length, 3);
    assert.equal(timeline.of("req-1").reason, "its channel did not end it");
    // What the channel still does later changes nothing, and breaks nothing; its third call never ends.
    await channel.calls[0]!.observer!.notification('{"jsonrpc":"2.0","method":"late"}', {
      status: 200,
      headers: [],
    });
    channel.calls[0]!.end(answer(channel.calls[0]!));
    channel.calls[1]!.crash(new Error("late"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(timeline.entries.length, 3);
  });
});

const PHASES: [phase: string, reach: (parts: AgentTest) => Promise<unknown>][] = [
  ["before its start", () => Promise.resolve()],
  ["right after its start", ({ agent }) => agent.start()],
  ["with a poll open", ({ agent, controlPlane }) => agent.start().then(() => controlPlane.nthPoll(0))],
  [
    "with its first success behind it",
    ({ agent, log }) => agent.start().then(() => log.nth("polling operational")),
  ],
];
for (const [phase, reach] of PHASES) {
  for (const how of ["drain", "stopNow"] as const) {
    Deno.test(`stop: ${how} ${phase} ends quickly and leaves nothing behind`, async () => {
      const channel = new ScriptedChannel();
      await withAgent({ channels: [channel], start: false }, async (parts) => {
        const { agent, controlPlane } = parts;
        controlPlane.onPoll = (_, index) =>
          index === 0 && phase.includes("success") ? { status: 204 } : undefined;
        await reach(parts);
        const stopping = how === "drain" ? agent.drain(20_000) : agent.stopNow();
        controlPlane.finish();
        const [summary, elapsedMs] = await timed(stopping);
        assert(elapsedMs < 10_000, `${elapsedMs}`);
        assert.equal(summary.received, 0);
        assert.equal(channel.started, false);
      });
    });
  }
}
