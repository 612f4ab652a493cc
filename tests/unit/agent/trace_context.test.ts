import assert from "node:assert/strict";
import fc from "fast-check";
import { readTraceContext, withTraceContext } from "../../../src/agent/trace_context.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const CONTEXT = { traceparent: TRACEPARENT, tracestate: "" };
const ADDED = `"traceparent":"${TRACEPARENT}"`;

Deno.test("readTraceContext() takes both members and ignores others [A-48]", () => {
  assert.deepEqual(readTraceContext({ traceparent: TRACEPARENT, tracestate: "a=1", more: 1 }, {}), {
    traceparent: TRACEPARENT,
    tracestate: "a=1",
  });
  assert.deepEqual(readTraceContext({ traceparent: TRACEPARENT }, null), CONTEXT);
});

for (
  const value of [
    undefined,
    null,
    "text",
    [],
    [TRACEPARENT],
    {},
    { tracestate: "a=1" },
    { traceparent: 1 },
    { traceparent: null },
    { traceparent: `${TRACEPARENT}0` },
    { traceparent: TRACEPARENT, tracestate: null },
    { traceparent: TRACEPARENT, tracestate: 1 },
    { traceparent: TRACEPARENT, tracestate: "x".repeat(513) },
  ]
) {
  Deno.test(`readTraceContext() takes ${JSON.stringify(value)?.slice(0, 90)} for absent [A-49]`, () => {
    assert.equal(readTraceContext(value, {}), undefined);
  });
}

for (const headers of [{ TraceParent: [] }, { traceparent: null }, { TRACESTATE: ["a=1"] }]) {
  Deno.test(`readTraceContext() leaves tracing to a connector with ${JSON.stringify(headers)} [A-50]`, () => {
    assert.equal(readTraceContext({ traceparent: TRACEPARENT }, headers), undefined);
  });
}

for (
  const [text, traced] of [
    [
      `{"jsonrpc":"2.0","id":1,"method":"m"}`,
      `{"params":{"_meta":{${ADDED}}},"jsonrpc":"2.0","id":1,"method":"m"}`,
    ],
    [`{"id":1,"params":{}}`, `{"id":1,"params":{"_meta":{${ADDED}}}}`],
    [
      `{"id":1,"params": { "n" : 12345678901234567890 }}`,
      `{"id":1,"params": {"_meta":{${ADDED}}, "n" : 12345678901234567890 }}`,
    ],
    [`{"params":{"_meta":{},"a":{"x":1,"x":2}}}`, `{"params":{"_meta":{${ADDED}},"a":{"x":1,"x":2}}}`],
    [
      `{"params":{"a":1,"_meta" :{"progressToken":7}}}`,
      `{"params":{"a":1,"_meta" :{${ADDED},"progressToken":7}}}`,
    ],
  ] as const
) {
  Deno.test(`withTraceContext() adds to ${text} and changes nothing else [A-53, A-56]`, () => {
    assert.equal(withTraceContext(text, CONTEXT), traced);
  });
}

for (
  const text of [
    `{"params":[]}`,
    `{"params":null}`,
    `{"params":"x"}`,
    `{"params":{},"params":{}}`,
    `{"params":{"a":1,"\\u0061":2}}`,
    `{"params":{"_meta":null}}`,
    `{"params":{"_meta":[]}}`,
    `{"params":{"_meta":{"a":1,"a":1}}}`,
    `{"params":{"_meta":{},"_meta":{}}}`,
    `{"params":{"_meta":{"traceparent":null}}}`,
    `{"params":{"_meta":{"tracestate":""}}}`,
  ]
) {
  Deno.test(`withTraceContext() leaves ${text} as it is [A-55]`, () => {
    assert.equal(withTraceContext(text, CONTEXT), undefined);
  });
}

for (
  const traceparent of [
    TRACEPARENT.toUpperCase(),
    TRACEPARENT.replace("00-", "01-"),
    TRACEPARENT.replace(/-01$/, "-ff"),
    TRACEPARENT.replace(/-01$/, "-02"),
    TRACEPARENT.slice(0, -1),
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${"0".repeat(16)}-01`,
  ]
) {
  Deno.test(`withTraceContext() does not forward ${traceparent} [A-54]`, () => {
    assert.equal(withTraceContext("{}", { traceparent, tracestate: "" }), undefined);
  });
}

Deno.test("withTraceContext() forwards flags 00 [A-54]", () => {
  const traceparent = TRACEPARENT.replace(/-01$/, "-00");
  assert.equal(
    withTraceContext("{}", { traceparent, tracestate: "" }),
    `{"params":{"_meta":{"traceparent":"${traceparent}"}}}`,
  );
});

for (
  const [tracestate, forwarded] of [
    ["a=1", "a=1"],
    [" a=1 ,\tb@c=x y , d=2", "a=1,b@c=x y,d=2"],
    ["a=1,,", "a=1"],
    [`a=${"v".repeat(256)}`, `a=${"v".repeat(256)}`],
    ["a=1,a=2", undefined],
    ["A=1", undefined],
    ["a", undefined],
    ["a=", undefined],
    ["a=b=c", undefined],
    [`a=${"v".repeat(257)}`, undefined],
    [Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(","), undefined],
  ] as const
) {
  Deno.test(`withTraceContext() with tracestate ${JSON.stringify(tracestate.slice(0, 40))} [A-54]`, () => {
    const traced = withTraceContext("{}", { traceparent: TRACEPARENT, tracestate });
    const state = forwarded === undefined ? undefined : JSON.parse(traced ?? "{}").params._meta.tracestate;
    assert.equal(state, forwarded);
    assert.equal(traced === undefined, forwarded === undefined, "an invalid one drops the whole context");
  });
}

Deno.test("withTraceContext() adds the trace and leaves every parsed value as it was [A-56]", () => {
  const json = fc.jsonValue({ depthSize: "small" });
  const params = fc.option(fc.dictionary(fc.string(), json), { nil: undefined });
  fc.assert(fc.property(params, json, fc.constantFrom(undefined, 1, 2), (params, other, space) => {
    const message = {
      jsonrpc: "2.0",
      id: 1,
      method: "m",
      other,
      ...(params === undefined ? {} : { params }),
    };
    const traced = withTraceContext(JSON.stringify(message, undefined, space), CONTEXT);
    assert(traced !== undefined);
    const meta = { traceparent: TRACEPARENT };
    assert.deepEqual(JSON.parse(traced), { ...message, params: { ...params, _meta: meta } });
  }));
});
