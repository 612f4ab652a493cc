import assert from "node:assert/strict";
import { parseAgentResponse } from "../../../src/relay/agent_response.ts";
import { connectorHeaders, rewriteChallenge } from "../../../src/relay/connector_headers.ts";
import { forwardedHeadersJson } from "../../../src/relay/forwarded_headers.ts";
import { HeaderFields } from "../../../src/relay/http1/header_fields.ts";
import { acceptsEventStream } from "../../../src/relay/ingress_route.ts";
import { RelayError } from "../../../src/relay/relay_error.ts";
import { connectorStatus } from "../../../src/relay/reply_status.ts";

Deno.test("parseAgentResponse() cuts resp_json out as it stands, the last one of several [P-193]", () => {
  const parsed = parseAgentResponse(
    '{"resp_json":1,"request_id":"r","resp_json": [ 1.0 , "\\u0022resp_json\\u0022:2" ] ,"resp_code":201}',
  );
  assert.deepEqual(parsed, {
    requestId: "r",
    type: "jsonrpc_response",
    code: 201,
    headers: {},
    json: '[ 1.0 , "\\u0022resp_json\\u0022:2" ]',
    question: undefined,
    withdrawn: undefined,
    channel: undefined,
  });
});

Deno.test("parseAgentResponse() tells what the target asks of the connector, and what it takes back", () => {
  const told = (type: string, event: unknown) => {
    const { question, withdrawn } = parseAgentResponse(
      JSON.stringify({ request_id: "r", resp_type: type, resp_json: event }),
    );
    return [question, withdrawn];
  };
  const ask = { jsonrpc: "2.0", method: "roots/list" };
  const takeBack = { jsonrpc: "2.0", method: "notifications/cancelled" };
  const notify = "jsonrpc_notify";
  assert.deepEqual(told(notify, { ...ask, id: 1 }), ["1", undefined]);
  assert.deepEqual(told(notify, { ...ask, id: "1" }), ['"1"', undefined]);
  assert.deepEqual(told(notify, { ...ask, id: null }), [undefined, undefined]);
  assert.deepEqual(told("jsonrpc_response", { ...ask, id: 1 }), [undefined, undefined]);
  assert.deepEqual(told(notify, { ...takeBack, params: { requestId: "1" } }), [undefined, '"1"']);
  assert.deepEqual(told(notify, { ...takeBack, params: null }), [undefined, undefined]);
  assert.deepEqual(told(notify, takeBack), [undefined, undefined]);
});

Deno.test("parseAgentResponse() takes null for absent where the contract allows it [P-168]", () => {
  const parsed = parseAgentResponse(
    '{"request_id":"r","channel":null,"resp_json":null,"resp_headers":null,"resp_code":202,"resp_type":"notify_ack"}',
  );
  assert.deepEqual([parsed.channel, parsed.json, parsed.headers], [undefined, undefined, {}]);
});

Deno.test("parseAgentResponse() names the member that is wrong", () => {
  assert.throws(() => parseAgentResponse('{"request_id":"r","resp_code":"x"}'), (error: RelayError) => {
    assert.deepEqual([error.status, error.extra.param], [400, "resp_code"]);
    return true;
  });
});

Deno.test("rewriteChallenge() replaces the first resource_metadata, a quoted one before others [P-176]", () => {
  const cases = [
    ['Bearer resource_metadata="http://a/b,c"', 'Bearer resource_metadata="U"'],
    ["Bearer resource_metadata=http://a/b", 'Bearer resource_metadata="U"'],
    ["Bearer resource_metadata=http://a/b, x=1", 'Bearer resource_metadata="U", x=1'],
    ["Bearer resource_metadata=http://a/b x=1", 'Bearer resource_metadata="U" x=1'],
    [
      'Bearer RESOURCE_METADATA = "a", resource_metadata="b"',
      'Bearer resource_metadata="U", resource_metadata="b"',
    ],
    [
      'Bearer resource_metadata=a, resource_metadata="b"',
      'Bearer resource_metadata=a, resource_metadata="U"',
    ],
    ['Bearer x_resource_metadata="a"', 'Bearer x_resource_metadata="a"'],
    ['Bearer realm="$1 $&", error="x"', 'Bearer realm="$1 $&", error="x"'],
  ] as const;
  for (const [value, wanted] of cases) assert.equal(rewriteChallenge(value, "U"), wanted);
  assert.equal(rewriteChallenge("Bearer resource_metadata=a", "$&"), 'Bearer resource_metadata="$&"');
});

Deno.test("connectorHeaders() keeps repeated values apart and drops what belongs to one hop [P-175]", () => {
  const response = {
    requestId: "r",
    type: "jsonrpc_response",
    code: 200,
    json: "{}",
    channel: undefined,
    headers: {
      "X-A": ["1", "2"],
      Connection: ["x-b"],
      CONNECTION: ["keep-alive, X-C"],
      "x-b": ["1"],
      "X-c": ["1"],
      date: ["1"],
      "WWW-Authenticate": ["Bearer resource_metadata=x", "Basic"],
    },
  };
  assert.deepEqual(connectorHeaders(response, () => "U"), [
    ["X-A", "1"],
    ["X-A", "2"],
    ["WWW-Authenticate", 'Bearer resource_metadata="U"'],
    ["WWW-Authenticate", "Basic"],
  ]);
});

Deno.test("forwardedHeadersJson() groups the values of a name and leaves out empty and blocked ones [P-171]", () => {
  const fields = new HeaderFields(
    ["x-a", "cookie", "x-b", "x-a", "x-a", "x-b", "authorization", "connection", "x-n"],
    ["1", "c", "", "", '2"', "3", "Bearer k", "X-N", "n"],
  );
  assert.deepEqual(JSON.parse(forwardedHeadersJson(fields, false)), {
    "x-a": ["1", '2"'],
    "x-b": ["3"],
    authorization: ["Bearer k"],
  });
  assert.deepEqual(JSON.parse(forwardedHeadersJson(fields, true)), { "x-a": ["1", '2"'], "x-b": ["3"] });
});

Deno.test("acceptsEventStream() looks for the media range and nothing else [P-173]", () => {
  for (const accept of ["text/event-stream", "a/b, TEXT/Event-Stream ; q=0", "text/event-stream;x=y,a/b"]) {
    assert.ok(acceptsEventStream(accept), accept);
  }
  for (const accept of [undefined, "", "*/*", "text/*", "text/event-streamx", "x=text/event-stream"]) {
    assert.ok(!acceptsEventStream(accept), accept);
  }
});

Deno.test("connectorStatus() maps every whole number to a status a reply may have [P-175]", () => {
  for (let code = -5; code < 1_000; code++) {
    const status = connectorStatus(code);
    assert.ok(status >= 200 && status <= 599, `${code} became ${status}`);
  }
  assert.deepEqual([0, 100, 200, 208, 250, 306, 430, 520, 600].map(connectorStatus), [
    200,
    502,
    200,
    208,
    200,
    502,
    502,
    502,
    502,
  ]);
});
