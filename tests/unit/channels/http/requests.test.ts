import assert from "node:assert/strict";
import { createHttpChannel, type HeaderMap } from "../../../../src/channels/mod.ts";
import { createTargetClient } from "../../../../src/net/mod.ts";
import { recordingLog } from "../../../support/channels_log.ts";
import { startTarget, type TargetHandler } from "../../../support/channels_target.ts";
import { answer, callFrom, notification, toolCall, withTarget } from "../../../support/channels_run.ts";

const answering: TargetHandler = (request, reply) => {
  const message = request.body === "" ? undefined : request.json();
  return message?.id === undefined ? reply.respond(202, []) : reply.json(200, answer(message.id));
};

Deno.test("createHttpChannel() sends one POST with the received text, byte for byte [HT-1, P-64, P-88, P-193]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    const text =
      `{ "jsonrpc":"2.0",\t"id":7, "method":"tools/call", "x":1, "x":2, "params":{"n":12345678901234567890123456,"s":"\\u00e9é"} }`;
    await channel.call(callFrom(text), observer, signal);
    assert.equal(target.requests.length, 1);
    assert.equal(target.requests[0]!.method, "POST");
    assert.equal(target.requests[0]!.body, text);
  });
});

Deno.test("createHttpChannel() keeps the configured path and query as they are written [HT-1]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    await channel.call(toolCall(), observer, signal);
    assert.equal(target.requests[0]!.path, "/a%2Fb/mcp?key=a%20b&x=1");
  }, { path: "/a%2Fb/mcp?key=a%20b&x=1" });
});

Deno.test("createHttpChannel() sends the base headers and no session of its own [HT-2, P-88]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    await channel.call(toolCall(), observer, signal);
    const [request] = target.requests;
    assert.deepEqual(request!.values("content-type"), ["application/json"]);
    assert.deepEqual(request!.values("accept"), ["application/json, text/event-stream"]);
    for (const name of ["mcp-session-id", "mcp-protocol-version", "authorization", "last-event-id"]) {
      assert.deepEqual(request!.values(name), [], name);
    }
  });
});

Deno.test("createHttpChannel() layers base < static < forwarded, whole value lists at a time [HT-3, HD-13, P-111]", async () => {
  const extraHeaders = [
    ["Authorization", "Bearer static"],
    ["X-Static", "s1"],
    ["X-Both", "static"],
    ["Accept", "text/event-stream"],
  ] as const;
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    const headers = {
      "authorization": ["Bearer connector"],
      "X-BOTH": ["f1", "f2"],
      "Content-Type": ["application/json"],
    };
    await channel.call(toolCall(1, headers), observer, signal);
    const [request] = target.requests;
    assert.deepEqual(request!.values("authorization"), ["Bearer connector"]);
    assert.deepEqual(request!.values("x-static"), ["s1"]);
    assert.deepEqual(request!.values("x-both"), ["f1", "f2"]);
    assert.deepEqual(request!.values("accept"), ["text/event-stream"]);
    assert.deepEqual(request!.values("content-type"), ["application/json"]);
  }, { extraHeaders });
});

Deno.test("createHttpChannel() uses the default Accept when the connector's is absent or empty [LC-2]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    const cases: HeaderMap[] = [{}, { Accept: [] }, { accept: [""] }, { ACCEPT: ["", " "] }];
    for (const headers of cases) {
      await channel.call(toolCall(1, headers), observer, signal);
      assert.deepEqual(target.requests.at(-1)!.values("accept"), ["application/json, text/event-stream"]);
    }
    await channel.call(toolCall(1, { accept: ["application/json"] }), observer, signal);
    assert.deepEqual(target.requests.at(-1)!.values("accept"), ["application/json"]);
  });
});

Deno.test("createHttpChannel() forwards custom and 2026-07-28 headers, repeated values as repeated fields [HD-1, P-65]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    const headers = {
      "Mcp-Method": ["tools/call"],
      "Mcp-Name": ["echo"],
      "Mcp-Param-City": ["=?base64?w6k=?="],
      "MCP-Protocol-Version": ["2026-07-28"],
      "mcp-session-id": ["abc"],
      "X-Request-Id": ["r1"],
      "X-Multi": ["a", "b, c"],
      "X-Openai-Session": ["o"],
      "X-Unicode": ["é😀"],
    };
    const call = Object.freeze(toolCall(1, Object.freeze(headers)));
    await channel.call(call, observer, signal);
    const [request] = target.requests;
    for (const [name, values] of Object.entries(headers)) {
      assert.deepEqual(request!.values(name.toLowerCase()), values, name);
    }
  });
});

Deno.test("createHttpChannel() drops hop-by-hop, nominated and framing fields of the connector [HD-3, HT-5, HT-6]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    const headers = {
      "Host": ["evil.example"],
      "Content-Length": ["1"],
      "Transfer-Encoding": ["chunked"],
      "Trailer": ["X-T"],
      "TE": ["trailers"],
      "Accept-Encoding": ["br"],
      "Upgrade": ["h2c"],
      "Keep-Alive": ["timeout=1"],
      "Proxy-Authorization": ["Basic x"],
      "CONNECTION": ["x-nominated, X-Also "],
      "connection": ["keep-alive"],
      "X-Nominated": ["1"],
      "x-also": ["2"],
      "X-Kept": ["3"],
    };
    await channel.call(toolCall(1, headers), observer, signal);
    const [request] = target.requests;
    assert.deepEqual(request!.values("host"), [new URL(target.url).host]);
    assert.deepEqual(request!.values("content-length"), [String(request!.body.length)]);
    for (
      const name of [
        "transfer-encoding",
        "trailer",
        "te",
        "upgrade",
        "proxy-authorization",
        "x-nominated",
        "x-also",
      ]
    ) {
      assert.deepEqual(request!.values(name), [], name);
    }
    assert.ok(!request!.values("accept-encoding").includes("br"));
    assert.ok(!request!.values("connection").some((value) => value.includes("nominated")));
    assert.deepEqual(request!.values("x-kept"), ["3"]);
  });
});

Deno.test("createHttpChannel() fails a call whose header cannot be written, and sends nothing [HD-1]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    const cases: HeaderMap[] = [{ "X-Bad": ["a\r\nInjected: 1"] }, { "bad name": ["x"] }, { "": ["x"] }];
    for (const headers of cases) {
      const result = await channel.call(toolCall(1, headers), observer, signal);
      assert.equal(result.type, "failure");
      assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus], ["unknown", 502, 0]);
      assert.ok(!result.detail.includes("Injected"));
    }
    assert.equal(target.requests.length, 0);
    assert.equal(observer.sentCount, 0);
    assert.equal(channel.health().state, "ready");
  });
});

Deno.test("createHttpChannel() turns userinfo of the URL into Basic authorization that others override [HT-5]", async () => {
  await using target = startTarget(answering);
  const url = target.url.replace("http://", "http://us%40er:p%C3%A9@");
  const options = { name: "main", url, extraHeaders: [], discoveryExtraHeaders: [] };
  const channel = createHttpChannel(options, createTargetClient(), recordingLog());
  const { signal } = new AbortController();
  await channel.notify(notification(), signal);
  await channel.notify(notification({ Authorization: ["Bearer connector"] }), signal);
  const basic = `Basic ${btoa("us@er:p\u00c3\u00a9")}`;
  assert.deepEqual(target.requests.map((request) => request.values("authorization")), [[basic], [
    "Bearer connector",
  ]]);
  await channel.stop(0);
});

Deno.test("createHttpChannel() sends static headers, and warns of those that belong to the connection [HT-5, HD-9]", async () => {
  const extraHeaders = [["Host", "static.example"], ["Content-Length", "3"], [
    "X-Key",
    "secret-value",
  ]] as const;
  await withTarget(answering, async ({ target, channel, log, signal }) => {
    await channel.notify(notification(), signal);
    assert.deepEqual(target.requests[0]!.values("host"), [new URL(target.url).host]);
    assert.deepEqual(target.requests[0]!.values("x-key"), ["secret-value"]);
    const [warning] = log.records.filter(({ level }) => level === "warn");
    assert.deepEqual(warning!.fields.ignored, ["Host", "Content-Length"]);
    assert.ok(!JSON.stringify(log.records).includes("secret-value"));
  }, { extraHeaders });
});

Deno.test("createHttpChannel() sends no discovery header with connector traffic [HD-11, HD-12]", async () => {
  await withTarget(answering, async ({ target, channel, observer, signal }) => {
    await channel.call(toolCall(), observer, signal);
    assert.deepEqual(target.requests[0]!.values("x-discovery"), []);
  }, { discoveryExtraHeaders: [["X-Discovery", "1"]] });
});
