/** The whole client against answers whose bytes arrive in any pieces. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createTargetClient, type HeaderPairs, NetError, type Wire } from "../../../src/net/mod.ts";

const encoder = new TextEncoder();

interface Result {
  readonly status?: number;
  readonly headers?: HeaderPairs;
  readonly text?: string;
  readonly error?: string;
  /** Whether the connection would have been used again. */
  readonly kept: boolean;
}

/** A wire on which an answer arrives in the given pieces; then the peer closes it, or waits for the next request. */
function wireOf(pieces: readonly Uint8Array[], then: "closes" | "waits", onClose: () => void): Wire {
  const left = [...pieces];
  const closed = Promise.withResolvers<null>();
  return {
    write: (bytes) => Promise.resolve(bytes.length),
    read(into) {
      const piece = left.shift();
      if (piece === undefined) return then === "closes" ? Promise.resolve(null) : closed.promise;
      const taken = piece.subarray(0, into.length);
      into.set(taken);
      if (taken.length < piece.length) left.unshift(piece.subarray(taken.length));
      return Promise.resolve(taken.length);
    },
    close() {
      closed.resolve(null);
      onClose();
    },
  };
}

async function run(
  bytes: Uint8Array,
  cuts: readonly number[],
  read: "text" | "bytes" | "chunks",
  then: "closes" | "waits",
): Promise<Result> {
  const ends = [...new Set(cuts.filter((at) => at > 0 && at < bytes.length)), bytes.length].toSorted((a, b) =>
    a - b
  );
  const pieces = ends.map((end, index) => bytes.slice(index === 0 ? 0 : ends[index - 1], end));
  let closed = false;
  let dialled = 0;
  const client = createTargetClient({}, () => {
    assert.equal(dialled++, 0);
    return Promise.resolve(wireOf(pieces, then, () => closed = true));
  });
  try {
    const request = { method: "POST", url: "http://target.example/mcp", headers: [], body: "{}" };
    const { status, headers, body } = await client.request(request);
    const text = read === "text" ? await body.text() : new TextDecoder().decode(
      read === "bytes" ? await body.bytes() : joined(await Array.fromAsync(body.chunks())),
    );
    return { status, headers, text, kept: !closed };
  } catch (error) {
    assert.ok(error instanceof NetError, String(error));
    assert.equal(closed, true, "a broken connection is closed");
    return { error: `${error.kind}: ${error.detail}`, kept: false };
  } finally {
    client.close();
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

const reading = fc.constantFrom("text", "bytes", "chunks");
const cuts = fc.array(fc.nat(700), { maxLength: 12 });

Deno.test("an answer is read the same however its bytes are split [RFC 9112]", async () => {
  const eol = fc.constantFrom("\r\n", "\n");
  const token = fc.stringMatching(/^X-[A-Za-z0-9-]{1,12}$/);
  const value = fc.stringMatching(/^[!-~é]([ -~é]{0,20}[!-~é])?$/);
  const answer = fc.record({
    interim: fc.constantFrom("", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Hints\nA: b\n\n"),
    status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
    headers: fc.array(fc.tuple(token, value), { maxLength: 5 }),
    framing: fc.constantFrom("length", "chunked", "close"),
    body: fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), { maxLength: 5 }),
    eol,
  });
  await fc.assert(
    fc.asyncProperty(
      answer,
      cuts,
      reading,
      async ({ interim, status, headers, framing, body, eol }, at, read) => {
        const text = body.join("");
        const fields = headers.map(([name, field]) => `${name}: ${field}${eol}`).join("");
        const own: Record<string, [string, string][]> = {
          length: [["content-length", String(encoder.encode(text).length)]],
          chunked: [["transfer-encoding", "chunked"]],
          close: [],
        };
        const ownLines = own[framing].map(([name, field]) => `${name}: ${field}${eol}`).join("");
        const payload = framing === "chunked"
          ? body.map((part) => `${encoder.encode(part).length.toString(16)}\r\n${part}\r\n`).join("") +
            "0\r\n\r\n"
          : text;
        const wire = `${interim}HTTP/1.1 ${status} Some Reason${eol}${fields}${ownLines}${eol}${payload}`;
        const expected = { status, headers: [...headers, ...own[framing]], text, kept: framing !== "close" };
        assert.deepEqual(
          await run(encoder.encode(wire), at, read, framing === "close" ? "closes" : "waits"),
          expected,
        );
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("any bytes end in an answer or a NetError, the same however they are split", async () => {
  const part = fc.constantFrom(
    ...[
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 204 No\r\n",
      "HTTP/1.0 500 X\n",
      "\r\n",
      "\n",
      "\r",
    ],
    ...[
      "Content-Length: 5\r\n",
      "Content-Length: 6\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Connection: close\r\n",
    ],
    ...[
      "5\r\nhello\r\n",
      "0\r\n\r\n",
      "hello",
      "\0",
      "x: y\r\n",
      " folded\r\n",
      "\x15\x03\x01\x00\x02\x02\x28",
    ],
  );
  const wire = fc.oneof(
    fc.array(part, { maxLength: 10 }).map((parts) => encoder.encode(parts.join(""))),
    fc.array(part, { maxLength: 8 }).map((parts) => encoder.encode(`HTTP/1.1 200 OK\r\n${parts.join("")}`)),
    fc.uint8Array({ maxLength: 200 }),
  );
  await fc.assert(
    fc.asyncProperty(wire, cuts, reading, async (bytes, at, read) => {
      const whole = await run(bytes, [], read, "closes");
      const split = await run(bytes, at, read, "closes");
      // Bytes behind an answer cost the connection when they are seen, which may be while it is idle.
      assert.deepEqual({ ...split, kept: true }, { ...whole, kept: true });
    }),
    { numRuns: 500 },
  );
});

Deno.test("a head that does not end is refused at its limit, bytes by bytes or at once", async () => {
  const lines = `HTTP/1.1 200 OK\r\n${"x-filler: 0123456789\r\n".repeat(10_000)}`;
  const bytes = encoder.encode(lines);
  for (const at of [[], Array.from({ length: 1000 }, (_, index) => index * 97)]) {
    const { error } = await run(bytes, at, "text", "closes");
    assert.equal(error, "unknown: the answer's head is larger than 32768 bytes");
  }
  const endless = encoder.encode("HTTP/1.1 103 Hints\r\n\r\n".repeat(100));
  assert.match((await run(endless, [], "text", "closes")).error ?? "", /interim responses without an end/);
  const upgrade = encoder.encode("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  assert.match((await run(upgrade, [], "text", "closes")).error ?? "", /switches protocols unasked/);
});

Deno.test("a head just below the limit is read, also behind an interim one", async () => {
  const filler = `x-filler: ${"a".repeat(30_000)}`;
  const head = `HTTP/1.1 200 OK\r\n${filler}\r\nContent-Length: 2\r\n\r\nok`;
  const interim = `HTTP/1.1 103 Hints\r\n${filler}\r\n\r\n`;
  const result = await run(encoder.encode(interim + head), [10, 20_000, 40_000], "text", "waits");
  assert.equal(result.text, "ok");
  assert.equal(result.kept, true);
});
