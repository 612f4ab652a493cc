import assert from "node:assert/strict";
import fc from "fast-check";
import { NotTextError, SseReader } from "../../../../src/channels/http/sse_reader.ts";
import { type HttpBody, NetError } from "../../../../src/net/mod.ts";

/** A body that arrives in these pieces, and then breaks with `error` if there is one. */
function bodyFrom(pieces: readonly Uint8Array[], error?: Error): HttpBody {
  async function* chunks(): AsyncIterableIterator<Uint8Array> {
    for (const piece of pieces) {
      await Promise.resolve();
      yield piece;
    }
    if (error !== undefined) throw error;
  }
  const unused = () => Promise.reject(new Error("only chunks() is read"));
  return { chunks, bytes: unused, text: unused, cancel: () => {} };
}

async function readAll(reader: SseReader): Promise<string[]> {
  const messages: string[] = [];
  for (let text = await reader.next(); text !== undefined; text = await reader.next()) messages.push(text);
  return messages;
}

/** Cuts bytes at arbitrary places, also inside characters and line ends. */
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...places].map((start, index) => bytes.slice(start, places[index] ?? bytes.length));
}

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const event = fc.record({
  value: fc.oneof(fc.dictionary(text, text, { maxKeys: 3 }), fc.array(fc.integer(), { maxLength: 3 })),
  isPretty: fc.boolean(),
  name: fc.constantFrom(undefined, "message", "ping"),
  id: fc.option(fc.stringMatching(/^[a-z0-9]{1,8}$/), { nil: undefined }),
  comment: fc.boolean(),
});
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const cuts = fc.array(fc.nat(), { maxLength: 30 });

Deno.test("SseReader gives the same messages however the stream is cut into chunks [HT-18, HT-19]", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 6 }), lineEnd, cuts, async (events, end, places) => {
      const expected: string[] = [];
      let lastId = "";
      const stream = events.map(({ value, isPretty, name, id, comment }) => {
        const json = JSON.stringify(value, null, isPretty ? 1 : 0);
        if (name !== "ping") expected.push(json);
        lastId = id ?? lastId;
        const lines = [
          ...(comment ? [": keep-alive", ":"] : []),
          ...(name === undefined ? [] : [`event: ${name}`]),
          ...(id === undefined ? [] : [`id: ${id}`]),
          ...json.split("\n").map((line) => `data: ${line}`),
        ];
        return lines.map((line) => line + end).join("") + end;
      }).join("");
      const reader = new SseReader(bodyFrom(split(new TextEncoder().encode(stream), places)));
      assert.deepEqual(await readAll(reader), expected);
      assert.equal(reader.lastEventId, lastId);
      assert.equal(await reader.next(), undefined);
    }),
    { numRuns: 300 },
  );
});

Deno.test("SseReader never invents or damages a message of a stream that is cut off anywhere [HT-18, HT-21]", async () => {
  const messages = ['"é€😀"', "[1,2]", `{"a":{}}`];
  const stream = new TextEncoder().encode(
    messages.map((message, n) => `id: ${n + 1}\ndata: ${message}\n\n`).join(""),
  );
  const error = new NetError("unexpected_eof", "cut", true);
  await fc.assert(
    fc.asyncProperty(fc.nat(stream.length), cuts, fc.boolean(), async (length, places, isError) => {
      const pieces = split(stream.slice(0, length), places);
      const reader = new SseReader(bodyFrom(pieces, isError ? error : undefined));
      const received: string[] = [];
      try {
        for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
          received.push(next);
        }
        assert.equal(isError, false);
      } catch (thrown) {
        assert.equal(thrown, error);
      }
      assert.deepEqual(received, messages.slice(0, received.length));
      assert.ok(Number(reader.lastEventId) >= received.length, "a delivered message has its id");
      assert.ok(Number(reader.lastEventId) <= received.length, "an undelivered message has none");
    }),
    { numRuns: 300 },
  );
});

Deno.test("SseReader delivers what came before a break, then the break [HT-21]", async () => {
  const error = new NetError("connection_reset", "reset", true);
  const reader = new SseReader(bodyFrom([new TextEncoder().encode("data: 1\n\ndata: 2\n\ndata: 3")], error));
  assert.deepEqual([await reader.next(), await reader.next()], ["1", "2"]);
  await assert.rejects(reader.next(), (thrown) => thrown === error);
});

Deno.test("SseReader refuses bytes that are not UTF-8 [HT-19]", async () => {
  const reader = new SseReader(bodyFrom([new Uint8Array([0x64, 0x3a, 0xc3, 0x28, 0x0a])]));
  await assert.rejects(reader.next(), NotTextError);
});

Deno.test("SseReader keeps the last retry and the last id, and an empty id takes it back [HT-21]", async () => {
  const stream = "retry: 10\nid: a\n\nretry: x\nretry: 25\nid: b \ndata: \n\n";
  const reader = new SseReader(bodyFrom([new TextEncoder().encode(stream)]));
  assert.deepEqual(await readAll(reader), []);
  assert.deepEqual([reader.retryMs, reader.lastEventId], [25, "b"]);
  const taken = new SseReader(bodyFrom([new TextEncoder().encode("id: a\n\nid\n\n")]));
  await readAll(taken);
  assert.equal(taken.lastEventId, "");
});
