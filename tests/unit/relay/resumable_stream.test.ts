import assert from "node:assert/strict";
import type { EventFate, EventStream } from "../../../src/relay/event_stream.ts";
import { parseEventId, ResumableStream } from "../../../src/relay/resumable_stream.ts";
import { StreamShelf } from "../../../src/relay/stream_shelf.ts";

const SESSION = { id: "s", channel: "main", issuer: "target", protocolVersion: "2025-06-18" } as const;
/** What a stream counts for beside its messages. */
const OWN = 512;

function streams(maxSize: number, bufferBytes = 1_000_000) {
  const shelf = new StreamShelf(maxSize);
  const fates: EventFate[] = [];
  const stream = (token: string, session = SESSION) =>
    new ResumableStream({
      token,
      session,
      authorization: undefined,
      shelf,
      connection: { bufferBytes, holdMs: 60_000, onEvent: (fate) => fates.push(fate) },
    });
  return { shelf, stream, fates };
}

async function readAll(events: EventStream): Promise<string> {
  let text = "";
  for await (const piece of events) text += new TextDecoder().decode(piece);
  return text;
}

Deno.test("parseEventId() takes what a relay has made and nothing else", () => {
  assert.deepEqual(parseEventId("abc1_z"), { token: "abc1", number: 35 });
  for (const text of ["", "abc", "_1", "abc_", "abc_1_2", "ABC_1", "abc_1 ", "abc_123456789", "abc_-1"]) {
    assert.equal(parseEventId(text), undefined, text);
  }
});

Deno.test("StreamShelf counts what streams hold, and all of it is given back", async () => {
  const { shelf, stream } = streams(10_000);
  const one = stream("one");
  const reader = one.open();
  one.write("12345");
  assert.equal(shelf.size, OWN + 5);
  one.finish("123");
  assert.equal(shelf.size, OWN + 8);
  await readAll(reader);
  const two = stream("two");
  two.cut();
  assert.deepEqual([shelf.size, shelf.length], [OWN + 8, 1]);
  shelf.removeAllOf({ ...SESSION });
  assert.equal(shelf.length, 1, "another session of the same id is another session");
  shelf.removeAllOf(SESSION);
  assert.deepEqual([shelf.size, shelf.length, shelf.get("one")], [0, 0, undefined]);
  shelf.stop();
});

Deno.test("StreamShelf never gives up running streams for others, and finished ones in their order", () => {
  const { shelf, stream } = streams(4 * OWN);
  const running = stream("running");
  running.detach(undefined);
  for (const token of ["a", "b", "c", "d"]) stream(token).finish("1");
  assert.deepEqual(["running", "a", "b", "c", "d"].filter((token) => shelf.get(token)), [
    "running",
    "c",
    "d",
  ]);
  assert.equal(running.write("x".repeat(OWN)), true, "it takes the room of the others");
  assert.deepEqual(["running", "c", "d"].filter((token) => shelf.get(token)), ["running", "d"]);
  assert.equal(running.write("x".repeat(3 * OWN)), false);
  running.finish("x".repeat(5 * OWN));
  assert.equal(shelf.get("running"), running, "the answer is kept");
  shelf.stop();
  assert.deepEqual([shelf.size, shelf.length], [0, 0]);
});

Deno.test("ResumableStream lets a held event wait on for the next connection", async () => {
  const { shelf, stream, fates } = streams(10_000, 1);
  const one = stream("one");
  const reader = one.open();
  one.write("1");
  const held = one.write("2");
  assert.ok(held instanceof Promise);
  assert.equal(one.detach(reader), true);
  assert.equal(await held, true);
  assert.deepEqual(fates, ["written", "held", "released"]);
  const back = one.resume(1);
  one.finish("3");
  assert.equal(await readAll(back), "id: one_2\ndata: 2\n\nid: one_3\ndata: 3\n\n");
  shelf.stop();
});

Deno.test("ResumableStream forgets a session's end, and its connector cannot come back", () => {
  const { shelf, stream } = streams(10_000);
  const one = stream("one");
  const reader = one.open();
  shelf.removeAllOf(SESSION);
  assert.equal(one.write("1"), true, "who still listens gets it");
  assert.equal(one.detach(reader), false);
  one.finish("2");
  assert.deepEqual([shelf.size, shelf.length], [0, 0]);
});

Deno.test("ResumableStream drops the oldest events for a connector that reads on, so that it stays within its share", async () => {
  const { shelf, stream } = streams(100_000_000, 100_000_000);
  const one = stream("one");
  const reading = readAll(one.open());
  const large = "x".repeat(300_000);
  for (let n = 0; n < 8; n++) assert.equal(one.write(large), true);
  assert.equal(shelf.size, OWN + 3 * large.length);
  one.finish("end");
  assert.equal((await reading).split("\n\n").length, 10);
  assert.equal((await readAll(one.resume(0))).split("\n\n").length, 5);
  shelf.stop();
});
