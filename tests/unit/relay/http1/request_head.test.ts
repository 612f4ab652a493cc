import assert from "node:assert/strict";
import fc from "fast-check";
import { HttpError } from "../../../../src/relay/http1/http_error.ts";
import { parseRequestHead } from "../../../../src/relay/http1/request_head.ts";

const head = (...lines: string[]) => parseRequestHead(lines.join("\r\n"));
const get = (...lines: string[]) => head("GET / HTTP/1.1", "Host: h", ...lines);

function status(parse: () => unknown): number {
  try {
    parse();
  } catch (error) {
    if (error instanceof HttpError) return error.status;
    throw error;
  }
  return 200;
}

Deno.test("parseRequestHead() takes a request line and fields apart", () => {
  const parsed = head(
    "POST /a/b?c=d?e HTTP/1.1",
    "Host: h:1",
    "X-One:  a\tb \t",
    "x-TWO:",
    "X-One: c",
    "Content-Length: 12",
  );
  assert.deepEqual(
    [parsed.method, parsed.path, parsed.query, parsed.authority, parsed.framing, parsed.keepAlive],
    ["POST", "/a/b", "c=d?e", "h:1", { type: "length", bytes: 12 }, true],
  );
  assert.deepEqual([...parsed.headers], [["host", "h:1"], ["x-one", "a\tb"], ["x-two", ""], ["x-one", "c"], [
    "content-length",
    "12",
  ]]);
  assert.deepEqual(
    [parsed.headers.get("x-one"), parsed.headers.get("x-two"), parsed.headers.get("x-three")],
    ["a\tb, c", "", undefined],
  );
});

Deno.test("parseRequestHead() takes the absolute form and its authority before Host [RFC 9112 §3.2.2]", () => {
  const parsed = head("GET http://a.example:8/p?q HTTP/1.1", "Host: other");
  assert.deepEqual([parsed.authority, parsed.path, parsed.query], ["a.example:8", "/p", "q"]);
  assert.equal(head("GET http://a.example HTTP/1.1", "Host: h").path, "/");
  assert.equal(head("GET http://a.example?x HTTP/1.1", "Host: h").query, "x");
});

Deno.test("parseRequestHead() refuses malformed request lines", () => {
  for (
    const line of [
      "",
      "GET",
      "GET /",
      "GET  / HTTP/1.1",
      "GET / HTTP/1.1 ",
      " GET / HTTP/1.1",
      "G@T / HTTP/1.1",
      "GET /a b HTTP/1.1",
      "GET /\u00e9 HTTP/1.1",
      "GET / HTTP/11",
      "GET / http/1.1",
      "GET * HTTP/1.1",
      "GET host:80 HTTP/1.1",
      "GET /#x HTTP/1.1",
      "GET http://u@h/ HTTP/1.1",
      "GET ftp://h/ HTTP/1.1",
    ]
  ) {
    assert.equal(status(() => head(line, "Host: h")), 400, JSON.stringify(line));
  }
  assert.equal(status(() => head("GET / HTTP/2.0", "Host: h")), 505);
  assert.equal(status(() => head("GET / HTTP/0.9", "Host: h")), 505);
});

Deno.test("parseRequestHead() refuses fields that two readers could read differently [RFC 9112 §5]", () => {
  for (
    const line of [
      "no colon",
      ": no name",
      "Na me: x",
      "Name : x",
      " Folded: x",
      "\tFolded: x",
      "X: a\nY: b",
      "X: a\rY: b",
      "X: a\0b",
      "X: \x7f",
      "X\u00e9: a",
      "",
    ]
  ) {
    assert.equal(status(() => get(line)), 400, JSON.stringify(line));
  }
  assert.equal(
    get("X: caf\u00e9 \u0080").headers.get("x"),
    "caf\u00e9 \u0080",
    "bytes above ASCII are allowed in values",
  );
});

Deno.test("parseRequestHead() wants exactly one Host, or none from HTTP/1.0 [RFC 9112 §3.2]", () => {
  assert.equal(status(() => head("GET / HTTP/1.1")), 400);
  assert.equal(status(() => get("Host: h")), 400);
  const old = head("GET / HTTP/1.0");
  assert.deepEqual([old.authority, old.keepAlive, old.isOld], ["", false, true]);
});

Deno.test("parseRequestHead() refuses every ambiguity about the length of the body [RFC 9112 §6]", () => {
  for (
    const lines of [
      ["Content-Length: 1", "Content-Length: 1"],
      ["Content-Length: 1, 1"],
      ["Content-Length: +1"],
      ["Content-Length: -1"],
      ["Content-Length: 0x1"],
      ["Content-Length: 1e1"],
      ["Content-Length:"],
      ["Content-Length: 9999999999999999"],
      ["Content-Length: 1", "Transfer-Encoding: chunked"],
    ]
  ) assert.equal(status(() => get(...lines)), 400, lines.join(" | "));
  for (const coding of ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", ""]) {
    assert.equal(status(() => get(`Transfer-Encoding: ${coding}`)), 501, coding);
  }
  assert.equal(status(() => head("GET / HTTP/1.0", "Transfer-Encoding: chunked")), 400);
  assert.deepEqual(get("Transfer-Encoding: Chunked").framing, { type: "chunked" });
  assert.deepEqual(get("Content-Length: 0").framing, { type: "none" });
  assert.deepEqual(get().framing, { type: "none" });
});

Deno.test("parseRequestHead() reads Connection and Expect", () => {
  assert.equal(get("Connection: x, Close").keepAlive, false);
  assert.equal(get("Connection: closed").keepAlive, true);
  assert.equal(get("Expect: 100-Continue").expectsContinue, true);
  assert.equal(status(() => get("Expect: 200-ok")), 417);
});

Deno.test("parseRequestHead() takes 200 fields and no more", () => {
  const fields = (count: number) => Array.from({ length: count }, (_, at) => `X-${at}: 1`);
  assert.equal(status(() => get(...fields(199))), 200);
  assert.equal(status(() => get(...fields(200))), 431);
});

Deno.test("parseRequestHead() gives a head or an HttpError for any text, and never invents a field", () => {
  const piece = fc.constantFrom(
    "GET",
    "POST",
    " ",
    "/",
    "/v1",
    "?",
    "HTTP/1.1",
    "\r\n",
    "\n",
    "\r",
    ":",
    "Host",
    "Content-Length",
    "1",
    "chunked",
    "Transfer-Encoding",
    "x",
    "\0",
    "\u00ff",
    ",",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
    const text = pieces.join("");
    let parsed;
    try {
      parsed = parseRequestHead(text);
    } catch (error) {
      assert.ok(error instanceof HttpError);
      return;
    }
    for (const [name, value] of parsed.headers) {
      assert.match(name, /^[!#$%&'*+.^_`|~0-9a-z-]+$/);
      assert.doesNotMatch(value, /[\r\n\0]/);
    }
  }));
});
