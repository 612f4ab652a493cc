/** Sections 12 and 15 to 17 of spec 01: JSON-RPC commands on their way to a channel and back. */
import assert from "node:assert/strict";
import type { ChannelFailure } from "../../src/channels/mod.ts";
import type { HeaderPairs } from "../../src/net/mod.ts";
import { callCommand, jsonrpcCommand, notificationCommand, SECRET } from "../support/agent_commands.ts";
import { withAgent } from "../support/agent_harness.ts";
import {
  answer,
  answering,
  answerText,
  failure,
  JSON_HEADERS,
  type ScriptedCall,
  ScriptedChannel,
} from "../support/agent_scripted_channel.ts";

function channelThat(onCall: (call: ScriptedCall) => unknown): ScriptedChannel {
  return new ScriptedChannel({ onCall });
}

const encoder = new TextEncoder();

Deno.test("command: a call is answered with its own id, status and payload, byte for byte [P-88, P-89, P-127]", async () => {
  const channel = channelThat((call) => call.end(answerText('{"jsonrpc":"2.0","id":1,"result":{"a":1}}')));
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline }) => {
    controlPlane.deliver(callCommand(1));
    const { request } = await controlPlane.responseTo("req-1");
    assert.equal(
      request.bodyText,
      '{"request_id":"req-1","channel":"main","resp_json":{"jsonrpc":"2.0","id":1,"result":{"a":1}},' +
        '"resp_headers":{"Content-Type":["application/json"]},"resp_code":200,"resp_type":"jsonrpc_response",' +
        '"resp_timing":{"version":1,"transport":"streamable_http","target_elapsed_us":1000}}',
    );
    const end = await timeline.end("req-1");
    assert.deepEqual(
      [end.outcome, end.statusCode, end.kind, end.method, end.channel, end.reason],
      ["answered", 200, "call", "tools/call", "main", ""],
    );
  });
});

/** JSON values that a parser and a serialiser would not bring back as they were. */
const LOSSLESS: readonly string[] = [
  '{"jsonrpc":"2.0","id":12345678901234567890123456,"method":"m","params":{"n":98765432109876543210987654}}',
  '{ "jsonrpc" : "2.0" ,\t"id":\n1,\r\n"method":"m" }',
  '{"jsonrpc":"2.0","id":1,"method":"first","method":"m","params":{"a":1,"a":2,"b":{"c":3,"c":4}}}',
  '{"jsonrpc":"2.0","id":1,"method":"m","future":{"x":[]},"params":{"f":1.0,"e":1E5,"z":-0.0,"big":1e400}}',
  '{"jsonrpc":"2.0","id":"\\u0031\\u00e9é","method":"m","params":{"s":"\\ud83d\\ude00 😀 \\/ \\b \\u2028"}}',
  '{"\\u006asonrpc":"2.0","id":1,"method":"m"}',
  '{"jsonrpc":"2.0","id":1,"method":"m","params":{"s":"]}],\\"commands\\":[{\\\\"}}',
  '{"method":"m","jsonrpc":"2.0","id":1.50}',
];
for (const message of LOSSLESS) {
  Deno.test(`command: the message reaches the channel byte for byte: ${message.slice(0, 60)} [P-64, P-193]`, async () => {
    const channel = channelThat((call) => call.end(answerText('{"jsonrpc":"2.0","id":1,"result":{}}')));
    await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
      controlPlane.deliver(jsonrpcCommand(` ${message}\n`));
      const { request } = await channel.nthCall(0);
      assert.equal(request.text, message);
      assert.deepEqual(request.message, JSON.parse(message));
      assert.equal(request.method, "m");
      await controlPlane.responseTo("req-1");
    });
  });
}

for (const asBytes of [false, true]) {
  Deno.test(`command: the answer reaches the control plane byte for byte, as ${asBytes ? "bytes" : "text"} [P-129, P-193]`, async () => {
    const answers = [
      '{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890123456,"f":1.00,"a":1,"a":2}}',
      '{ "result" : {"s":"\\u00e9é\\ud83d\\ude00😀","x":1E400},\n"jsonrpc":"2.0",\t"id":1, "future" : [ ] }',
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"m","data":{"n":1.10},"more":0}}',
      `{"jsonrpc":"2.0","id":1,"result":{"text":"${"é".repeat(200_000)}"}}`,
    ];
    let next = 0;
    const channel = channelThat((call) => {
      const text = answers[next++]!;
      call.end(answerText(asBytes ? encoder.encode(text) : text));
    });
    await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
      for (const [index, text] of answers.entries()) {
        controlPlane.deliver(callCommand(1, { requestId: `req-${index}` }));
        const { request } = await controlPlane.responseTo(`req-${index}`);
        assert(request.bodyText.includes(`,"resp_json":${text},"resp_headers":`), text.slice(0, 100));
      }
    });
  });
}

Deno.test("command: a notification is acknowledged with the target's status, without a payload [P-127, section 12]", async () => {
  const headers: HeaderPairs = [["mcp-session-id", "s-1"], ["content-type", "text/plain"], ["x-other", "x"]];
  const channel = new ScriptedChannel({
    onNotify: (one) => one.end({ type: "accepted", status: 202, headers }),
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline, log }) => {
    controlPlane.deliver(notificationCommand());
    const { request } = await controlPlane.responseTo("req-notification");
    assert.equal(
      request.bodyText,
      '{"request_id":"req-notification","channel":"main","resp_headers":{"Mcp-Session-Id":["s-1"],' +
        '"Content-Type":["text/plain"]},"resp_code":202,"resp_type":"notify_ack"}',
    );
    const end = await timeline.end("req-notification");
    assert.deepEqual([end.outcome, end.kind, end.method], [
      "acknowledged",
      "notification",
      "notifications/initialized",
    ]);
    assert.equal(log.one("notification acknowledged").level, "info");
  });
});

Deno.test("command: a connector's answer to a request of the target is handed on and acknowledged [P-92]", async () => {
  const channel = new ScriptedChannel();
  const message = '{"jsonrpc":"2.0", "id":"srv-1","result":{"roots":[]}}';
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline }) => {
    controlPlane.deliver(jsonrpcCommand(message));
    const { body } = await controlPlane.responseTo("req-1");
    assert.deepEqual([body.resp_type, body.resp_code], ["notify_ack", 202]);
    assert.equal(channel.notifications[0]!.request.text, message);
    assert.equal(channel.calls.length, 0);
    const end = await timeline.end("req-1");
    assert.deepEqual([end.kind, end.method], ["response", undefined]);
  });
});

Deno.test("command: headers reach the channel as polled, and are not mutated [P-65, P-111]", async () => {
  const headers = { "X-A": ["1", "2"], "mcp-session-id": ["s"], Accept: ["text/event-stream"] };
  const channel = new ScriptedChannel({ onCall: answering });
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1, { headers }));
    await controlPlane.responseTo("req-1");
    assert.deepEqual(channel.calls[0]!.request.headers, headers);
  });
});

Deno.test("command: notifications of the target go up one by one, in order, before the answer [P-99]", async () => {
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      call.observer!.sent();
      const head = {
        status: 200,
        headers: [["content-type", "text/event-stream"], ["mcp-session-id", "s"]] as const,
      };
      for (
        const text of [
          '{"jsonrpc":"2.0","method":"n","params":{"p":1.0}}',
          ' {"method":"n", "jsonrpc":"2.0"}',
        ]
      ) {
        await call.observer!.notification(text, head);
      }
      await call.observer!.notification(encoder.encode('{"jsonrpc":"2.0","method":"b"}'), {
        status: 202,
        headers: [],
      });
      call.end(answer(call, {}, head.headers));
    },
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    const bodies = controlPlane.posts.map((post) => post.request.bodyText);
    const event =
      '"resp_headers":{"Content-Type":["text/event-stream"],"Mcp-Session-Id":["s"]},"resp_code":200';
    assert.deepEqual(bodies.slice(0, 3), [
      `{"request_id":"req-1","channel":"main","resp_json":{"jsonrpc":"2.0","method":"n","params":{"p":1.0}},${event},"resp_type":"jsonrpc_notify"}`,
      `{"request_id":"req-1","channel":"main","resp_json": {"method":"n", "jsonrpc":"2.0"},${event},"resp_type":"jsonrpc_notify"}`,
      '{"request_id":"req-1","channel":"main","resp_json":{"jsonrpc":"2.0","method":"b"},' +
      '"resp_headers":{"Content-Type":["text/event-stream"]},"resp_code":202,"resp_type":"jsonrpc_notify"}',
    ]);
    assert.equal(controlPlane.posts[3]!.body.resp_type, "jsonrpc_response");
    assert.deepEqual(controlPlane.posts[3]!.body.resp_headers?.["Content-Type"], ["text/event-stream"]);
    for (const post of controlPlane.posts) assert.equal(post.shardToken, "shard of req-1");
  });
});

Deno.test("command: the next notification is not read before the one before has been posted [P-99]", async () => {
  const release = Promise.withResolvers<void>();
  let read = 0;
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      for (; read < 3; read++) {
        await call.observer!.notification('{"jsonrpc":"2.0","method":"n"}', { status: 200, headers: [] });
      }
      call.end(answer(call));
    },
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.onPost = async (_, index) => {
      if (index === 0) await release.promise;
      return { status: 200 };
    };
    controlPlane.deliver(callCommand(1));
    await controlPlane.nthPost(0);
    assert.equal(read, 0);
    release.resolve();
    await controlPlane.responseTo("req-1");
    assert.equal(controlPlane.posts.length, 4);
  });
});

Deno.test("command: after a failed notification later ones are left out, and the answer is still delivered [P-100]", async () => {
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      for (let index = 0; index < 5; index++) {
        await call.observer!.notification(`{"jsonrpc":"2.0","method":"n${index}"}`, {
          status: 200,
          headers: [],
        });
      }
      call.end(answer(call));
    },
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline, log }) => {
    controlPlane.onPost = (post, index) =>
      post.body.resp_type === "jsonrpc_notify" && index === 1 ? { status: 500 } : undefined;
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    assert.deepEqual(controlPlane.posts.map((post) => post.body.resp_json?.method ?? "answer"), [
      "n0",
      "n1",
      "answer",
    ]);
    assert.equal((await timeline.end("req-1")).outcome, "answered");
    assert.equal(log.all("notification not delivered; later ones of this call are left out").length, 1);
  });
});

const SERVER_REQUEST = '{"jsonrpc":"2.0","id":"srv-1","method":"roots/list", "x":1.0}';

for (
  const [features, carried] of [["server-requests", true], ["poll-release", false], [
    undefined,
    false,
  ]] as const
) {
  Deno.test(`command: a request of the target ${carried ? "travels" : "does not travel"} where the control plane announces ${features} [P-104, A-44]`, async () => {
    const told: unknown[] = [];
    const channel = new ScriptedChannel({
      onCall: async (call) => {
        call.observer!.sent();
        told.push(await call.observer!.serverRequest!(SERVER_REQUEST, { status: 200, headers: [] }));
        call.end(answer(call));
      },
    });
    await withAgent({ channels: [channel], features }, async ({ controlPlane, log }) => {
      await log.nth("tunnel metadata fetched");
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
      assert.deepEqual(told, [carried]);
      const [event] = controlPlane.posts.filter(({ body }) => body.resp_type === "jsonrpc_notify");
      assert.equal(event !== undefined, carried);
      if (event) {
        assert(event.request.bodyText.includes(`"resp_json":${SERVER_REQUEST},`));
        assert.equal(event.shardToken, "shard of req-1");
      }
    });
  });
}

Deno.test("command: a request of the target that cannot be delivered is left to the channel to answer [P-104]", async () => {
  const told: unknown[] = [];
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      told.push(await call.observer!.serverRequest!(SERVER_REQUEST, { status: 200, headers: [] }));
      call.end(answer(call));
    },
  });
  await withAgent(
    { channels: [channel], features: "server-requests" },
    async ({ controlPlane, log, timeline }) => {
      await log.nth("tunnel metadata fetched");
      controlPlane.onPost = ({ body }) => body.resp_type === "jsonrpc_notify" ? { status: 500 } : undefined;
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
      controlPlane.deliver(callCommand(2, { shardToken: "no\nheader" }));
      assert.equal((await timeline.end("req-2")).outcome, "undeliverable");
      assert.deepEqual(told, [false, false]);
      assert.equal(log.all("request of the target not delivered").length, 2);
    },
  );
});

Deno.test("command: a preserved error keeps body, status and the content-type rule [P-116, P-117]", async () => {
  const text = '{"jsonrpc":"2.0","id":1,"error":{"code":-32003,"message":"m","data":{"x":1.0},"y":2},"z":3}';
  const channel = channelThat((call) =>
    call.end({
      type: "preserved",
      status: 403,
      headers: [["content-type", "text/plain"], ["www-authenticate", "Bearer a"], [
        "WWW-Authenticate",
        "Basic b",
      ]],
      text,
      errorCode: -32003,
      targetElapsedMs: 1,
    })
  );
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline, log }) => {
    controlPlane.deliver(callCommand(1));
    const { request, body } = await controlPlane.responseTo("req-1");
    assert(request.bodyText.includes(`"resp_json":${text},`));
    assert.deepEqual([body.resp_code, body.resp_type], [403, "jsonrpc_response"]);
    assert.deepEqual(body.resp_headers, {
      "Content-Type": ["application/json"],
      "Www-Authenticate": ["Bearer a", "Basic b"],
    });
    const end = await timeline.end("req-1");
    assert.deepEqual([end.outcome, end.statusCode], ["answered", 403]);
    assert.equal(log.one("response delivered").fields.rpc_error_code, -32003);
  });
});

Deno.test("command: a JSON-RPC error in a 2xx answer is an ordinary answer, and its words stay out of the log [P-119, P-120]", async () => {
  const text = `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"${SECRET}","data":"${SECRET}"}}`;
  const channel = channelThat((call) =>
    call.end({
      type: "response",
      status: 200,
      headers: JSON_HEADERS,
      text,
      errorCode: -32601,
      targetElapsedMs: 1,
    })
  );
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline }) => {
    controlPlane.deliver(callCommand(1));
    const { request } = await controlPlane.responseTo("req-1");
    assert(request.bodyText.includes(`"resp_json":${text},`));
    assert.equal((await timeline.end("req-1")).outcome, "answered");
  });
});

interface FailureCase {
  readonly situation: string;
  readonly failure: Partial<ChannelFailure>;
  readonly respCode: number;
  readonly message: string;
  readonly tunnelFailure: Record<string, unknown>;
  readonly contentType: string;
}

const told = (source: string, kind: string, status?: number) => ({
  version: 1,
  source,
  transport_error_kind: kind,
  upstream_response_received: status !== undefined,
  ...(status === undefined ? {} : { upstream_status: status }),
});

/** The examples that section 17 pins, and P-93 … P-98. */
const FAILURES: readonly FailureCase[] = [
  {
    situation: "503 text/plain to a call",
    failure: {
      kind: "malformed_json",
      upstreamStatus: 503,
      statusCode: 503,
      headers: [["content-type", "text/plain"]],
    },
    respCode: 503,
    message: "Service Unavailable",
    tunnelFailure: told("target_http", "malformed_json", 503),
    contentType: "application/json",
  },
  {
    situation: "401 without an error object, with a challenge",
    failure: {
      kind: "response_body_missing",
      upstreamStatus: 401,
      statusCode: 401,
      headers: [["www-authenticate", "Bearer"]],
    },
    respCode: 401,
    message: "Unauthorized",
    tunnelFailure: told("target_http", "response_body_missing", 401),
    contentType: "application/json",
  },
  {
    situation: "405",
    failure: { kind: "http_status", upstreamStatus: 405, statusCode: 405 },
    respCode: 405,
    message: "Method Not Allowed",
    tunnelFailure: told("target_http", "http_status", 405),
    contentType: "application/json",
  },
  {
    situation: "an error page that is an event stream",
    failure: {
      kind: "malformed_json",
      upstreamStatus: 500,
      statusCode: 500,
      headers: [["content-type", "text/event-stream"]],
    },
    respCode: 500,
    message: "Internal Server Error",
    tunnelFailure: told("target_http", "malformed_json", 500),
    contentType: "application/json",
  },
  {
    situation: "a redirect",
    failure: { kind: "non_protocol_response", upstreamStatus: 302, statusCode: 302 },
    respCode: 302,
    message: "Found",
    tunnelFailure: told("protocol", "non_protocol_response"),
    contentType: "application/json",
  },
  {
    situation: "a closed pipe",
    failure: { kind: "closed_pipe" },
    respCode: 502,
    message: "Bad Gateway",
    tunnelFailure: told("transport_closed", "closed_pipe"),
    contentType: "application/json",
  },
  {
    situation: "a stream that ends before the answer",
    failure: { kind: "eof", upstreamStatus: 200, headers: [["content-type", "text/event-stream"]] },
    respCode: 502,
    message: "Bad Gateway",
    tunnelFailure: told("transport_closed", "eof"),
    contentType: "text/event-stream",
  },
  {
    situation: "a 2xx answer that is HTML",
    failure: {
      kind: "invalid_protocol_response",
      upstreamStatus: 200,
      headers: [["content-type", "text/html"]],
    },
    respCode: 502,
    message: "Bad Gateway",
    tunnelFailure: told("protocol", "invalid_protocol_response"),
    contentType: "application/json",
  },
  {
    situation: "a refused connection",
    failure: { kind: "connection_refused" },
    respCode: 502,
    message: "Bad Gateway",
    tunnelFailure: told("connect", "connection_refused"),
    contentType: "application/json",
  },
  {
    situation: "an unknown host",
    failure: { kind: "dns" },
    respCode: 502,
    message: "Bad Gateway",
    tunnelFailure: told("dns", "dns"),
    contentType: "application/json",
  },
  {
    situation: "a bad certificate",
    failure: { kind: "tls" },
    respCode: 502,
    message: "Bad Gateway",
    tunnelFailure: told("tls", "tls"),
    contentType: "application/json",
  },
  {
    situation: "a target that took too long",
    failure: { kind: "timeout", statusCode: 504 },
    respCode: 504,
    message: "Gateway Timeout",
    tunnelFailure: told("timeout", "timeout"),
    contentType: "application/json",
  },
  {
    situation: "a cause that nobody knows",
    failure: { kind: "unknown" },
    respCode: 502,
    message: "Bad Gateway",
    tunnelFailure: told("client_internal", "unknown"),
    contentType: "application/json",
  },
];

for (const one of FAILURES) {
  Deno.test(`command: ${one.situation} is answered with a synthesised failure [P-90, P-94, P-95, P-98, P-121 … P-125]`, async () => {
    const channel = channelThat((call) => call.end(failure(one.failure)));
    await withAgent({ channels: [channel] }, async ({ controlPlane, timeline, log }) => {
      controlPlane.deliver(callCommand("rpc-1"));
      const { body } = await controlPlane.responseTo("req-rpc-1");
      assert.deepEqual([body.resp_type, body.resp_code], ["jsonrpc_response", one.respCode]);
      assert.deepEqual(body.resp_json, {
        jsonrpc: "2.0",
        id: "rpc-1",
        error: { code: -32603, message: one.message, data: { tunnel_failure: one.tunnelFailure } },
      });
      assert.deepEqual(body.resp_headers?.["Content-Type"], [one.contentType]);
      const end = await timeline.end("req-rpc-1");
      const { source, transport_error_kind: kind } = one.tunnelFailure;
      assert.deepEqual([end.outcome, end.reason, end.statusCode], [
        "failed_answered",
        `${source}/${kind}`,
        one.respCode,
      ]);
      const record = log.one("downstream MCP failure; answering with an error");
      assert.equal(record.level, "warn");
      assert.deepEqual([record.fields.failure_source, record.fields.transport_error_kind], [source, kind]);
    });
  });

  Deno.test(`command: ${one.situation} on a notification is acknowledged with the same status [P-90, P-93]`, async () => {
    const channel = new ScriptedChannel({
      onNotify: (notification) => notification.end(failure(one.failure)),
    });
    await withAgent({ channels: [channel] }, async ({ controlPlane, timeline }) => {
      controlPlane.deliver(notificationCommand());
      const { body } = await controlPlane.responseTo("req-notification");
      assert.deepEqual([body.resp_type, body.resp_code], ["notify_ack", one.respCode]);
      assert.equal((await timeline.end("req-notification")).outcome, "failed_answered");
    });
  });
}

Deno.test("command: a failure repeats the caller's id as it was received [P-121, P-193]", async () => {
  const channel = channelThat((call) => call.end(failure()));
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.deliver(jsonrpcCommand('{"jsonrpc":"2.0","id":12345678901234567890123456,"method":"m"}'));
    const { request } = await controlPlane.responseTo("req-1");
    assert(
      request.bodyText.includes('"resp_json":{"jsonrpc":"2.0","id":12345678901234567890123456,"error":'),
    );
  });
});

for (const kind of ["call", "notification", "response"] as const) {
  Deno.test(`command: an exception inside a ${kind} is answered, and the worker goes on [P-80]`, async () => {
    const broken = (exchange: { crash(error: unknown): void }) =>
      exchange.crash(new TypeError(`about ${SECRET}`));
    const channel = new ScriptedChannel({ onCall: broken, onNotify: broken });
    await withAgent(
      { channels: [channel], mcp: { maxConcurrentRequests: 1 } },
      async ({ controlPlane, timeline, log }) => {
        const texts = {
          call: callCommand(1),
          notification: notificationCommand({ requestId: "req-1" }),
          response: jsonrpcCommand('{"jsonrpc":"2.0","id":1,"result":{}}'),
        };
        for (let round = 0; round < 3; round++) {
          controlPlane.deliver(texts[kind].replaceAll("req-1", `req-${round}`));
        }
        for (let round = 0; round < 3; round++) {
          const { body } = await controlPlane.responseTo(`req-${round}`);
          assert.equal(body.resp_code, 502);
          assert.equal(body.resp_type, kind === "call" ? "jsonrpc_response" : "notify_ack");
          const end = await timeline.end(`req-${round}`);
          assert.deepEqual([end.outcome, end.reason], ["failed_answered", "client_internal/unknown"]);
        }
        const internal = log.all("internal error while running a command");
        assert.equal(internal.length, 3);
        assert.match(String(internal[0]!.fields.error), /^unexpected TypeError at /);
      },
    );
  });
}

Deno.test("command: a channel that throws something odd, or throws at once, is no different [P-80]", async () => {
  const odd: unknown[] = [undefined, null, SECRET, { code: SECRET }];
  const channel = channelThat((call) => {
    if (call.request.message.id === "sync") throw new Error(SECRET);
    call.crash(odd[Number(call.request.message.id)]);
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.deliver(...odd.map((_, index) => callCommand(index)), callCommand("sync"));
    for (const id of [...odd.keys(), "sync"]) {
      assert.equal((await controlPlane.responseTo(`req-${id}`)).body.resp_code, 502);
    }
  });
});

Deno.test("command: a channel that reports notifications after its answer changes nothing", async () => {
  const late = Promise.withResolvers<void>();
  const channel = new ScriptedChannel({
    onCall: (call) => {
      call.end(answer(call));
      if (call.request.message.id !== 1) return;
      late.promise.then(async () => {
        await call.observer!.notification('{"jsonrpc":"2.0","method":"late"}', { status: 200, headers: [] });
        call.observer!.sent();
      });
    },
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane, timeline }) => {
    controlPlane.onPost = (_, index) => {
      if (index === 0) late.resolve();
      return undefined;
    };
    controlPlane.deliver(callCommand(1));
    await timeline.end("req-1");
    controlPlane.deliver(callCommand(2));
    await timeline.end("req-2");
    assert.deepEqual(controlPlane.posts.map((post) => post.body.resp_type), [
      "jsonrpc_response",
      "jsonrpc_response",
    ]);
  });
});

Deno.test("command: a session that a response opens is continued by later commands [P-88, P-182]", async () => {
  const channel = channelThat((call) =>
    call.end(answer(call, {}, [...JSON_HEADERS, ["mcp-session-id", "session-9"]]))
  );
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.script([
      { commands: [callCommand(1, { method: "initialize" })] },
      {
        commands:
          () => [notificationCommand({ headers: { "Mcp-Session-Id": [controlPlane.sessionId ?? ""] } })],
      },
      { commands: () => [callCommand(2, { headers: { "Mcp-Session-Id": [controlPlane.sessionId ?? ""] } })] },
    ]);
    await controlPlane.responseTo("req-2");
    assert.deepEqual(channel.notifications[0]!.request.headers, { "Mcp-Session-Id": ["session-9"] });
    assert.deepEqual(channel.calls[1]!.request.headers, { "Mcp-Session-Id": ["session-9"] });
    assert.deepEqual(controlPlane.posts.map((post) => post.body.request_id), [
      "req-1",
      "req-notification",
      "req-2",
    ]);
  });
});

Deno.test("command: an answer of 20 MB arrives whole", async () => {
  const blob = "x".repeat(20_000_000);
  const text = encoder.encode(`{"jsonrpc":"2.0","id":1,"result":{"blob":"${blob}"}}`);
  const channel = channelThat((call) => call.end(answerText(text)));
  await withAgent({ channels: [channel] }, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1));
    const { body } = await controlPlane.responseTo("req-1");
    assert((body.resp_json?.result as { blob: string }).blob === blob);
  });
});
