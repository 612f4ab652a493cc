import assert from "node:assert/strict";
import fc from "fast-check";
import { NetError } from "../../../src/net/mod.ts";
import { beginRequestHead, endRequestHead } from "../../../src/net/request_head.ts";
import { parseRequestTarget } from "../../../src/net/request_target.ts";

const URL_TEXT = "http://target.example:8080/mcp?k=v";
const TARGET = parseRequestTarget(URL_TEXT);

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constantFrom(
    "\r\n",
    "\n",
    "\r",
    "\0",
    "a\r\nX-Smuggled: 1",
    "a\u2028b",
    "é",
    "🙂",
    "\ud800",
    "",
    " ",
    "\t",
  ),
);
const name = fc.oneof(
  text,
  fc.constantFrom("Host", "content-length", "Transfer-Encoding", "X-A", "User-Agent"),
);

Deno.test("property: whatever headers a request brings, each is one line of its head, or the request is refused [HD-1]", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, text), { maxLength: 6 }), (headers) => {
      let head: string;
      try {
        head = beginRequestHead({ method: "POST", url: URL_TEXT, headers }, TARGET, "agent") +
          endRequestHead("POST", 5);
      } catch (error) {
        assert(error instanceof NetError && !error.requestWritten);
        return;
      }
      assert(head.endsWith("\r\n\r\n"));
      const [requestLine, ...lines] = head.slice(0, -4).split("\r\n");
      assert.equal(requestLine, "POST /mcp?k=v HTTP/1.1");
      const names = lines.map((line) =>
        /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): [^\r\n\0]*$/.exec(line)?.[1]?.toLowerCase()
      );
      assert(names.every((one) => one !== undefined), head);
      for (const own of ["host", "content-length"]) {
        assert.equal(names.filter((one) => one === own).length, 1, own);
      }
      assert(!names.includes("transfer-encoding"));
      const sent = headers.filter(([one]) =>
        !["host", "content-length", "transfer-encoding"].includes(one.toLowerCase())
      );
      for (const [one, value] of sent) assert(lines.includes(`${one}: ${value}`), one);
    }),
    { numRuns: 2_000 },
  );
});
