/** Sections 6 to 8 of spec 01: how the agent asks for work, and what it does when it gets none. */
import assert from "node:assert/strict";
import {
  createRouteClient,
  DIRECT_ROUTE,
  type HttpClient,
  type HttpRequest,
  NetError,
} from "../../src/net/mod.ts";
import { callCommand, jsonrpcCommand, oauthDiscoveryCommand, SECRET } from "../support/agent_commands.ts";
import { type AgentTest, withAgent } from "../support/agent_harness.ts";
import { type RawReply } from "../support/agent_http_server.ts";
import { answer, answering, ScriptedChannel } from "../support/agent_scripted_channel.ts";

const FAILED = "poll failed; backing off";

/** Waits for the nth failed poll and returns its log fields. */
async function failedPoll({ changes, log }: AgentTest, index = 0) {
  return (await changes.until(`failed poll ${index}`, () => log.all(FAILED)[index])).fields;
}

/** A client whose polls pass through `intercept` first. */
function interceptedPolls(intercept: (request: HttpRequest, index: number) => void): HttpClient {
  const client = createRouteClient(DIRECT_ROUTE);
  let polls = 0;
  return {
    async request(request) {
      if (request.url.includes("/poll?")) intercept(request, polls++);
      return await client.request(request);
    },
    close: () => client.close(),
  };
}

Deno.test("poller: a poll names limit and wait, in this order, and nothing else without an allowlist [P-36]", async () => {
  await withAgent({ controlPlane: { pollTimeoutMs: 30_000 } }, async ({ controlPlane }) => {
    const poll = await controlPlane.nthPoll(0);
    assert.equal(poll.query, "limit=20&timeout_ms=30000");
    assert.equal(poll.request.body.length, 0);
  });
});

Deno.test("poller: an allowlist becomes one channel parameter each, before the others [P-24, P-36]", async () => {
  const channels = ["alpha", "main", "zeta"].map((name) => new ScriptedChannel({ name }));
  const serverInfo = '{"version":1,"channels":[{"name":"alpha"},{"name":"main"}]}';
  await withAgent(
    { channels, serverInfo, controlPlane: { pollChannels: ["alpha", "main"] } },
    async ({ controlPlane }) => {
      const poll = await controlPlane.nthPoll(0);
      assert.equal(poll.query, "channel=alpha&channel=main&limit=20&timeout_ms=30000");
    },
  );
});

for (const [pollTimeoutMs, asked] of [[1_234.9, 1234], [0.2, 1], [1, 1], [59_999, 59_999]] as const) {
  Deno.test(`poller: a wait of ${pollTimeoutMs} ms is asked for as ${asked} [P-37]`, async () => {
    const controlPlane = { pollTimeoutMs, initialPollTimeoutMs: pollTimeoutMs };
    await withAgent({ controlPlane }, async ({ controlPlane }) => {
      assert.match((await controlPlane.nthPoll(0)).query, new RegExp(`timeout_ms=${asked}$`));
    });
  });
}

Deno.test("poller: the first poll waits no longer than initial-poll-timeout, the next ones as configured [A-160]", async () => {
  const controlPlane = { pollTimeoutMs: 30_000, initialPollTimeoutMs: 30 };
  await withAgent({ controlPlane }, async ({ controlPlane, agent }) => {
    assert.match((await controlPlane.nthPoll(0)).query, /timeout_ms=30$/);
    assert.match((await controlPlane.nthPoll(1)).query, /timeout_ms=30000$/);
    assert(agent.pollState.lastSuccessAt !== undefined, "the short poll has shown that the connection works");
  });
});

Deno.test("poller: a first poll that fails was the first one all the same [A-160]", async () => {
  const controlPlane = { pollTimeoutMs: 30_000, initialPollTimeoutMs: 300 };
  await withAgent({ controlPlane }, async (parts) => {
    parts.controlPlane.replyToPolls({ status: 503 });
    assert.match((await parts.controlPlane.nthPoll(0)).query, /timeout_ms=300$/);
    await failedPoll(parts);
    // 1 s is the wait after a failure.
    assert.match((await parts.controlPlane.nthPoll(1)).query, /timeout_ms=1000$/);
  });
});

Deno.test("poller: an initial wait above poll-timeout changes nothing [A-160]", async () => {
  const controlPlane = { pollTimeoutMs: 20, initialPollTimeoutMs: 30_000 };
  await withAgent({ controlPlane }, async ({ controlPlane }) => {
    assert.match((await controlPlane.nthPoll(0)).query, /timeout_ms=20$/);
  });
});

Deno.test("poller: the limit is what the queue has room for, at most 25 [P-38]", async () => {
  const channel = new ScriptedChannel();
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 30 },
    mcp: { maxConcurrentRequests: 1 },
  };
  await withAgent(options, async ({ controlPlane }) => {
    assert.equal((await controlPlane.nthPoll(0)).limit, 25);
    controlPlane.deliver(...Array.from({ length: 25 }, (_, id) => callCommand(id)));
    assert.equal((await controlPlane.nthPoll(1)).limit, 30 - 24, "one of 25 runs, 24 wait");
    for (let id = 0; id < 25; id++) {
      const call = await channel.nthCall(id);
      call.end(answer(call));
    }
    assert(controlPlane.polls.every((poll) => poll.limit >= 1 && poll.limit <= 25));
  });
});

Deno.test("poller: a queue of no capacity counts as one place [P-38]", async () => {
  await withAgent({ controlPlane: { maxInflight: 0 } }, async ({ controlPlane, metrics }) => {
    assert.equal((await controlPlane.nthPoll(0)).limit, 1);
    assert.equal(metrics.read("commands_queue_capacity"), 1);
  });
});

Deno.test("poller: there is one poll at a time, while commands run at the same time [P-39]", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    for (let id = 0; id < 8; id++) controlPlane.deliver(callCommand(id));
    await channel.nthCall(7);
    for (const call of channel.calls) call.end(answer(call));
    for (let id = 0; id < 8; id++) await controlPlane.responseTo(`req-${id}`);
    assert.equal(channel.mostRunning, 8);
    assert.equal(controlPlane.mostOpenPolls, 1);
  });
});

Deno.test("poller: no poll is sent while the queue is full, and the state says that this is on purpose [P-40]", async () => {
  const channel = new ScriptedChannel();
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 2 },
    mcp: { maxConcurrentRequests: 1 },
  };
  await withAgent(options, async ({ agent, controlPlane, changes, metrics }) => {
    controlPlane.deliver(callCommand(1));
    await channel.nthCall(0);
    controlPlane.deliver(callCommand(2), callCommand(3));
    await changes.until("a full queue", () => metrics.total("commands_enqueued_total") === 3);
    assert.equal(agent.pollState.paused, true);
    assert.deepEqual(controlPlane.polls.map((poll) => poll.limit), [2, 2]);
    channel.calls[0]!.end(answer(channel.calls[0]!));
    assert.equal((await controlPlane.nthPoll(2)).limit, 1, "asks again as soon as there is a place");
    assert.equal(agent.pollState.paused, false);
    for (const index of [1, 2]) {
      const call = await channel.nthCall(index);
      call.end(answer(call));
    }
  });
});

for (const emptyStatus of [200, 204] as const) {
  Deno.test(`poller: an empty ${emptyStatus} is a success, followed by the next poll at once [P-40, P-41, P-58]`, async () => {
    let chances = 0;
    const random = () => (chances++, 0.5);
    const options = { emptyStatus, controlPlane: { pollTimeoutMs: 40 }, deps: { random } };
    await withAgent(options, async ({ agent, controlPlane, metrics, log }) => {
      await controlPlane.nthPoll(3);
      assert.equal(chances, 0, "no pause was drawn by lot");
      assert.equal(metrics.total("commands_poll_errors_total"), 0);
      assert.equal(log.one("polling operational").level, "info");
      assert(agent.pollState.lastSuccessAt !== undefined);
      assert.equal(agent.pollState.consecutiveFailures, 0);
    });
  });
}

Deno.test("poller: a reply with commands is followed by the next poll at once [P-40]", async () => {
  let chances = 0;
  const random = () => (chances++, 0.5);
  await withAgent({ deps: { random } }, async ({ controlPlane }) => {
    for (let id = 0; id < 5; id++) controlPlane.deliver(callCommand(id));
    await controlPlane.nthPoll(5);
    assert.equal(chances, 0);
  });
});

Deno.test("poller: empty replies that come far too early are followed by a pause of 50 to 100 ms [P-42]", async () => {
  for (const status of [200, 204] as const) {
    const random = () => 0;
    await withAgent({ deps: { random }, start: false }, async ({ agent, controlPlane }) => {
      controlPlane.onPoll = () => status === 204 ? { status } : { status, body: "{}" };
      await agent.start();
      await controlPlane.nthPoll(4);
      const gapsMs = controlPlane.polls.slice(1).map((poll, index) =>
        poll.request.at - controlPlane.polls[index]!.request.at
      );
      for (const gapMs of gapsMs) assert(gapMs >= 49, `polled again after ${gapMs} ms`);
    });
  }
});

Deno.test("poller: a reply of which nothing can be used counts as empty for the pause [P-42]", async () => {
  await withAgent({ start: false }, async ({ agent, controlPlane }) => {
    controlPlane.onPoll = () => ({ status: 200, body: '{"commands":[1,2,3]}' });
    await agent.start();
    const [first, second] = [await controlPlane.nthPoll(0), await controlPlane.nthPoll(1)];
    assert(second.request.at - first.request.at >= 49);
  });
});

const BAD_STATUSES = [
  201,
  202,
  206,
  300,
  304,
  400,
  402,
  404,
  408,
  409,
  413,
  418,
  429,
  500,
  501,
  502,
  503,
  504,
  599,
];
for (const status of BAD_STATUSES) {
  Deno.test(`poller: status ${status} is an error, even with a good body [P-41]`, async () => {
    await withAgent({ start: false }, async (parts) => {
      const { agent, controlPlane, metrics } = parts;
      controlPlane.replyToPolls({ status, body: `{"commands":[${callCommand(9)}]}` });
      await agent.start();
      const fields = await failedPoll(parts);
      assert.equal(fields.status_code, status);
      assert.equal(metrics.total("commands_poll_errors_total", { error_kind: "other" }), 1);
      await controlPlane.nthPoll(1);
      assert.equal(agent.summary.received, 0);
    });
  });
}

/** Poll bodies that lose the whole batch (P-58). */
const BAD_BODIES: readonly string[] = [
  "",
  `{"commands":[${callCommand(9)}]`,
  "[]",
  '"x"',
  '{"commands":{}}',
  '{"commands":7}',
  `<html>${SECRET}</html>`,
];
for (const body of BAD_BODIES) {
  Deno.test(`poller: the body ${JSON.stringify(body.slice(0, 30))} is an error and is not quoted [P-58]`, async () => {
    await withAgent({ start: false }, async (parts) => {
      const { agent, controlPlane, metrics } = parts;
      controlPlane.replyToPolls({ status: 200, body });
      await agent.start();
      const fields = await failedPoll(parts);
      assert.match(String(fields.error), /^(poll reply|"commands" of the poll reply) is not/);
      assert.equal(metrics.total("commands_poll_errors_total", { error_kind: "other" }), 1);
      await controlPlane.nthPoll(1);
    });
  });
}

Deno.test("poller: the content type of the reply is not looked at [P-58]", async () => {
  await withAgent({ start: false }, async ({ agent, controlPlane }) => {
    const headers = [["Content-Type", "text/html"]] as const;
    controlPlane.replyToPolls({ status: 200, headers, body: `{"commands":[${callCommand(1)}]}` });
    await agent.start();
    await controlPlane.responseTo("req-1");
  });
});

const BROKEN: [situation: string, reply: RawReply, error: RegExp][] = [
  [
    "a connection that is closed without a word",
    { status: 200, fault: "drop" },
    /^http:\/\/127\.0\.0\.1:\d+: (connection closed|eof|unexpected eof|connection reset)/,
  ],
  [
    "a body that is cut off",
    { status: 200, body: '{"commands":[', fault: "cut" },
    /^http:\/\/127\.0\.0\.1:\d+: (unexpected eof|connection reset|eof)/,
  ],
  [
    "a body beyond 64 MiB",
    { status: 200, headers: [["Content-Length", String(64 * 1024 * 1024 + 1)]], fault: "cut" },
    /^body is larger than 67108864 bytes/,
  ],
];
for (const [situation, reply, error] of BROKEN) {
  Deno.test(`poller: ${situation} is an error, and polling goes on [P-33, P-58]`, async () => {
    await withAgent({ start: false }, async (parts) => {
      const { agent, controlPlane } = parts;
      // Clients try a request again by themselves when a kept connection turns out to be closed: break two polls.
      controlPlane.onPoll = (_, index) => index < 2 ? reply : undefined;
      await agent.start();
      assert.match(String((await failedPoll(parts)).error), error);
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
    });
  });
}

Deno.test("poller: a poll that is not finished in time is an error of kind timeout [P-44]", async () => {
  const options = { controlPlane: { pollTimeoutMs: 20, pollDeadlineGuardrailMs: 30 }, start: false };
  await withAgent(options, async ({ agent, controlPlane, changes, log, metrics }) => {
    const never = Promise.withResolvers<RawReply>();
    controlPlane.replyToPolls(never.promise);
    await agent.start();
    const record = await changes.until("the timeout", () => log.all("poll timed out; backing off")[0]);
    assert.equal(record.level, "warn");
    assert.deepEqual([record.fields.poll_timeout_ms, record.fields.poll_deadline_ms], [20, 50]);
    assert.equal(record.fields.tunnel_request_id, "missing_request_id");
    assert.equal(metrics.total("commands_poll_errors_total", { error_kind: "timeout" }), 1);
    assert.equal(log.all(FAILED).length, 0);
    await controlPlane.nthPoll(1);
  });
});

Deno.test("poller: a stop ends the open poll silently: no error metric, no failure in the log [P-43]", async () => {
  await withAgent({}, async ({ agent, controlPlane, log, metrics }) => {
    await controlPlane.nthPoll(0);
    await agent.stopNow();
    assert.equal(metrics.total("commands_poll_errors_total"), 0);
    assert.equal(metrics.observed("commands_poll_latency_seconds", { error: "true" }).length, 1);
    assert.deepEqual(log.atLeast("warn"), []);
  });
});

Deno.test("poller: a cancellation that is not a stop is an error like others, and retried [P-43]", async () => {
  const client = interceptedPolls((_, index) => {
    if (index === 0) throw new DOMException("cancelled by somebody", "AbortError");
  });
  await withAgent({ deps: { client } }, async (parts) => {
    await failedPoll(parts);
    await parts.controlPlane.nthPoll(0);
    assert.equal(parts.metrics.total("commands_poll_errors_total", { error_kind: "context_canceled" }), 1);
  });
});

Deno.test("poller: an exception that nobody foresaw is logged as such and does not end polling [P-80]", async () => {
  const client = interceptedPolls((_, index) => {
    if (index === 0) throw new RangeError(`about ${SECRET}`);
  });
  await withAgent({ deps: { client } }, async (parts) => {
    await failedPoll(parts);
    await parts.controlPlane.nthPoll(0);
    assert.match(
      String(parts.log.one("poll failed in an unexpected way").fields.error),
      /^unexpected RangeError at /,
    );
  });
});

Deno.test("poller: the real cause of a broken connection is told, and its kind kept [P-124]", async () => {
  const client = interceptedPolls((_, index) => {
    if (index === 0) throw new NetError("dns", "no such host", false);
    if (index === 1) throw new NetError("timeout", "connect took too long", false);
  });
  await withAgent({ deps: { client } }, async (parts) => {
    assert.match(
      String((await failedPoll(parts)).error),
      /^http:\/\/127\.0\.0\.1:\d+: dns: no such host; check the host name/,
    );
    assert.match(String((await failedPoll(parts, 1)).error), /: timeout: connect took too long; check/);
    assert.equal(parts.metrics.total("commands_poll_errors_total", { error_kind: "timeout" }), 1);
  });
});

Deno.test("poller: delays follow the backoff, and one success resets the counter [P-51, P-52]", async () => {
  const options = {
    controlPlane: { backoffMinMs: 2, backoffMaxMs: 16 },
    deps: { random: () => 0.5 },
    start: false,
  };
  await withAgent(options, async (parts) => {
    const { agent, controlPlane, log } = parts;
    const bad = { status: 500 };
    controlPlane.replyToPolls(
      bad,
      bad,
      bad,
      bad,
      bad,
      bad,
      { status: 200, body: `{"commands":[${callCommand(1)}]}` },
      bad,
      bad,
    );
    await agent.start();
    await failedPoll(parts, 7);
    assert.deepEqual(log.all(FAILED).map((record) => record.fields.retry_in_ms), [2, 3, 5, 9, 16, 16, 2, 3]);
    const polls = controlPlane.polls;
    log.all(FAILED).slice(0, 6).forEach((record, index) => {
      const waitedMs = polls[index + 1]!.request.at - polls[index]!.request.at;
      assert(waitedMs >= Number(record.fields.retry_in_ms) - 1, `waited ${waitedMs} ms`);
    });
    assert.equal(log.all("poller recovered; polling operational").length, 1);
    assert.equal(agent.pollState.consecutiveFailures >= 2, true);
  });
});

Deno.test("poller: a computed delay of nothing becomes 200 ms [P-53]", async () => {
  const options = { controlPlane: { backoffMinMs: 0, backoffMaxMs: 0 }, start: false };
  await withAgent(options, async (parts) => {
    parts.controlPlane.replyToPolls({ status: 500 });
    await parts.agent.start();
    assert.equal((await failedPoll(parts)).retry_in_ms, 200);
  });
});

Deno.test("poller: the first success after failures is told once [P-45]", async () => {
  await withAgent({ start: false }, async ({ agent, controlPlane, log }) => {
    controlPlane.replyToPolls({ status: 500 }, { status: 503 }, {
      status: 204,
      headers: [["X-Request-Id", "svc-good"]],
    });
    await agent.start();
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    const recovered = log.one("poller recovered; polling operational");
    assert.deepEqual([recovered.level, recovered.fields.tunnel_request_id, recovered.fields.failures], [
      "info",
      "svc-good",
      2,
    ]);
    assert.equal(log.all("polling operational").length, 0);
    const { lastStatus, lastError, consecutiveFailures } = agent.pollState;
    assert.deepEqual([lastStatus, lastError, consecutiveFailures], [0, "", 0]);
  });
});

Deno.test("poller: polls after a failure are short until one succeeds, so that recovery shows at once [P-37, P-45]", async () => {
  await withAgent({ start: false }, async ({ agent, controlPlane }) => {
    controlPlane.replyToPolls({ status: 503 }, { status: 503 }, { status: 204 });
    await agent.start();
    const queries = [];
    for (let poll = 0; poll < 4; poll++) queries.push((await controlPlane.nthPoll(poll)).query);
    const asked = queries.map((query) => /timeout_ms=(\d+)/.exec(query)?.[1]);
    assert.deepEqual(asked, ["30000", "1000", "1000", "30000"]);
  });
});

for (const status of [401, 403]) {
  Deno.test(`poller: ${status} goes to the slow end of the backoff at once, shows in the state, and is told once per change [P-46]`, async () => {
    const options = {
      controlPlane: { backoffMinMs: 1, backoffMaxMs: 30 },
      deps: { random: () => 0 },
      start: false,
    };
    await withAgent(options, async (parts) => {
      const { agent, controlPlane, log, changes } = parts;
      const refused = { status, body: '{"error":{"code":"tunnel_use_forbidden","message":"no access"}}' };
      controlPlane.replyToPolls(refused, refused, { status: 204 }, refused);
      await agent.start();
      const fields = await failedPoll(parts);
      assert.equal(fields.retry_in_ms, 30);
      assert.deepEqual([fields.error_code, fields.error_message], ["tunnel_use_forbidden", "no access"]);
      assert.match(String(fields.mitigation), /credentials with access/);
      const { lastStatus, lastError, consecutiveFailures } = agent.pollState;
      assert.deepEqual([lastStatus, consecutiveFailures], [status, 1]);
      assert.match(
        lastError,
        /^control plane answered poll with status \d+: tunnel_use_forbidden: no access mitigation: /,
      );
      assert.equal((await failedPoll(parts, 1)).retry_in_ms, 30);
      const refusals = () => log.records.filter((record) => record.level === "error");
      assert.equal(refusals().length, 1, "the second refusal in a row is no news");
      await failedPoll(parts, 2);
      await changes.until("news of the refusal", () => refusals().length === 2);
      assert.match(refusals()[0]!.event, /refuses the API key/);
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
      assert.equal(agent.pollState.lastStatus, 0, "a repaired key works without a restart");
    });
  });
}

for (const status of [400, 404]) {
  Deno.test(`poller: ${status} is backed off like any error, and retried for ever [P-46]`, async () => {
    const options = {
      controlPlane: { backoffMinMs: 1, backoffMaxMs: 30 },
      deps: { random: () => 0 },
      start: false,
    };
    await withAgent(options, async (parts) => {
      parts.controlPlane.replyToPolls(...Array.from({ length: 6 }, () => ({ status })));
      await parts.agent.start();
      assert.equal((await failedPoll(parts, 5)).retry_in_ms, 1);
      assert.deepEqual(parts.log.atLeast("error"), []);
      assert.equal(parts.agent.pollState.lastStatus, status);
    });
  });
}

/** Retry-After on polls: status, field, expected wait with a backoff of 2 ms. */
const RETRY_AFTER: [status: number, value: string, waitMs: number][] = [
  [429, "30", 30_000],
  [503, "15", 15_000],
  [500, "17", 17_000],
  [400, "22", 22_000],
  [404, "22", 22_000],
  [302, "22", 22_000],
  [429, "600", 60_000],
  [429, "0", 2],
  [429, "-1", 2],
  [429, "soon", 2],
];
for (const [status, value, waitMs] of RETRY_AFTER) {
  Deno.test(`poller: Retry-After ${value} on ${status} makes it wait ${waitMs} ms, which a stop ends at once [P-54 … P-57]`, async () => {
    await withAgent({ start: false }, async (parts) => {
      const { agent, controlPlane } = parts;
      controlPlane.replyToPolls({ status, headers: [["Retry-After", value]] });
      await agent.start();
      assert.equal((await failedPoll(parts)).retry_in_ms, waitMs);
      const startedAt = performance.now();
      controlPlane.finish();
      await agent.drain(5_000);
      assert(performance.now() - startedAt < 10_000);
    });
  });
}

Deno.test("poller: Retry-After as a date is counted from now [P-54]", async () => {
  await withAgent({ start: false }, async (parts) => {
    const at = new Date(Date.now() + 30_000);
    parts.controlPlane.replyToPolls({ status: 503, headers: [["Retry-After", at.toUTCString()]] });
    await parts.agent.start();
    const waitMs = Number((await failedPoll(parts)).retry_in_ms);
    assert(waitMs > 25_000 && waitMs <= 30_000, `${waitMs}`);
  });
});

Deno.test("poller: a backoff longer than Retry-After stands; the two are not added [P-55]", async () => {
  const options = { controlPlane: { backoffMinMs: 1_500, backoffMaxMs: 9_000 }, start: false };
  await withAgent(options, async (parts) => {
    parts.controlPlane.replyToPolls({ status: 429, headers: [["Retry-After", "1"]] });
    await parts.agent.start();
    assert.equal((await failedPoll(parts)).retry_in_ms, 1_500);
  });
});

Deno.test("poller: a failed poll is logged with the service's request id, or with the word that there was none [P-15, P-155]", async () => {
  await withAgent({ start: false }, async (parts) => {
    const { agent, controlPlane } = parts;
    controlPlane.replyToPolls({ status: 500, headers: [["x-request-id", "svc-7"]] }, {
      status: 500,
      headers: [["X-Request-Id", ""]],
    });
    await agent.start();
    assert.equal((await failedPoll(parts)).tunnel_request_id, "svc-7");
    assert.equal((await failedPoll(parts, 1)).tunnel_request_id, "missing_request_id");
  });
});

Deno.test("poller: more commands than asked for are told, and all of them are run in order [P-47, P-48]", async () => {
  const order: unknown[] = [];
  const channel = new ScriptedChannel({
    onCall: (call) => {
      order.push(call.request.message.id);
      answering(call);
    },
  });
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 3 },
    mcp: { maxConcurrentRequests: 1 },
  };
  await withAgent(options, async ({ controlPlane, log, timeline, changes }) => {
    const ids = Array.from({ length: 40 }, (_, id) => id);
    controlPlane.deliver(...ids.map((id) => callCommand(id)));
    await changes.until("every answer", () => timeline.entries.length === 40);
    assert.deepEqual(order, ids);
    const tooMany = log.one("control plane sent more commands than asked for");
    assert.deepEqual([tooMany.level, tooMany.fields.limit, tooMany.fields.total], ["error", 3, 40]);
    const noRoom = log.one("control plane sent more commands than there is room for");
    assert.deepEqual([noRoom.level, noRoom.fields.polled, noRoom.fields.available], ["error", 40, 3]);
  });
});

Deno.test("poller: commands that wait for room do not make it poll for more [P-47]", async () => {
  const channel = new ScriptedChannel();
  const options = {
    channels: [channel],
    controlPlane: { maxInflight: 2 },
    mcp: { maxConcurrentRequests: 1 },
  };
  await withAgent(options, async ({ agent, controlPlane, metrics, changes }) => {
    controlPlane.deliver(...[1, 2, 3, 4, 5, 6].map((id) => callCommand(id)));
    await changes.until("reception", () => agent.summary.received === 6);
    await channel.nthCall(0);
    assert.equal(metrics.read("commands_queue_length"), 2);
    assert.equal(metrics.read("commands_in_flight"), 6, "those that wait outside the queue count too");
    assert.equal(agent.pollState.paused, true);
    for (let index = 0; index < 6; index++) {
      const call = await channel.nthCall(index);
      if (index <= 3) {
        assert.equal(controlPlane.polls.length, 1, "the queue is full until the fourth has ended");
      }
      call.end(answer(call));
    }
    await controlPlane.responseTo("req-6");
  });
});

Deno.test("poller: a bad element is dropped with a warning and no response; the rest of the batch is run [P-59, P-60]", async () => {
  await withAgent({}, async ({ agent, controlPlane, log, metrics }) => {
    controlPlane.deliver(
      "17",
      jsonrpcCommand(`{"jsonrpc":"1.0","id":1,"method":"${SECRET}"}`, { requestId: "req-bad" }),
      callCommand(1),
      '{"request_id":"req-new","shard_token":"s","command_type":"shell","created_at":null}',
      oauthDiscoveryCommand({ channel: "no such channel" }),
    );
    await controlPlane.responseTo("req-1");
    const dropped = log.all(/^control-plane command dropped/);
    assert.deepEqual(dropped.map(({ level, event }) => [level, event]), [
      ["warn", "control-plane command dropped: command is not an object"],
      ["warn", 'control-plane command dropped: jsonrpc version is not "2.0"'],
      ["warn", "control-plane command dropped: unknown command_type"],
      ["warn", "control-plane command dropped: invalid channel name"],
    ]);
    assert.deepEqual(dropped.map(({ fields }) => fields.request_id), [
      undefined,
      "req-bad",
      "req-new",
      "req-oauth",
    ]);
    assert.equal(dropped[2]!.fields.command_type, "shell");
    assert.equal(metrics.total("commands_queue_drops_total", { drop_reason: "invalid_command_type" }), 4);
    assert.equal(metrics.total("commands_polled_total"), 1);
    assert.equal(agent.summary.received, 1);
    assert.equal(controlPlane.posts.length, 1);
  });
});

Deno.test("poller: the age of a command is recorded when it is known and not in the future [P-50]", async () => {
  await withAgent({}, async ({ controlPlane, metrics }) => {
    const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString();
    controlPlane.deliver(
      callCommand(1, { createdAt: at(-5_000) }),
      callCommand(2, { createdAt: at(60_000) }),
      callCommand(3),
    );
    for (const id of [1, 2, 3]) await controlPlane.responseTo(`req-${id}`);
    const ages = metrics.observed("commands_age_seconds");
    assert.equal(ages.length, 1);
    assert(ages[0]!.value >= 5 && ages[0]!.value < 10, `${ages[0]!.value}`);
  });
});

Deno.test("poller: a command that is delivered again is not run again, while it runs and afterwards [P-66]", async () => {
  const channel = new ScriptedChannel();
  await withAgent({ channels: [channel] }, async ({ controlPlane, changes, log, metrics }) => {
    const dropped = (count: number) =>
      changes.until("a drop", () => metrics.total("commands_queue_drops_total") === count);
    controlPlane.deliver(callCommand(1), callCommand(1));
    const call = await channel.nthCall(0);
    await dropped(1);
    controlPlane.deliver(callCommand(1));
    await dropped(2);
    call.end(answer(call));
    await controlPlane.responseTo("req-1");
    controlPlane.deliver(callCommand(1), callCommand(2));
    (await channel.nthCall(1)).end(answer(channel.calls[1]!));
    await controlPlane.responseTo("req-2");
    assert.equal(channel.calls.length, 2);
    assert.equal(metrics.total("commands_queue_drops_total", { drop_reason: "duplicate" }), 3);
    assert.equal(metrics.total("commands_received_total"), 2);
    assert.equal(metrics.total("commands_polled_total"), 2);
    assert.deepEqual(
      log.all("control-plane command dropped: it was delivered before").map(({ fields }) =>
        fields.request_id
      ),
      ["req-1", "req-1", "req-1"],
    );
  });
});

Deno.test("poller: only request id and shard token together name a command [P-66, P-81]", async () => {
  await withAgent({}, async ({ controlPlane }) => {
    controlPlane.deliver(
      callCommand(1, { requestId: "same", shardToken: "a" }),
      callCommand(2, { requestId: "same", shardToken: "b" }),
    );
    await controlPlane.changes.until("both", () => controlPlane.acceptedFor("same").length === 2);
    assert.deepEqual(controlPlane.posts.map((post) => post.shardToken).sort(), ["a", "b"]);
  });
});

Deno.test("poller: a clock that jumps changes neither deadlines nor waits [P-186]", async () => {
  const realNow = Date.now;
  let offsetMs = 0;
  Date.now = () => realNow() + offsetMs;
  try {
    await withAgent({}, async ({ controlPlane, timeline }) => {
      const jumps = [-3_600_000, 7_200_000, -86_400_000, 0];
      for (const [id, jumpMs] of jumps.entries()) {
        offsetMs = jumpMs;
        controlPlane.deliver(callCommand(id, { responseTimeout: "30s" }));
        await controlPlane.responseTo(`req-${id}`);
        const end = await timeline.end(`req-${id}`);
        assert.equal(end.outcome, "answered");
        assert(end.totalMs >= 0 && end.totalMs < 20_000 && end.queuedMs >= 0);
      }
    });
  } finally {
    Date.now = realNow;
  }
});
