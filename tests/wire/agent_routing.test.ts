/** Sections 11, 13 and 14 of spec 01: where a command goes, and the two kinds that are no JSON-RPC. */
import assert from "node:assert/strict";
import type { DiscoveryResult } from "../../src/agent/mod.ts";
import type { SessionResult } from "../../src/channels/mod.ts";
import {
  callCommand,
  jsonrpcCommand,
  notificationCommand,
  oauthDiscoveryCommand,
  SECRET,
  sessionTerminationCommand,
  TUNNEL_ID,
} from "../support/agent_commands.ts";
import { withAgent } from "../support/agent_harness.ts";
import { answering, failure, ScriptedChannel } from "../support/agent_scripted_channel.ts";

Deno.test("routing: a command goes to the channel that it names, in any spelling, or to main [P-60, P-83]", async () => {
  const channels = ["main", "files"].map((name) => new ScriptedChannel({ name, onCall: answering }));
  await withAgent({ channels }, async ({ controlPlane }) => {
    controlPlane.deliver(
      callCommand(1),
      callCommand(2, { channel: " FILES " }),
      callCommand(3, { channel: "" }),
    );
    for (const id of [1, 2, 3]) await controlPlane.responseTo(`req-${id}`);
    assert.deepEqual(channels.map((one) => one.calls.map((call) => call.request.message.id)), [[1, 3], [2]]);
    assert.deepEqual((await controlPlane.responseTo("req-2")).body.channel, "files");
  });
});

Deno.test("routing: a channel that the allowlist leaves out is neither started nor routed to [P-83, CH-9]", async () => {
  const channels = ["main", "files"].map((name) => new ScriptedChannel({ name, onCall: answering }));
  const discover = () => assert.fail("main is not listed");
  const options = { channels, controlPlane: { pollChannels: ["files"] }, deps: { discover } };
  await withAgent(options, async ({ agent, controlPlane }) => {
    controlPlane.deliver(callCommand(1), callCommand(2, { channel: "files" }), oauthDiscoveryCommand());
    assert.equal((await controlPlane.responseTo("req-1")).body.resp_code, 400);
    assert.equal((await controlPlane.responseTo("req-2")).body.resp_code, 200);
    assert.equal((await controlPlane.responseTo("req-oauth")).body.resp_code, 400);
    assert.deepEqual(channels.map((channel) => channel.started), [false, true]);
    assert.deepEqual(agent.channels, [channels[1]]);
  });
});

/** P-85 … P-87: a command for a channel that does not exist, and what is posted for it. */
const UNSUPPORTED: [situation: string, command: string, requestId: string, type: string, posted: string][] = [
  [
    "a call",
    callCommand(7, { channel: " Nowhere " }),
    "req-7",
    "jsonrpc",
    '{"request_id":"req-7","channel":"nowhere","resp_json":{"jsonrpc":"2.0","id":7,"error":{"code":-32603,' +
    '"message":"Bad Request: unsupported channel \\"nowhere\\""}},"resp_code":400,"resp_type":"jsonrpc_response"}',
  ],
  [
    "a notification",
    notificationCommand({ channel: "nowhere" }),
    "req-notification",
    "jsonrpc",
    '{"request_id":"req-notification","channel":"nowhere","resp_code":400,"resp_type":"notify_ack"}',
  ],
  [
    "a connector's answer",
    jsonrpcCommand('{"jsonrpc":"2.0","id":1,"result":{}}', { channel: "nowhere" }),
    "req-1",
    "jsonrpc",
    '{"request_id":"req-1","channel":"nowhere","resp_code":400,"resp_type":"notify_ack"}',
  ],
  [
    "a session end",
    sessionTerminationCommand({ channel: "nowhere" }),
    "req-session",
    "session_termination",
    '{"request_id":"req-session","channel":"nowhere","resp_code":400,"resp_type":"session_termination_response"}',
  ],
  [
    "a discovery",
    oauthDiscoveryCommand({ channel: "nowhere" }),
    "req-oauth",
    "oauth_discovery",
    '{"request_id":"req-oauth","channel":"nowhere","resp_json":{"error":{"message":"unsupported channel \\"nowhere\\"",' +
    '"type":"invalid_request_error","code":"unsupported_channel"}},"resp_code":400,"resp_type":"oauth_discovery_response"}',
  ],
];
for (const [situation, command, requestId, type, posted] of UNSUPPORTED) {
  Deno.test(`routing: ${situation} for an unknown channel is answered 400, never sent to main [P-85 … P-87]`, async () => {
    const channel = new ScriptedChannel({ onCall: answering });
    await withAgent({ channels: [channel] }, async ({ controlPlane, metrics, log, timeline }) => {
      controlPlane.deliver(command);
      const { request } = await controlPlane.responseTo(requestId);
      assert.equal(request.bodyText, posted);
      const end = await timeline.end(requestId);
      assert.deepEqual([end.outcome, end.statusCode, end.reason], [
        "failed_answered",
        400,
        "unsupported_channel",
      ]);
      const labels = { tunnel_id: TUNNEL_ID, channel: "nowhere", command_type: type };
      assert.equal(metrics.total("command_unsupported_channel_total", labels), 1);
      assert.equal(metrics.observed("command_end_to_end_latency_milliseconds").length, 0);
      const record = log.one("command for an unsupported channel");
      assert.deepEqual([record.level, record.fields.channel], ["error", "nowhere"]);
      assert.equal(channel.calls.length + channel.notifications.length, 0);
    });
  });
}

Deno.test("routing: a channel may have any name of the pattern, also that of an object's member [P-85]", async () => {
  await withAgent({}, async ({ controlPlane }) => {
    for (const channel of ["constructor", "__proto__", "tostring"]) {
      controlPlane.deliver(callCommand(1, { channel, requestId: `req-${channel}` }));
      assert.equal((await controlPlane.responseTo(`req-${channel}`)).body.resp_code, 400);
    }
  });
});

Deno.test("session: a binding without sessions answers 405, and goes on working [P-105]", async () => {
  const channel = new ScriptedChannel({ transport: "stdio", procAffinity: true, onCall: answering });
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline, log }) => {
    controlPlane.deliver(sessionTerminationCommand());
    const { request } = await controlPlane.responseTo("req-session");
    assert.equal(
      request.bodyText,
      '{"request_id":"req-session","channel":"main","resp_code":405,"resp_type":"session_termination_response"}',
    );
    assert.equal((await timeline.end("req-session")).outcome, "acknowledged");
    assert.deepEqual(log.atLeast("warn"), [], "not an error");
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
  });
});

Deno.test("session: the channel gets all command headers, its answer goes up without a body [P-106]", async () => {
  const headers = {
    Authorization: [`Bearer ${SECRET}`],
    "Mcp-Session-Id": ["s"],
    "Mcp-Protocol-Version": ["2025-06-18"],
  };
  let seen: unknown;
  const onTerminate = (given: unknown): Promise<SessionResult> => {
    seen = given;
    return Promise.resolve({
      type: "terminated",
      status: 204,
      headers: [["Mcp-Session-Id", "s"], ["Set-Cookie", SECRET], ["Content-Type", "text/plain"]],
    });
  };
  await withAgent({ channels: [new ScriptedChannel({ onTerminate })] }, async ({ controlPlane, log }) => {
    controlPlane.deliver(sessionTerminationCommand({ headers }));
    const { request } = await controlPlane.responseTo("req-session");
    assert.deepEqual(seen, headers);
    assert.equal(
      request.bodyText,
      '{"request_id":"req-session","channel":"main","resp_headers":{"Mcp-Session-Id":["s"],"Content-Type":["text/plain"]},' +
        '"resp_code":204,"resp_type":"session_termination_response"}',
    );
    const record = await log.nth("session termination answered");
    assert.deepEqual([record.level, record.fields.status_code], ["info", 204]);
  });
});

for (const status of [400, 404, 405, 500]) {
  Deno.test(`session: the target's ${status} is passed on and warned of [P-106]`, async () => {
    const onTerminate = () => Promise.resolve({ type: "terminated", status, headers: [] } as const);
    await withAgent(
      { channels: [new ScriptedChannel({ onTerminate })] },
      async ({ controlPlane, log, timeline }) => {
        controlPlane.deliver(sessionTerminationCommand());
        const { body } = await controlPlane.responseTo("req-session");
        assert.deepEqual([body.resp_code, body.resp_type], [status, "session_termination_response"]);
        assert.equal((await timeline.end("req-session")).outcome, "acknowledged");
        assert.equal(log.one("target refused to end the session").fields.status_code, status);
      },
    );
  });
}

Deno.test("session: a transport failure is 502 [P-106]", async () => {
  const onTerminate = () => Promise.resolve(failure({ kind: "connection_reset" }));
  await withAgent(
    { channels: [new ScriptedChannel({ onTerminate })] },
    async ({ controlPlane, timeline }) => {
      controlPlane.deliver(sessionTerminationCommand());
      const { body } = await controlPlane.responseTo("req-session");
      assert.deepEqual([body.resp_code, body.resp_json], [502, undefined]);
      const end = await timeline.end("req-session");
      assert.deepEqual([end.outcome, end.reason], ["failed_answered", "transport_closed/connection_reset"]);
    },
  );
});

Deno.test("session: an exception is answered 502 [P-80]", async () => {
  const onTerminate = () => Promise.reject(new Error(SECRET));
  await withAgent(
    { channels: [new ScriptedChannel({ onTerminate })] },
    async ({ controlPlane, timeline }) => {
      controlPlane.deliver(sessionTerminationCommand());
      assert.equal((await controlPlane.responseTo("req-session")).body.resp_code, 502);
      assert.equal((await timeline.end("req-session")).outcome, "failed_answered");
    },
  );
});

Deno.test("session: a deadline ends the DELETE itself, and nothing is posted [P-107]", async () => {
  let aborted: AbortSignal | undefined;
  const onTerminate = (_: unknown, signal: AbortSignal) => {
    aborted = signal;
    return new Promise<SessionResult>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  };
  await withAgent(
    { channels: [new ScriptedChannel({ onTerminate })] },
    async ({ controlPlane, timeline }) => {
      controlPlane.deliver(sessionTerminationCommand({ responseTimeout: "300ms" }));
      assert.equal((await timeline.end("req-session")).outcome, "expired");
      assert.equal(aborted?.aborted, true);
      assert.equal(controlPlane.posts.length, 0);
    },
  );
});

const FOUND: DiscoveryResult = {
  type: "found",
  status: 200,
  headers: [["content-type", "application/json"], ["x-any", "a"], ["x-any", "b"], ["set-cookie", "c"], [
    "__proto__",
    "p",
  ]],
  text: '{ "resource":"r", "n":1.0 }',
};

Deno.test("discovery: the document goes up as it is, with all headers [P-108]", async () => {
  let dated: unknown;
  const discover = (_: AbortSignal, isDated: boolean) => {
    dated = isDated;
    return Promise.resolve(FOUND);
  };
  await withAgent({ deps: { discover } }, async ({ controlPlane, timeline }) => {
    controlPlane.deliver(oauthDiscoveryCommand());
    const { request } = await controlPlane.responseTo("req-oauth");
    assert.equal(
      request.bodyText,
      '{"request_id":"req-oauth","channel":"main","resp_json":{ "resource":"r", "n":1.0 },"resp_headers":{"content-type":' +
        '["application/json"],"x-any":["a","b"],"set-cookie":["c"],"__proto__":["p"]},"resp_code":200,' +
        '"resp_type":"oauth_discovery_response"}',
    );
    assert.equal((await timeline.end("req-oauth")).outcome, "answered");
    assert.equal(dated, false);
    controlPlane.deliver(oauthDiscoveryCommand({ requestId: "req-dated", responseTimeout: "30s" }));
    await controlPlane.responseTo("req-dated");
    assert.equal(dated, true);
  });
});

Deno.test("discovery: a failure is answered with an error body, not with silence [P-109]", async () => {
  const discover = () =>
    Promise.resolve({ type: "failure", statusCode: 502, detail: "no candidate answered" } as const);
  await withAgent({ deps: { discover } }, async ({ controlPlane, timeline, log }) => {
    controlPlane.deliver(oauthDiscoveryCommand());
    const { request } = await controlPlane.responseTo("req-oauth");
    assert.equal(
      request.bodyText,
      '{"request_id":"req-oauth","channel":"main","resp_json":{"error":{"message":"OAuth discovery failed",' +
        '"type":"server_error","code":"oauth_discovery_failed"}},"resp_code":502,"resp_type":"oauth_discovery_response"}',
    );
    assert.equal((await timeline.end("req-oauth")).outcome, "failed_answered");
    assert.equal(log.one("OAuth discovery failed").fields.error, "no candidate answered");
  });
});

Deno.test("discovery: an exception is answered in the same way [P-80, P-109]", async () => {
  const discover = () => Promise.reject(new Error(SECRET));
  await withAgent({ deps: { discover } }, async ({ controlPlane }) => {
    controlPlane.deliver(oauthDiscoveryCommand());
    assert.equal((await controlPlane.responseTo("req-oauth")).body.resp_code, 502);
  });
});

Deno.test("discovery: it is supported on main only, and only where main is HTTP [P-84, P-85, P-108]", async () => {
  const channels = ["main", "files"].map((name) => new ScriptedChannel({ name }));
  let discovered = 0;
  const discover = () => {
    discovered++;
    return Promise.resolve(FOUND);
  };
  await withAgent({ channels, deps: { discover } }, async ({ controlPlane }) => {
    controlPlane.deliver(oauthDiscoveryCommand({ channel: "files" }));
    assert.equal((await controlPlane.responseTo("req-oauth")).body.resp_code, 400);
    assert.equal(discovered, 0);
  });
  await withAgent({ channels }, async ({ controlPlane }) => {
    controlPlane.deliver(oauthDiscoveryCommand());
    assert.equal((await controlPlane.responseTo("req-oauth")).body.resp_code, 400);
  });
});
