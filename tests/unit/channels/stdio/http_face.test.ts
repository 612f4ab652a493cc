import assert from "node:assert/strict";
import type { CallResult, ChannelCall, HeaderMap } from "../../../../src/channels/channel.ts";
import { HttpFace } from "../../../../src/channels/stdio/http_face.ts";
import { callOf, NEVER, open, requestOf, textOf } from "../../../support/stdio_harness.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const META = { [VERSION]: "2026-07-28", [CAPABILITIES]: {} };

interface Asked {
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly headers?: HeaderMap;
  readonly headersComplete?: boolean;
}

/** A call whose headers repeat its body, but for what is asked otherwise. */
function asked(
  { method = "tools/call", params = { name: "add" }, headers = {}, headersComplete }: Asked,
): ChannelCall {
  const call = callOf(method, { _meta: META, ...params }, 7);
  const own = {
    "mcp-protocol-version": ["2026-07-28"],
    "mcp-method": [method],
    ...(typeof params.name === "string" ? { "mcp-name": [params.name] } : {}),
  };
  return { ...call, headers: { ...own, ...headers }, headersComplete };
}

function failure(code: number): CallResult {
  const text = `{"jsonrpc":"2.0","id":7,"error":{"code":${code},"message":"m"}}`;
  return { type: "response", status: 200, headers: [], text, errorCode: code, targetElapsedMs: 1 };
}

/** The message of the refusal, or "agrees". */
function refusalOf(face: HttpFace, call: ChannelCall): string {
  const refusal = face.refusalOf(call);
  if (refusal === undefined) return "agrees";
  if (refusal.type === "failure") assert.fail("a failure");
  const { id, error } = JSON.parse(textOf(refusal.text));
  assert.deepEqual([refusal.status, refusal.errorCode, error.code, id], [400, -32020, -32020, 7]);
  return error.message;
}

const unspoken: readonly (readonly [string, Pick<ChannelCall, "headers" | "headersComplete">, unknown?])[] = [
  ["no headers", { headers: {} }],
  ["headers of 2025-11-25", { headers: { "Mcp-Protocol-Version": ["2025-11-25"] } }, {}],
  ["headers of 2025-11-25 that are vouched for", {
    headersComplete: true,
    headers: { "Mcp-Protocol-Version": ["2025-11-25"], "Mcp-Method": ["x"] },
  }, {}],
  ["no header and no revision in its body, vouched for", { headers: {}, headersComplete: true }, {}],
  ["its version alone, as of a control plane that leaves newer headers out", {
    headers: { "Mcp-Protocol-Version": ["2026-07-28"] },
  }],
];
for (const [what, request, params] of unspoken) {
  Deno.test(`a request with ${what} has no HTTP face: everything stays as published [ST-16]`, () => {
    const call = { ...callOf("tools/call", params ?? { _meta: META, name: "x" }, 1), ...request };
    assert.equal(new HttpFace().speaks(call), false);
  });
}

const spoken: readonly (readonly [string, Asked])[] = [
  ["the headers of 2026-07-28", {}],
  ["another spelling of the names", {
    headers: { "mcp-protocol-version": [], "MCP-Protocol-Version": ["2026-07-28"] },
  }],
  ["a newer revision", { headers: { "mcp-protocol-version": ["2027-01-01"] } }],
  ["an unknown revision in headers and body", {
    params: { _meta: { [VERSION]: "v999" } },
    headers: { "mcp-protocol-version": ["v999"] },
  }],
  ["an old revision in the header and a new one in the body", {
    headers: { "mcp-protocol-version": ["2025-11-25"] },
  }],
  ["a new revision in the body alone, vouched for", {
    headers: { "mcp-protocol-version": [], "mcp-method": [] },
    headersComplete: true,
  }],
];
for (const [what, call] of spoken) {
  Deno.test(`a request with ${what} has an HTTP face`, () => {
    assert.equal(new HttpFace().speaks(asked(call)), true);
  });
}

const judged: readonly (readonly [Asked, RegExp])[] = [
  [{}, /^agrees$/],
  [{ headers: { "mcp-name": [" \tadd "] } }, /^agrees$/],
  [{ headers: { "mcp-name": ["=?base64?YWRk?="] } }, /^agrees$/],
  [{ params: { name: " ö\n" }, headers: { "mcp-name": ["=?base64?IMO2Cg==?="] } }, /^agrees$/],
  [{ params: { name: "=?base64?YWRk" }, headers: { "mcp-name": ["=?base64?YWRk"] } }, /^agrees$/],
  [{ params: { name: "=?BASE64?YWRk?=" }, headers: { "mcp-name": ["=?BASE64?YWRk?="] } }, /^agrees$/],
  [{ params: { name: 5 }, headers: { "mcp-name": ["five"] } }, /^agrees$/],
  [{ method: "resources/read", params: { uri: "a:b" }, headers: { "mcp-name": ["a:b"] } }, /^agrees$/],
  [{ method: "tools/list", params: {}, headers: { "mcp-name": ["anything"] } }, /^agrees$/],
  [{ params: { _meta: {}, name: "add" } }, /^agrees$/],
  [{ headers: { "mcp-name": ["Add"] } }, /Mcp-Name.*params\.name/],
  [{ headers: { "mcp-name": ["add", "add"] } }, /Mcp-Name/],
  [{ headers: { "mcp-name": ["=?base64?YWR?="] } }, /Mcp-Name header is malformed/],
  [{ headers: { "mcp-name": ["=?base64?YW!k?="] } }, /Mcp-Name header is malformed/],
  [{ headers: { "mcp-name": ["=?base64?/w==?="] } }, /Mcp-Name header is malformed/],
  [{ params: { name: "ö" }, headers: { "mcp-name": ["ö"] } }, /Mcp-Name header is malformed/],
  [{ method: "resources/read", params: { uri: "a:b" }, headers: { "mcp-name": ["a:c"] } }, /params\.uri/],
  [{ method: "tasks/get", params: { taskId: "1" }, headers: { "mcp-name": ["2"] } }, /params\.taskId/],
  [{ headers: { "mcp-method": ["TOOLS/CALL"] } }, /Mcp-Method header does not match/],
  [{ headers: { "mcp-protocol-version": ["2026-07-29"] } }, /MCP-Protocol-Version header does not match/],
  // What is missing was perhaps only not forwarded.
  [{ headers: { "mcp-name": [] } }, /^agrees$/],
  [{ headers: { "mcp-name": [] }, headersComplete: true }, /Mcp-Name header is missing/],
  [{ headers: { "mcp-method": [] }, headersComplete: true }, /Mcp-Method header is missing/],
  [
    { headers: { "mcp-protocol-version": [] }, headersComplete: true },
    /MCP-Protocol-Version header is missing/,
  ],
  [{ params: {}, headersComplete: true }, /^agrees$/],
];
for (const [call, verdict] of judged) {
  Deno.test(`a call with its own headers but for ${JSON.stringify(call)}: ${verdict.source}`, () => {
    assert.match(refusalOf(new HttpFace(), asked(call)), verdict);
  });
}

const statuses: readonly (readonly [number, number, Asked])[] = [
  [-32020, 400, {}],
  [-32021, 400, {}],
  [-32022, 400, {}],
  [-32601, 404, { method: "ping", params: {} }],
  [-32601, 200, { method: "server/discover", params: {} }],
  [-32602, 200, {}],
  [-32602, 400, { params: { _meta: undefined } }],
  [-32602, 400, { params: { _meta: { [CAPABILITIES]: {} } } }],
  [-32602, 400, { params: { _meta: { [VERSION]: "2026-07-28" } } }],
  [-32602, 400, { params: { _meta: { ...META, [CAPABILITIES]: [] } } }],
  [-32602, 400, { params: { _meta: { ...META, "io.modelcontextprotocol/clientInfo": { name: "x" } } } }],
  [-32602, 400, { params: { _meta: { ...META, "io.modelcontextprotocol/logLevel": "loud" } } }],
  [-32602, 400, { params: { _meta: { ...META, progressToken: {} } } }],
  [-32602, 200, {
    params: {
      _meta: {
        ...META,
        progressToken: 1,
        "io.modelcontextprotocol/logLevel": "info",
        "io.modelcontextprotocol/clientInfo": { name: "x", version: "1" },
      },
    },
  }],
  [-32603, 200, {}],
  [-32000, 200, {}],
  [-32002, 200, {}],
];
for (const [code, status, call] of statuses) {
  Deno.test(`error ${code} for ${JSON.stringify(call)} has the status ${status}`, () => {
    const dressed = new HttpFace().dress(asked(call), failure(code));
    assert.equal(dressed.type === "failure" ? 0 : dressed.status, status);
    assert.equal(dressed.type, status === 200 ? "response" : "preserved");
  });
}

function listed(tools: unknown, nextCursor?: string): CallResult {
  const text = JSON.stringify({ jsonrpc: "2.0", id: 7, result: { tools, nextCursor } });
  return { type: "response", status: 200, headers: [], text, errorCode: undefined, targetElapsedMs: 1 };
}

const SCHEMA = {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    deep: { type: "object", properties: { count: { type: "integer", "x-mcp-header": "Count" } } },
    on: { type: "boolean", "x-mcp-header": "On" },
    list: { type: "array", items: { properties: { no: { type: "string", "x-mcp-header": "No" } } } },
  },
};

const params: readonly (readonly [Record<string, unknown>, HeaderMap, RegExp])[] = [
  [{}, {}, /^agrees$/],
  [{ region: null }, {}, /^agrees$/],
  [{}, { "mcp-param-region": ["anything"] }, /^agrees$/],
  [{ region: "us", deep: { count: 42 }, on: true }, {
    "Mcp-Param-Region": ["us"],
    "Mcp-Param-Count": ["42.0"],
    "Mcp-Param-On": ["true"],
  }, /^agrees$/],
  [{ list: [{ no: "x" }] }, {}, /^agrees$/],
  [{ region: "Hello, 世界" }, { "mcp-param-region": ["=?base64?SGVsbG8sIOS4lueVjA==?="] }, /^agrees$/],
  [{ region: "us" }, {}, /mcp-param-region header is missing/],
  [{ region: "us" }, { "mcp-param-region": ["eu"] }, /mcp-param-region header does not match/],
  [{ region: "us" }, { "mcp-param-region": ["=?base64?dXM?="] }, /mcp-param-region header is malformed/],
  [{ deep: { count: 42 } }, { "mcp-param-count": ["43"] }, /mcp-param-count header does not match/],
  [{ on: true }, { "mcp-param-on": ["True"] }, /mcp-param-on header does not match/],
];
for (const [args, headers, verdict] of params) {
  Deno.test(`arguments ${JSON.stringify(args)} with headers ${JSON.stringify(headers)}: ${verdict.source}`, () => {
    const face = new HttpFace();
    const call = asked({ params: { name: "add", arguments: args }, headers, headersComplete: true });
    assert.equal(refusalOf(face, call), "agrees", "nothing is known of the tool yet");
    const list = asked({ method: "tools/list", params: {} });
    face.dress(list, listed([{ name: "add", inputSchema: SCHEMA }, { name: "other" }, null]));
    assert.match(refusalOf(face, call), verdict);
  });
}

Deno.test("what a list of tools says of a tool counts until another list says otherwise", () => {
  const face = new HttpFace();
  const call = (name: string) =>
    asked({ params: { name, arguments: { region: "us" } }, headers: { "mcp-param-region": ["eu"] } });
  const verdicts = () => ["a", "b"].map((name) => face.refusalOf(call(name)) !== undefined);
  const list = (cursor?: string) => asked({ method: "tools/list", params: { cursor } });
  face.dress(list(), listed([{ name: "a", inputSchema: SCHEMA }], "next"));
  face.dress(list("next"), listed([{ name: "b", inputSchema: SCHEMA }]));
  assert.deepEqual(verdicts(), [true, true]);
  face.dress(list(), listed([{ name: "a", inputSchema: {} }], "next"));
  assert.deepEqual(verdicts(), [false, true]);
  face.dress(list(), listed([{ name: "c" }]));
  assert.deepEqual(verdicts(), [false, false]);
});

Deno.test("the channel is the HTTP server: refused is what does not match, and statuses are HTTP's", async () => {
  await using opened = await open();
  const observer = { sent: () => undefined, notification: () => Promise.resolve() };
  const statusOf = async (call: ChannelCall) => {
    const result = await opened.channel.call(call, observer, NEVER);
    return result.type === "failure" ? 0 : result.status;
  };
  const raise = (code: number) => asked({ method: "raise", params: { code } });
  assert.deepEqual(
    [await statusOf(raise(-32021)), await statusOf(raise(-32601)), await statusOf(raise(-32602))],
    [400, 404, 200],
  );
  assert.equal(await statusOf({ ...raise(-32601), headers: {} }), 200);
  assert.equal(await statusOf(asked({ headers: { "mcp-method": ["x"] } })), 400);
  assert.equal(await statusOf(asked({})), 200);
  const notification = (headers: HeaderMap) => ({
    ...requestOf({ jsonrpc: "2.0", method: "notifications/x", params: { _meta: META } }),
    headers,
  });
  const version = { "mcp-protocol-version": ["2026-07-28"] };
  const ends = [];
  for (
    const headers of [{}, { ...version, "mcp-method": ["notifications/x"] }, {
      ...version,
      "mcp-method": ["y"],
    }]
  ) {
    const end = await opened.channel.notify(notification(headers), NEVER);
    ends.push(end.type === "accepted" ? end.status : 0);
  }
  assert.deepEqual(ends, [200, 202, 400]);
  const lines = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line).method);
  assert.deepEqual(lines, [
    "raise",
    "raise",
    "raise",
    "raise",
    "tools/call",
    "notifications/x",
    "notifications/x",
  ]);
});

Deno.test("a list of tools that passes by is learned from, large or small", async () => {
  await using opened = await open();
  const observer = { sent: () => undefined, notification: () => Promise.resolve() };
  for (const pad of ["", "x".repeat(100_000)]) {
    const answer = { tools: [{ name: "add", description: pad, inputSchema: SCHEMA }] };
    await opened.channel.call(asked({ method: "tools/list", params: { answer } }), observer, NEVER);
    const call = asked({
      params: { name: "add", arguments: { region: "us" } },
      headers: { "mcp-param-region": ["eu"] },
    });
    const result = await opened.channel.call(call, observer, NEVER);
    assert.equal(result.type === "failure" ? 0 : result.status, 400);
    const none = asked({ method: "tools/list", params: { answer: { tools: [] } } });
    await opened.channel.call(none, observer, NEVER);
    const again = await opened.channel.call(call, observer, NEVER);
    assert.equal(again.type === "failure" ? 0 : again.status, 200);
  }
});
