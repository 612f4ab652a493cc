import assert from "node:assert/strict";
import { type EventFate, EventStream, eventText } from "../../../src/relay/event_stream.ts";

function stream(bufferBytes: number, holdMs = 60_000) {
  const fates: EventFate[] = [];
  const events = new EventStream({ bufferBytes, holdMs, onEvent: (fate) => fates.push(fate) });
  return { events, fates };
}

async function readAll(events: EventStream): Promise<string> {
  let text = "";
  for await (const piece of events) text += new TextDecoder().decode(piece);
  return text;
}

Deno.test("eventText() puts the JSON on one line without touching its strings [P-174]", () => {
  assert.equal(eventText('{"a":\r\n"x\\ny"}'), 'data: {"a":  "x\\ny"}\n\n');
});

Deno.test("EventStream gives what was written, in order, and ends behind the last event [P-174]", async () => {
  const { events, fates } = stream(1_000);
  assert.equal(events.write("1"), true);
  const reading = readAll(events);
  await Promise.resolve();
  events.write("2");
  events.finish("3");
  events.finish("4");
  events.write("5");
  assert.equal(await reading, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  assert.deepEqual(fates, ["written", "written"]);
});

Deno.test("EventStream holds writers while the reader lags, and lets them go one by one [P-169]", async () => {
  const { events, fates } = stream(1);
  events.write("1");
  const settled: string[] = [];
  const second = Promise.resolve(events.write("2")).then(() => settled.push("2"));
  const third = Promise.resolve(events.write("3")).then(() => settled.push("3"));
  assert.deepEqual(fates, ["written", "held", "held"]);
  const reader = events[Symbol.asyncIterator]();
  await reader.next();
  assert.deepEqual(settled, []);
  await reader.next();
  await second;
  assert.deepEqual(settled, ["2"]);
  await reader.next();
  await third;
  assert.deepEqual(fates, ["written", "held", "held", "written-late", "written-late"]);
  events.cut();
  assert.equal((await reader.next()).done, true);
});

Deno.test("EventStream.cut() lets held writers go without their events [P-172]", async () => {
  const { events, fates } = stream(1);
  events.write("1");
  const held = events.write("2");
  events.cut();
  assert.equal(await held, false);
  assert.equal(await readAll(events), "data: 1\n\n");
  assert.deepEqual(fates, ["written", "held", "released"]);
});

Deno.test("EventStream drops a held event after its time, and the others stay [P-169]", async () => {
  const { events, fates } = stream(1, 20);
  events.write("1");
  assert.equal(await events.write("2"), false);
  assert.deepEqual(fates, ["written", "held", "dropped-late"]);
  events.finish("last");
  assert.equal(await readAll(events), "data: 1\n\ndata: last\n\n");
});
