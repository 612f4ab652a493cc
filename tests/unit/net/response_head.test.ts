import assert from "node:assert/strict";
import fc from "fast-check";
import { HeadEnd, parseResponseHead } from "../../../src/net/response_head.ts";

const head = (...lines: string[]) => parseResponseHead([...lines, "", ""].join("\r\n"));

Deno.test("parseResponseHead() reads status and fields", () => {
  const parsed = head(
    "HTTP/1.1 404 Not Found at all",
    "Content-Type: text/plain",
    "x-empty:",
    "X-Colon:a: b:c",
  );
  assert.equal(parsed.status, 404);
  assert.deepEqual(parsed.headers, [["Content-Type", "text/plain"], ["x-empty", ""], ["X-Colon", "a: b:c"]]);
  assert.deepEqual([parsed.contentLength, parsed.chunked, parsed.keepAlive], [undefined, false, true]);
});

Deno.test("parseResponseHead() takes status lines without a reason [RFC 9112 §4]", () => {
  for (const line of ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 200 OK", "HTTP/1.1 200 grün\tund rot"]) {
    assert.equal(head(line).status, 200, line);
  }
});

Deno.test("parseResponseHead() takes lines that end with LF alone [RFC 9112 §2.2]", () => {
  const parsed = parseResponseHead("HTTP/1.1 200 OK\nA: 1\r\nContent-Length: 5\n\n");
  assert.deepEqual(parsed.headers, [["A", "1"], ["Content-Length", "5"]]);
  assert.equal(parsed.contentLength, 5);
});

Deno.test("parseResponseHead() joins folded lines [RFC 9112 §5.2]", () => {
  const parsed = head(
    "HTTP/1.1 200 OK",
    "A: 1",
    "  2\t",
    "\t3",
    "B:",
    " 4",
    " ",
    "Transfer-Encoding:",
    "  chunked",
  );
  assert.deepEqual(parsed.headers, [["A", "1 2 3"], ["B", "4"], ["Transfer-Encoding", "chunked"]]);
  assert.equal(parsed.chunked, true);
});

Deno.test("parseResponseHead() refuses what is not a head", () => {
  const refused: string[][] = [
    ["HTTP/2 200 OK"],
    ["HTTP/1.1 20 OK"],
    ["HTTP/1.1 099 OK"],
    ["HTTP/1.1  200 OK"],
    ["HTTP/1.1 2000 OK"],
    ["http/1.1 200 OK"],
    [" HTTP/1.1 200 OK"],
    ["\uFEFFHTTP/1.1 200 OK"],
    ["ICY 200 OK"],
    [""],
    ["HTTP/1.1 200 OK", " folded: first"],
    ["HTTP/1.1 200 OK", "no colon"],
    ["HTTP/1.1 200 OK", ": no name"],
    ["HTTP/1.1 200 OK", "space before : colon"],
    ["HTTP/1.1 200 OK", "Content-Length : 5"],
    ["HTTP/1.1 200 OK", "bad\u0000name: x"],
    ["HTTP/1.1 200 OK", "a: bad\u0000value"],
    ["HTTP/1.1 200 OK", "a: bare\rreturn"],
    ["HTTP/1.1 200 OK", "a: b\r"],
    ["HTTP/1.1 200 O\rK"],
  ];
  for (const lines of refused) {
    assert.throws(
      () => head(...lines),
      { name: "NetError", kind: "unknown", requestWritten: true },
      lines.join("|"),
    );
  }
});

Deno.test("parseResponseHead() accepts one length only, however often it is said [RFC 9112 §6.3]", () => {
  const length = (...values: string[]) =>
    head("HTTP/1.1 200 OK", ...values.map((value) => `Content-Length: ${value}`)).contentLength;
  assert.equal(length("5"), 5);
  assert.equal(length("0005", "5"), 5);
  assert.equal(length("5, 5", "5"), 5);
  assert.equal(length(String(Number.MAX_SAFE_INTEGER)), Number.MAX_SAFE_INTEGER);
  const refused = [["5", "6"], ["5, 6"], ["5,"], [""], ["-5"], ["+5"], ["5.0"], ["0x5"], ["5 5"], ["９"], [
    "1e1",
  ]];
  for (const values of [...refused, ["9007199254740993"], ["9".repeat(400)]]) {
    assert.throws(() => length(...values), { kind: "unknown" }, values.join("|"));
  }
});

Deno.test("parseResponseHead() lets chunks override a length, and gives up the connection then [RFC 9112 §6.3]", () => {
  const parsed = head("HTTP/1.1 200 OK", "Content-Length: 5", "transfer-encoding: Chunked");
  assert.deepEqual([parsed.chunked, parsed.contentLength, parsed.keepAlive], [true, undefined, false]);
});

Deno.test("parseResponseHead() refuses every other transfer encoding [RFC 9112 §6.1]", () => {
  for (
    const value of ["gzip", "gzip, chunked", "chunked, chunked", "chunked;q=1", "identity", "xchunked", ""]
  ) {
    assert.throws(() => head("HTTP/1.1 200 OK", `Transfer-Encoding: ${value}`), { kind: "unknown" }, value);
  }
  const twice = ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"];
  assert.throws(() => head("HTTP/1.1 200 OK", ...twice), { kind: "unknown" });
});

Deno.test("parseResponseHead() tells how long the connection lives [RFC 9112 §9.3]", () => {
  const keepAlive = (version: string, ...fields: string[]) =>
    head(`HTTP/${version} 200 OK`, ...fields).keepAlive;
  assert.equal(keepAlive("1.1"), true);
  assert.equal(keepAlive("1.1", "Connection: upgrade, CLOSE"), false);
  assert.equal(keepAlive("1.1", "Connection: keep-alive", "connection: close"), false);
  assert.equal(keepAlive("1.1", "Connection: closed"), true);
  assert.equal(keepAlive("1.0"), false);
  assert.equal(keepAlive("1.0", "Connection: Keep-Alive"), true);
  assert.equal(head("HTTP/1.1 200 OK", "Keep-Alive: timeout=5, max=100").keepAliveMs, 5000);
  assert.equal(head("HTTP/1.1 200 OK", "keep-alive: max=7;Timeout = 15").keepAliveMs, 15_000);
  assert.equal(head("HTTP/1.1 200 OK", "Keep-Alive: xtimeout=5").keepAliveMs, undefined);
});

Deno.test("HeadEnd finds the end at the same place however the bytes are split", () => {
  const text = fc.array(fc.constantFrom("\r", "\n", "\r\n", "a", "é", ": ", "\r\n\r\n", "\n\n"), {
    maxLength: 40,
  });
  fc.assert(fc.property(text, fc.array(fc.nat(80), { maxLength: 8 }), (parts, cuts) => {
    const bytes = new TextEncoder().encode(parts.join(""));
    const whole = new HeadEnd().find(bytes, 0, bytes.length);
    const finder = new HeadEnd();
    let found = -1;
    const ends = [...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
    let start = 0;
    for (const end of ends) {
      found = finder.find(bytes, start, end);
      if (found >= 0) break;
      start = end;
    }
    assert.equal(found, whole);
  }));
});

Deno.test("parseResponseHead() only ever throws NetErrors", () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom("Content-Length: 5", "Transfer-Encoding: chunked", " folded", "Connection: close", "a:b"),
  );
  fc.assert(fc.property(fc.array(line), fc.boolean(), (lines, withStatusLine) => {
    // The caller has found the empty line at the end, and none before.
    const text = [
      ...(withStatusLine ? ["HTTP/1.1 200 OK"] : []),
      ...lines.map((one) => one.replaceAll("\n", "")),
    ]
      .filter((one) => one.replaceAll("\r", "") !== "").join("\r\n") + "\r\n\r\n";
    try {
      parseResponseHead(text);
    } catch (error) {
      assert.equal((error as Error).name, "NetError", text);
    }
  }));
});
