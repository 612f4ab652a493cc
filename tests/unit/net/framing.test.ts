import assert from "node:assert/strict";
import fc from "fast-check";
import { ChunkedFraming, type Framing, framingOf } from "../../../src/net/framing.ts";
import { parseResponseHead } from "../../../src/net/response_head.ts";

const encoder = new TextEncoder();

interface Outcome {
  readonly data: string;
  readonly ended: boolean;
  /** Bytes that were left over. */
  readonly rest: string;
  readonly error: string | undefined;
}

/** Feeds the bytes in the given pieces. */
function feed(framing: Framing, pieces: readonly Uint8Array[]): Outcome {
  let data: number[] = [];
  let rest: number[] = [];
  let error: string | undefined;
  for (const piece of pieces) {
    const buffer = new Uint8Array(piece.length + 3);
    buffer.set(piece, 2);
    if (framing.ended || error !== undefined) {
      rest = [...rest, ...piece];
      continue;
    }
    try {
      framing.accept(buffer, 2, piece.length + 2);
    } catch (thrown) {
      assert.equal((thrown as Error).name, "NetError");
      error = (thrown as Error).message;
      continue;
    }
    data = [...data, ...buffer.subarray(framing.dataStart, framing.dataEnd)];
    assert.ok(framing.ended || framing.next === piece.length + 2, "takes all it is given until it has ended");
    rest = [...rest, ...buffer.subarray(framing.next, piece.length + 2)];
  }
  const text = (bytes: number[]) => new TextDecoder().decode(Uint8Array.from(bytes));
  return { data: text(data), ended: framing.ended, rest: text(rest), error };
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.filter((at) => at < bytes.length).toSorted((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.slice(index === 0 ? 0 : ends[index - 1], end)).filter((part) =>
    part.length > 0
  );
}

const chunked = (text: string) => feed(new ChunkedFraming(), [encoder.encode(text)]);

Deno.test("ChunkedFraming joins chunks, drops extensions and trailers, and stops at the end [RFC 9112 §7.1]", () => {
  assert.deepEqual(
    chunked('3\r\nabc\r\n0A;ext="x;y"\r\n0123456789\r\n1 \t;e\r\nz\r\n0\r\nTrailer: x\r\nB: c\r\n\r\nNEXT'),
    {
      data: "abc0123456789z",
      ended: true,
      rest: "NEXT",
      error: undefined,
    },
  );
  assert.deepEqual(chunked("000\r\n\r\n"), { data: "", ended: true, rest: "", error: undefined });
});

Deno.test("ChunkedFraming refuses what another reader could read differently", () => {
  const refused = [
    "3\nabc\r\n0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nabc\rX0\r\n\r\n",
    "3\r\nab\r\n\r\n0\r\n\r\n",
    "3;x\nabc\r\n0\r\n\r\n",
    "\r\nabc\r\n",
    ";x\r\n",
    " 3\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "+3\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    "3 4\r\nabc\r\n0\r\n\r\n",
    "g\r\n",
    "3\r\rabc",
    "10000000000000\r\n",
    "0\r\n\n",
    "0\r\nTrailer: x\n\r\n",
    "0\r\nTrailer: x\rY: z\r\n\r\n",
    `1;${"x".repeat(20_000)}\r\na\r\n`,
    `0\r\n${"A: b\r\n".repeat(5000)}\r\n`,
  ];
  for (const text of refused) {
    const { error, ended } = chunked(text);
    assert.match(error ?? "", /^the answer is not valid HTTP: /, JSON.stringify(text.slice(0, 30)));
    assert.equal(ended, false);
  }
});

Deno.test("ChunkedFraming gives the same data however the bytes are split [RFC 9112 §7.1]", () => {
  const part = fc.record({
    data: fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
    upper: fc.boolean(),
    zeros: fc.nat(4),
    extension: fc.constantFrom("", ";a=b", " ; c", ';"quoted"'),
  });
  const trailers = fc.constantFrom("", "A: b\r\n", "A: b\r\nC: d\r\n");
  fc.assert(
    fc.property(
      fc.array(part),
      trailers,
      fc.string(),
      fc.array(fc.nat(400)),
      (parts, trailer, rest, cuts) => {
        let wire = "";
        for (const { data, upper, zeros, extension } of parts) {
          const size = encoder.encode(data).length.toString(16);
          wire += `${"0".repeat(zeros)}${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`;
        }
        const bytes = encoder.encode(`${wire}0\r\n${trailer}\r\n${rest}`);
        const expected: Outcome = {
          data: new TextDecoder().decode(encoder.encode(parts.map(({ data }) => data).join(""))),
          ended: true,
          rest: new TextDecoder().decode(encoder.encode(rest)),
          error: undefined,
        };
        assert.deepEqual(feed(new ChunkedFraming(), cut(bytes, cuts)), expected);
        assert.deepEqual(
          feed(new ChunkedFraming(), Array.from(bytes, (byte) => Uint8Array.of(byte))),
          expected,
        );
      },
    ),
  );
});

Deno.test("ChunkedFraming judges any bytes the same however they are split, and only ever throws NetErrors", () => {
  const token = fc.constantFrom(
    "0",
    "1",
    "3",
    "a",
    "F",
    "\r\n",
    "\r",
    "\n",
    ";",
    " ",
    "abc",
    "0\r\n\r\n",
    "3\r\nabc\r\n",
    "é",
  );
  fc.assert(fc.property(fc.array(token, { maxLength: 30 }), fc.array(fc.nat(60)), (tokens, cuts) => {
    const bytes = encoder.encode(tokens.join(""));
    const whole = feed(new ChunkedFraming(), [bytes]);
    const split = feed(new ChunkedFraming(), cut(bytes, cuts));
    assert.deepEqual([split.ended, split.error], [whole.ended, whole.error]);
    if (whole.error === undefined) assert.deepEqual(split, whole);
  }));
});

const framing = (method: string, ...lines: string[]) =>
  framingOf(parseResponseHead([...lines, "", ""].join("\r\n")), method);

Deno.test("framingOf() knows which answers have no body [RFC 9112 §6.3]", () => {
  const fields = ["Content-Length: 5", "Transfer-Encoding: chunked"];
  for (const field of fields) {
    assert.equal(framing("HEAD", "HTTP/1.1 200 OK", field).ended, true);
    assert.equal(framing("POST", "HTTP/1.1 204 No Content", field).ended, true);
    assert.equal(framing("POST", "HTTP/1.1 304 Not Modified", field).ended, true);
    assert.equal(framing("POST", "HTTP/1.1 200 OK", field).ended, false);
  }
  assert.equal(framing("POST", "HTTP/1.1 200 OK", "Content-Length: 0").ended, true);
  assert.equal(framing("POST", "HTTP/1.1 200 OK").ended, false);
});

Deno.test("a body of known length ends exactly there", () => {
  const five = framing("POST", "HTTP/1.1 200 OK", "Content-Length: 5");
  assert.equal(five.remainingBytes, 5);
  assert.throws(() => five.close(), { kind: "unexpected_eof", requestWritten: true });
  const outcome = feed(five, [encoder.encode("ab"), encoder.encode("cdefg"), encoder.encode("h")]);
  assert.deepEqual(outcome, { data: "abcde", ended: true, rest: "fgh", error: undefined });
  five.close();
});

Deno.test("a body without length or chunks ends with the connection, and not before", () => {
  const open = framing("POST", "HTTP/1.1 200 OK");
  const outcome = feed(open, [encoder.encode("ab"), encoder.encode("0\r\n\r\n")]);
  assert.deepEqual(outcome, { data: "ab0\r\n\r\n", ended: false, rest: "", error: undefined });
  open.close();
  assert.equal(open.ended, true);
});
