import assert from "node:assert/strict";
import fc from "fast-check";
import {
  buildResponseBody,
  canonicalChannel,
  headerValue,
  headerValues,
  type ResponsePayload,
} from "../../../src/agent/wire.ts";
import { checkPostedBody } from "../../support/agent_posted_body.ts";

function text(body: string | Uint8Array): string {
  return typeof body === "string" ? body : new TextDecoder().decode(body);
}

const PAYLOAD: ResponsePayload = {
  requestId: "req-1",
  channel: "main",
  respJson: '{"jsonrpc":"2.0","id":1,"result":{}}',
  respHeaders: { "Content-Type": ["application/json"] },
  respCode: 200,
  respType: "jsonrpc_response",
};

Deno.test("buildResponseBody() writes the members in the published order [P-127]", () => {
  assert.equal(
    buildResponseBody(PAYLOAD),
    '{"request_id":"req-1","channel":"main","resp_json":{"jsonrpc":"2.0","id":1,"result":{}},' +
      '"resp_headers":{"Content-Type":["application/json"]},"resp_code":200,"resp_type":"jsonrpc_response"}',
  );
});

Deno.test("buildResponseBody() writes the timing behind everything else, around text and around bytes [A-60]", () => {
  const respTiming = { transport: "stdio", targetElapsedUs: 1234 } as const;
  const timing = '"resp_timing":{"version":1,"transport":"stdio","target_elapsed_us":1234}}';
  const asText = text(buildResponseBody({ ...PAYLOAD, respTiming }));
  assert(asText.endsWith(`,"resp_type":"jsonrpc_response",${timing}`), asText);
  const respJson = new TextEncoder().encode(String(PAYLOAD.respJson));
  assert.equal(text(buildResponseBody({ ...PAYLOAD, respJson, respTiming })), asText);
});

Deno.test("buildResponseBody() leaves out what is absent [P-127]", () => {
  assert.equal(
    buildResponseBody({ ...PAYLOAD, respJson: undefined, respHeaders: undefined, respType: "notify_ack" }),
    '{"request_id":"req-1","channel":"main","resp_code":200,"resp_type":"notify_ack"}',
  );
});

Deno.test("buildResponseBody() builds the published sample of a notification [P-127]", async () => {
  const sample = JSON.parse(
    await Deno.readTextFile(new URL("../../support/agent_fixture_notify.json", import.meta.url)),
  );
  const body = text(buildResponseBody({
    requestId: sample.request_id,
    channel: sample.channel,
    respJson: JSON.stringify(sample.resp_json),
    respHeaders: undefined,
    respCode: sample.resp_code,
    respType: sample.resp_type,
  }));
  assert.deepEqual({ ...JSON.parse(body), resp_headers: {} }, sample);
});

Deno.test("buildResponseBody() keeps the payload byte for byte, as text and as bytes [P-129, P-193]", () => {
  const payload =
    '{ "jsonrpc":"2.0", "id":12345678901234567890123456,\n"result" : {"a":1,"a":2.00,"é":"\\u00e9"}}';
  const asText = buildResponseBody({ ...PAYLOAD, respJson: payload });
  const asBytes = buildResponseBody({ ...PAYLOAD, respJson: new TextEncoder().encode(payload) });
  assert(typeof asText === "string" && asText.includes(`"resp_json":${payload},"resp_headers"`));
  assert(asBytes instanceof Uint8Array, "bytes are never decoded");
  assert.equal(text(asBytes), asText);
});

Deno.test("buildResponseBody() escapes an opaque request id, and nothing else happens to it [P-8]", () => {
  for (const requestId of [' "\\\n\u2028 ', "😀", "\ud800", "a".repeat(10_000)]) {
    const body = text(buildResponseBody({ ...PAYLOAD, requestId }));
    assert.equal(JSON.parse(body).request_id, requestId);
  }
});

Deno.test("property: buildResponseBody() always builds a valid body [P-127]", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.integer({ min: 100, max: 599 }),
      fc.boolean(),
      (requestId, result, respCode, asBytes) => {
        const json = JSON.stringify(result);
        const respJson = asBytes ? new TextEncoder().encode(json) : json;
        const body = checkPostedBody(text(buildResponseBody({ ...PAYLOAD, requestId, respJson, respCode })));
        assert.deepEqual([body.request_id, body.resp_code], [requestId, respCode]);
        assert.deepEqual(body.resp_json, JSON.parse(json));
      },
    ),
  );
});

Deno.test("canonicalChannel() trims, lower-cases and defaults [P-28]", () => {
  const cases: [string, string | undefined][] = [
    ["main", "main"],
    [" Main\t", "main"],
    ["", "main"],
    ["  ", "main"],
    ["a_b-9", "a_b-9"],
    ["a".repeat(64), "a".repeat(64)],
    ["a".repeat(65), undefined],
    ["a b", undefined],
    ["a.b", undefined],
    ["ä", undefined],
    ["a\n", "a"],
  ];
  for (const [name, expected] of cases) assert.equal(canonicalChannel(name), expected, JSON.stringify(name));
});

Deno.test("headerValues() merges the spellings of a name in order; headerValue() takes the first that says something [P-65]", () => {
  const headers = { "X-A": ["", "1"], "x-b": ["2"], "x-a": ["3"] };
  assert.deepEqual(headerValues(headers, "x-A"), ["", "1", "3"]);
  assert.equal(headerValue(headers, "X-a"), "1");
  assert.equal(headerValue(headers, "X-C"), undefined);
  assert.equal(headerValue({ a: [""] }, "a"), undefined);
});
