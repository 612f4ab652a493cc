/** Sections 18 and 19 of spec 01: how answers are delivered, and what a refusal says. */
import assert from "node:assert/strict";
import type { DiscoveryResult } from "../../src/agent/mod.ts";
import { createRouteClient, DIRECT_ROUTE, type HttpClient, NetError } from "../../src/net/mod.ts";
import { gate } from "../support/agent_changes.ts";
import {
  API_KEY,
  callCommand,
  notificationCommand,
  oauthDiscoveryCommand,
  SECRET,
  sessionTerminationCommand,
} from "../support/agent_commands.ts";
import { type AgentTest, withAgent } from "../support/agent_harness.ts";
import type { RawReply } from "../support/agent_http_server.ts";
import { answer, ScriptedChannel } from "../support/agent_scripted_channel.ts";

const LATENCY = "command_end_to_end_latency_milliseconds";
const RETRYING = "response not delivered yet; trying again";

/** Answers the first POSTs of each kind from a list, and then 200. */
function replies(...list: readonly RawReply[]) {
  return (_: unknown, index: number) => list[index];
}

/** A client whose response POSTs pass through `intercept` first. */
function interceptedPosts(intercept: (index: number) => void): HttpClient {
  const client = createRouteClient(DIRECT_ROUTE);
  let posts = 0;
  return {
    async request(request) {
      if (request.method === "POST") intercept(posts++);
      return await client.request(request);
    },
    close: () => client.close(),
  };
}

function assertSameAttempts({ controlPlane }: AgentTest, count: number): void {
  assert.equal(controlPlane.posts.length, count);
  const [first, ...others] = controlPlane.posts.map(({ request }) => request);
  for (const request of others) {
    assert.equal(request.bodyText, first!.bodyText);
    assert.equal(request.target, first!.target);
    assert.deepEqual(request.headers, first!.headers);
  }
}

Deno.test("response: 200 is delivered [P-130]", async () => {
  await withAgent({}, async ({ controlPlane, timeline, metrics, log }) => {
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(metrics.observed(LATENCY, { latency_type: "poll_to_response" }).length, 1);
    assert.deepEqual(log.atLeast("warn"), []);
  });
});

Deno.test("response: 404 is as good as delivered: no retry, latency as usual, a warning with the service's id [P-15, P-130]", async () => {
  await withAgent({}, async ({ controlPlane, timeline, metrics, log }) => {
    controlPlane.onPost = replies({
      status: 404,
      headers: [["X-Request-Id", "svc-late"]],
      body: '{"error":{"code":"pending_request_not_found"}}',
    });
    controlPlane.deliver(callCommand(1));
    const end = await timeline.end("req-1");
    assert.deepEqual([end.outcome, end.statusCode], ["answered", 200]);
    assert.equal(controlPlane.posts.length, 1);
    assert.equal(metrics.observed(LATENCY, { latency_type: "poll_to_response" }).length, 1);
    assert.equal(metrics.total("commands_response_post_errors_total"), 0);
    const warning = log.one(/already fulfilled/);
    assert.deepEqual([warning.level, warning.fields.tunnel_request_id], ["warn", "svc-late"]);
  });
});

for (
  const status of [201, 202, 204, 206, 300, 302, 307, 400, 401, 402, 403, 405, 409, 410, 415, 422, 501, 505]
) {
  Deno.test(`response: ${status} is a refusal for good: one attempt, one error, and polling goes on [P-41, P-130, P-131]`, async () => {
    await withAgent({}, async ({ controlPlane, timeline, metrics, log, agent }) => {
      controlPlane.onPost = replies({ status });
      controlPlane.deliver(callCommand(1));
      const end = await timeline.end("req-1");
      assert.deepEqual([end.outcome, end.statusCode], ["undeliverable", 0]);
      assert.match(end.reason, new RegExp(`^control plane answered response with status ${status}$`));
      assert.equal(log.one("response could not be delivered").level, "error");
      assert.equal(metrics.observed(LATENCY).length, 0);
      assert.equal(metrics.total("commands_response_post_errors_total"), 1);
      controlPlane.deliver(callCommand(2));
      await controlPlane.responseTo("req-2");
      assert.equal(controlPlane.posts.length, 2);
      assert.equal(agent.pollState.consecutiveFailures, 0, "has no effect on polling [P-134]");
    });
  });
}

for (const status of [408, 429, 500, 502, 503, 504, 507]) {
  Deno.test(`response: ${status} is retried with the same body and headers until it is delivered [P-131]`, async () => {
    await withAgent({}, async (parts) => {
      const { controlPlane, timeline, metrics, log } = parts;
      const bad = { status, headers: [["X-Request-Id", "svc-busy"]] as const };
      controlPlane.onPost = replies(bad, bad, bad, bad, bad, bad, bad);
      controlPlane.deliver(callCommand(1, { headers: { "X-Request-Id": ["caller"] } }));
      assert.equal((await timeline.end("req-1")).outcome, "answered");
      assertSameAttempts(parts, 8);
      assert.equal(metrics.total("commands_response_post_errors_total"), 7);
      const retries = log.all(RETRYING);
      assert.deepEqual(retries.map(({ fields }) => fields.attempt), [1, 2, 3, 4, 5, 6, 7]);
      for (const { level, fields } of retries) {
        assert.deepEqual([level, fields.status_code, fields.tunnel_request_id], ["warn", status, "svc-busy"]);
      }
    });
  });
}

Deno.test("response: delays follow the backoff, afresh for every response [P-51, P-52]", async () => {
  const options = { controlPlane: { backoffMinMs: 2, backoffMaxMs: 16 }, deps: { random: () => 0.5 } };
  await withAgent(options, async ({ controlPlane, timeline, log }) => {
    const bad = { status: 503 };
    controlPlane.onPost = (post, index) =>
      post.body.request_id === "req-1"
        ? replies(bad, bad, bad, bad, bad)(0, index)
        : replies(bad)(0, index - 6);
    controlPlane.deliver(callCommand(1));
    await timeline.end("req-1");
    controlPlane.deliver(callCommand(2));
    await timeline.end("req-2");
    assert.deepEqual(log.all(RETRYING).map(({ fields }) => fields.retry_in_ms), [2, 3, 5, 9, 16, 2]);
    const times = controlPlane.posts.map(({ request }) => request.at);
    [2, 3, 5, 9, 16].forEach((waitMs, index) => {
      assert(
        times[index + 1]! - times[index]! >= waitMs - 1,
        `waited ${times[index + 1]! - times[index]!} ms`,
      );
    });
  });
});

Deno.test("response: Retry-After is honoured on statuses that are retried [P-54 … P-56]", async () => {
  await withAgent({}, async ({ controlPlane, timeline, log }) => {
    controlPlane.onPost = replies({ status: 429, headers: [["Retry-After", "1"]] });
    controlPlane.deliver(callCommand(1));
    await timeline.end("req-1");
    assert.equal(log.one(RETRYING).fields.retry_in_ms, 1_000);
    assert(controlPlane.posts[1]!.request.at - controlPlane.posts[0]!.request.at >= 995);
  });
});

Deno.test("response: Retry-After on a refusal for good changes nothing [P-56]", async () => {
  await withAgent({}, async ({ controlPlane, timeline }) => {
    controlPlane.onPost = replies({ status: 401, headers: [["Retry-After", "30"]] });
    controlPlane.deliver(callCommand(1));
    const end = await timeline.end("req-1");
    assert.equal(end.outcome, "undeliverable");
    assert(end.totalMs < 10_000);
  });
});

const TRANSPORT: [situation: string, intercept: (index: number) => void][] = [
  ["refused connections", (index) => {
    if (index < 5) throw new NetError("connection_refused", "connection refused", false);
  }],
  ["broken connections", (index) => {
    if (index < 5) throw new NetError("connection_reset", "connection reset", true);
  }],
];
for (const [situation, intercept] of TRANSPORT) {
  Deno.test(`response: ${situation} are retried, written or not [P-131]`, async () => {
    await withAgent({ deps: { client: interceptedPosts(intercept) } }, async (parts) => {
      parts.controlPlane.deliver(callCommand(1));
      assert.equal((await parts.timeline.end("req-1")).outcome, "answered");
      assertSameAttempts(parts, 1);
      assert.equal(parts.log.all(RETRYING).length, 5);
      assert.match(
        String(parts.log.all(RETRYING)[0]!.fields.error),
        /^http:\/\/127\.0\.0\.1:\d+: connection (refused|reset)/,
      );
    });
  });
}

Deno.test("response: a connection that the service drops is retried [P-131]", async () => {
  await withAgent({}, async ({ controlPlane, timeline }) => {
    controlPlane.onPost = (_, index) => index < 3 ? { status: 200, fault: "drop" } : undefined;
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(controlPlane.posts.length, 4);
  });
});

Deno.test("response: an attempt that takes too long is given up and made again [P-30, P-131]", async () => {
  const never = gate();
  const options = { controlPlane: { pollTimeoutMs: 60, pollDeadlineGuardrailMs: 40 } };
  await withAgent(options, async (parts) => {
    const { controlPlane, timeline, log } = parts;
    controlPlane.onPost = (_, index) => index === 0 ? never.opened.then(() => ({ status: 200 })) : undefined;
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assertSameAttempts(parts, 2);
    assert.equal(log.one(RETRYING).fields.error, "control plane did not finish response within 100 ms");
    assert.equal(controlPlane.posts[0]!.abandoned, true);
    never.open();
  });
});

Deno.test("response: every kind of terminal response is retried [P-131]", async () => {
  const discover = (): Promise<DiscoveryResult> =>
    Promise.resolve({ type: "found", status: 200, headers: [], text: "{}" });
  await withAgent({ deps: { discover } }, async ({ controlPlane, timeline }) => {
    const seen = new Map<string, number>();
    controlPlane.onPost = ({ body }) => {
      const attempt = (seen.get(body.request_id) ?? 0) + 1;
      seen.set(body.request_id, attempt);
      return attempt < 5 ? { status: 502 } : undefined;
    };
    controlPlane.deliver(
      callCommand(1),
      callCommand(2, { channel: "nowhere" }),
      notificationCommand(),
      sessionTerminationCommand(),
      oauthDiscoveryCommand(),
    );
    for (const id of ["req-1", "req-2", "req-notification", "req-session", "req-oauth"]) {
      assert.notEqual((await timeline.end(id)).statusCode, 0, id);
      assert.equal(seen.get(id), 5);
    }
  });
});

/** A channel whose every call sends one notification before its answer. */
function notifying(): ScriptedChannel {
  return new ScriptedChannel({
    onCall: async (call) => {
      call.observer!.sent();
      await call.observer!.notification('{"jsonrpc":"2.0","method":"n"}', { status: 200, headers: [] });
      call.end(answer(call));
    },
  });
}

function eventsOf({ controlPlane }: AgentTest): number {
  return controlPlane.posts.filter(({ body }) => body.resp_type === "jsonrpc_notify").length;
}

for (const status of [201, 204, 302, 400, 401, 403, 408, 413, 500, 502, 503, 504]) {
  Deno.test(`event: ${status} is final for a notification, because sending it again could double it [P-132]`, async () => {
    await withAgent({ channels: [notifying()] }, async (parts) => {
      const { controlPlane, timeline } = parts;
      controlPlane.onPost = ({ body }) => body.resp_type === "jsonrpc_notify" ? { status } : undefined;
      controlPlane.deliver(callCommand(1));
      assert.equal((await timeline.end("req-1")).outcome, "answered");
      assert.equal(eventsOf(parts), 1);
    });
  });
}

Deno.test("event: 404 is a success [P-130]", async () => {
  await withAgent({ channels: [notifying()] }, async (parts) => {
    parts.controlPlane.onPost = replies({ status: 404 });
    parts.controlPlane.deliver(callCommand(1));
    await parts.timeline.end("req-1");
    assert.equal(eventsOf(parts), 1);
    assert.deepEqual(parts.log.all(/notification not delivered/), []);
  });
});

Deno.test("event: 429 is retried, with Retry-After, three attempts in all [P-132]", async () => {
  await withAgent({ channels: [notifying()] }, async (parts) => {
    const { controlPlane, timeline, log } = parts;
    controlPlane.onPost = replies({ status: 429 }, { status: 429, headers: [["Retry-After", "0"]] });
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(eventsOf(parts), 3);
    assert.deepEqual(log.all(/notification not delivered/), []);
  });
  await withAgent({ channels: [notifying()] }, async (parts) => {
    const { controlPlane, timeline, log } = parts;
    controlPlane.onPost = ({ body }) => body.resp_type === "jsonrpc_notify" ? { status: 429 } : undefined;
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(eventsOf(parts), 3);
    assert.equal(log.all(/notification not delivered/).length, 1);
  });
});

Deno.test("event: a transport error is retried only if nothing had been written [P-132]", async () => {
  for (const [requestWritten, expected] of [[false, 1], [true, 0]] as const) {
    const client = interceptedPosts((index) => {
      if (index === 0) throw new NetError("connection_reset", "connection reset", requestWritten);
    });
    await withAgent({ channels: [notifying()], deps: { client } }, async (parts) => {
      parts.controlPlane.deliver(callCommand(1));
      await parts.timeline.end("req-1");
      assert.equal(eventsOf(parts), expected);
    });
  }
});

Deno.test("event: a connection dropped after the request was written is final [P-132]", async () => {
  await withAgent({ channels: [notifying()] }, async (parts) => {
    const { controlPlane, timeline, log } = parts;
    controlPlane.onPost = ({ body }) =>
      body.resp_type === "jsonrpc_notify" ? { status: 200, fault: "drop" } : undefined;
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(eventsOf(parts), 1);
    assert.equal(log.all(/notification not delivered/).length, 1);
  });
});

Deno.test("event: a time limit is final [P-132]", async () => {
  const never = gate();
  const options = {
    channels: [notifying()],
    controlPlane: { pollTimeoutMs: 60, pollDeadlineGuardrailMs: 40 },
  };
  await withAgent(options, async (parts) => {
    const { controlPlane, timeline } = parts;
    controlPlane.onPost = (_, index) => index === 0 ? never.opened.then(() => ({ status: 200 })) : undefined;
    controlPlane.deliver(callCommand(1));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(eventsOf(parts), 1);
    never.open();
  });
});

Deno.test("response: an answer that is too large for the service is replaced by a small failure [P-134]", async () => {
  await withAgent({}, async ({ controlPlane, timeline }) => {
    controlPlane.onPost = replies({
      status: 413,
      body: '{"error":{"code":"request_body_too_large","message":"too big"}}',
    });
    controlPlane.deliver(callCommand("rpc-1"));
    const { request } = await controlPlane.responseTo("req-rpc-1");
    assert.equal(
      request.bodyText,
      '{"request_id":"req-rpc-1","channel":"main","resp_json":{"jsonrpc":"2.0","id":"rpc-1","error":{"code":-32603,' +
        '"message":"Bad Gateway","data":{"tunnel_failure":{"version":1,"source":"client_internal",' +
        '"transport_error_kind":"unknown","upstream_response_received":false}}}},' +
        '"resp_headers":{"Content-Type":["application/json"]},"resp_code":502,"resp_type":"jsonrpc_response"}',
    );
    const end = await timeline.end("req-rpc-1");
    assert.deepEqual([end.outcome, end.statusCode], ["failed_answered", 502]);
    assert.equal(controlPlane.posts.length, 2);
  });
});

Deno.test("response: a metadata document that is too large becomes a small error, too [P-109, P-134]", async () => {
  const discover = (): Promise<DiscoveryResult> =>
    Promise.resolve({ type: "found", status: 200, headers: [], text: "{}" });
  await withAgent({ deps: { discover } }, async ({ controlPlane, timeline }) => {
    controlPlane.onPost = replies({ status: 413 });
    controlPlane.deliver(oauthDiscoveryCommand());
    const { body } = await controlPlane.responseTo("req-oauth");
    assert.deepEqual([body.resp_code, body.resp_type], [502, "oauth_discovery_response"]);
    assert.equal((await timeline.end("req-oauth")).outcome, "failed_answered");
  });
});

Deno.test("response: when even the small failure is too large, that is told, and it is over [P-134]", async () => {
  await withAgent({}, async ({ controlPlane, timeline, log }) => {
    controlPlane.onPost = () => ({ status: 413 });
    controlPlane.deliver(callCommand(1), notificationCommand());
    assert.equal((await timeline.end("req-1")).outcome, "undeliverable");
    assert.equal((await timeline.end("req-notification")).outcome, "undeliverable");
    assert.equal(controlPlane.posts.length, 3);
    assert.deepEqual(log.all("response could not be delivered").map(({ fields }) => fields.error), [
      "response is too large",
      "response is too large",
    ]);
  });
});

Deno.test("refusal: the log says status, code, message and what to do [P-137, P-138]", async () => {
  await withAgent({}, async ({ controlPlane, timeline, log }) => {
    controlPlane.onPost = replies({
      status: 401,
      body:
        '{"error":{"code":"tunnel_request_mismatch","type":"invalid_request_error","message":"wrong tunnel","param":null}}',
    });
    controlPlane.deliver(callCommand(1));
    await timeline.end("req-1");
    const { error } = log.one("response could not be delivered").fields;
    assert.match(
      String(error),
      /^control plane answered response with status 401: tunnel_request_mismatch: wrong tunnel mitigation: answer with/,
    );
  });
});

Deno.test("refusal: a body without a known shape is quoted from its beginning only [P-136, P-137]", async () => {
  await withAgent({}, async ({ controlPlane, timeline, log }) => {
    controlPlane.onPost = replies({ status: 400, body: `<html>${"x".repeat(300_000)}` });
    controlPlane.deliver(callCommand(1));
    await timeline.end("req-1");
    const error = String(log.one("response could not be delivered").fields.error);
    assert.equal(error, `control plane answered response with status 400: <html>${"x".repeat(1_018)}...`);
  });
});

Deno.test("refusal: a gateway that echoes the key does not bring it into log, timeline or poll state [P-6]", async () => {
  await withAgent({ start: false }, async ({ agent, controlPlane, timeline, log }) => {
    const echo = { status: 403, body: `{"error":{"code":"c","message":"got Bearer ${API_KEY}"}}` };
    controlPlane.metadataReply = echo;
    controlPlane.replyToPolls(echo);
    controlPlane.onPost = replies(echo);
    await agent.start();
    await log.nth("tunnel metadata fetch failed");
    await log.nth("poll failed; backing off");
    assert.match(agent.pollState.lastError, /got Bearer \[redacted\]/);
    controlPlane.deliver(callCommand(1));
    assert.match((await timeline.end("req-1")).reason, /got Bearer \[redacted\]/);
  });
});

Deno.test("refusal: an error object that is longer than what is read is still quoted [P-136]", async () => {
  await withAgent({}, async ({ controlPlane, timeline, log }) => {
    controlPlane.onPost = replies({
      status: 400,
      body: `{"error":{"code":"c","message":"${"x".repeat(100_000)}"}}`,
    });
    controlPlane.deliver(callCommand(1));
    await timeline.end("req-1");
    assert.match(
      String(log.one("response could not be delivered").fields.error),
      /status 400: \{"error":\{"code":"c","message":"xxx/,
    );
  });
});

Deno.test("refusal: the status counts, even when its body breaks off or never ends [P-136]", async () => {
  const never = gate();
  const options = { controlPlane: { pollTimeoutMs: 40, pollDeadlineGuardrailMs: 40 } };
  await withAgent(options, async ({ controlPlane, timeline }) => {
    controlPlane.onPost = replies(
      { status: 403, body: '{"error":{', fault: "cut" },
      { status: 403, body: "some words", bodyAfter: never.opened },
    );
    controlPlane.deliver(callCommand(1));
    assert.match((await timeline.end("req-1")).reason, /^control plane answered response with status 403/);
    controlPlane.deliver(callCommand(2));
    assert.match((await timeline.end("req-2")).reason, /^control plane answered response with status 403/);
    assert.equal(controlPlane.posts.length, 2);
  });
});

Deno.test("response: the answer itself never shows up in a log, whatever the service says to it [P-156]", async () => {
  const channel = new ScriptedChannel({ onCall: (call) => call.end(answer(call, { text: SECRET })) });
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline }) => {
    const statuses = [200, 400, 404, 413, 500];
    controlPlane.onPost = ({ body }, index) =>
      index < 5 ? { status: statuses[Number(body.resp_json?.id) % 5]! } : undefined;
    controlPlane.deliver(...statuses.map((_, id) => callCommand(id)));
    for (const id of statuses.keys()) await timeline.end(`req-${id}`);
  });
});
