import assert from "node:assert/strict";
import fc from "fast-check";
import { responseHeaders } from "../../../src/agent/response_headers.ts";
import type { HeaderPairs } from "../../../src/net/mod.ts";

Deno.test("responseHeaders() sends the allowed names in their exact spelling and nothing else [P-113]", () => {
  const pairs: HeaderPairs = [
    ["access-control-expose-headers", "a"],
    ["CONTENT-TYPE", "application/json"],
    ["last-event-id", "e"],
    ["MCP-protocol-VERSION", "2025-06-18"],
    ["mcp-session-id", "s"],
    ["WWW-Authenticate", "Bearer"],
    ["Set-Cookie", "c=1"],
    ["Retry-After", "1"],
    ["X-Custom", "x"],
    ["Content-Length", "5"],
    ["Date", "now"],
    ["Transfer-Encoding", "chunked"],
    ["__proto__", "x"],
  ];
  assert.deepEqual(responseHeaders(pairs, "keep"), {
    "Access-Control-Expose-Headers": ["a"],
    "Content-Type": ["application/json"],
    "Last-Event-Id": ["e"],
    "Mcp-Protocol-Version": ["2025-06-18"],
    "Mcp-Session-Id": ["s"],
    "Www-Authenticate": ["Bearer"],
  });
});

Deno.test("responseHeaders() leaves out what Connection names, in all spellings, and Connection itself [P-114]", () => {
  const pairs: HeaderPairs = [
    ["Connection", "keep-alive, \t MCP-Session-Id ,"],
    ["Mcp-Session-Id", "s"],
    ["WWW-Authenticate", "Bearer"],
    ["cONNECTION", "www-authenticate"],
    ["Last-Event-Id", "e"],
  ];
  assert.deepEqual(responseHeaders(pairs, "keep"), { "Last-Event-Id": ["e"] });
});

Deno.test("responseHeaders() gives a type to an answer whose own type Connection took away [P-112, P-114]", () => {
  const pairs: HeaderPairs = [["Content-Type", "text/event-stream"], ["Connection", "content-type"]];
  assert.deepEqual(responseHeaders(pairs, "message"), { "Content-Type": ["application/json"] });
});

Deno.test("responseHeaders() removes empty values and keeps the order of the others [P-115]", () => {
  const pairs: HeaderPairs = [
    ["Www-Authenticate", ""],
    ["WWW-Authenticate", 'Bearer realm="b"'],
    ["www-authenticate", 'Basic realm="a"'],
    ["WWW-AUTHENTICATE", 'Digest realm="c"'],
    ["Mcp-Session-Id", ""],
  ];
  assert.deepEqual(responseHeaders(pairs, "keep"), {
    "Www-Authenticate": ['Bearer realm="b"', 'Basic realm="a"', 'Digest realm="c"'],
  });
});

Deno.test("responseHeaders() is absent when nothing remains [P-115]", () => {
  assert.equal(responseHeaders([], "keep"), undefined);
  assert.equal(responseHeaders([["X-A", "1"], ["Content-Type", ""]], "keep"), undefined);
});

/** Content types by rule: what the target sent, and what is posted. */
const TYPES: [
  sent: string | undefined,
  rule: Parameters<typeof responseHeaders>[1],
  posted: string | undefined,
][] = [
  ["application/json", "message", "application/json"],
  ["application/json; charset=utf-8", "message", "application/json"],
  ["text/html", "message", "application/json"],
  [undefined, "message", "application/json"],
  ["text/event-stream", "message", "text/event-stream"],
  ["Text/Event-Stream; charset=utf-8", "message", "Text/Event-Stream; charset=utf-8"],
  [" text/event-stream", "message", " text/event-stream"],
  ["xtext/event-stream", "message", "application/json"],
  ["text/event-stream", "json", "application/json"],
  ["text/html", "json", "application/json"],
  [undefined, "json", "application/json"],
  ["application/json", "event", "application/json"],
  ["text/event-stream", "event", "text/event-stream"],
  [undefined, "event", "text/event-stream"],
  ["text/plain", "keep", "text/plain"],
  [undefined, "keep", undefined],
];

for (const [sent, rule, posted] of TYPES) {
  Deno.test(`responseHeaders() posts ${posted} where the target sent ${sent} under rule ${rule} [P-94, P-99, P-112]`, () => {
    const pairs: HeaderPairs = sent === undefined ? [] : [["content-type", sent]];
    assert.deepEqual(
      responseHeaders(pairs, rule)?.["Content-Type"],
      posted === undefined ? undefined : [posted],
    );
  });
}

Deno.test("property: responseHeaders() never lets a name or an empty value slip through [P-113 … P-115]", () => {
  const name = fc.oneof(
    fc.constantFrom(
      "Content-Type",
      "content-type",
      "Mcp-Session-Id",
      "WWW-Authenticate",
      "Connection",
      "Last-Event-ID",
    ),
    fc.string(),
  );
  const allowed =
    /^(Access-Control-Expose-Headers|Content-Type|Last-Event-Id|Mcp-Protocol-Version|Mcp-Session-Id|Www-Authenticate)$/;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, fc.string())),
      fc.constantFrom("keep" as const, "message" as const, "event" as const, "json" as const),
      (pairs, rule) => {
        const headers = responseHeaders(pairs, rule);
        if (headers === undefined) return;
        for (const [key, values] of Object.entries(headers)) {
          assert.match(key, allowed);
          assert(values.length > 0 && !values.includes(""));
        }
      },
    ),
  );
});
