import assert from "node:assert/strict";
import { Conversation } from "../../../../src/channels/stdio/conversation.ts";
import { CrashRecord } from "../../../../src/channels/stdio/crash_record.ts";
import { LineLog } from "../../../../src/channels/stdio/line_log.ts";
import { stdioFailure } from "../../../../src/channels/stdio/result.ts";
import { Slots } from "../../../../src/channels/stdio/slots.ts";
import { WriteQueue } from "../../../../src/channels/stdio/write_queue.ts";
import { HandClock } from "../../../support/stdio_clock.ts";
import { callOf, KeptLog, NEVER, QUIET } from "../../../support/stdio_harness.ts";

Deno.test("CrashRecord doubles the delay up to its limit and sets it back after a child that lived and answered", () => {
  const clock = new HandClock();
  const record = new CrashRecord(200, 30_000, clock);
  const delays = Array.from({ length: 9 }, () => record.ended(10));
  assert.deepEqual(delays, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
  record.answered();
  assert.equal(record.ended(100), 30_000, "it answered, but lived too short");
  assert.equal(record.ended(60_000), 30_000, "it lived, but answered nothing");
  record.answered();
  assert.equal(record.ended(5_000), 200);
  assert.equal(record.ended(10), 400);
});

Deno.test("CrashRecord sees a loop in three ends without an answer, or three within a minute", () => {
  const clock = new HandClock();
  const record = new CrashRecord(1, 1, clock);
  record.ended(1);
  record.ended(1);
  assert.deepEqual([record.isLoop(), record.isShaky(1)], [false, false]);
  record.ended(1);
  assert.deepEqual([record.isLoop(), record.isShaky(1), record.isShaky(30_000)], [true, true, false]);
  record.answered();
  assert.deepEqual([record.isLoop(), record.isShaky(1)], [false, true]);
  clock.advance(60_001);
  assert.equal(record.isShaky(1), false);
});

Deno.test("LineLog writes 50 lines per second and says how many it left out", () => {
  const clock = new HandClock();
  const log = new KeptLog();
  const lines = new LineLog("line", "info", log, clock);
  for (let index = 0; index < 70; index++) lines.write({ index });
  assert.equal(log.of("line").length, 50);
  assert.equal(log.of("line suppressed").length, 0);
  clock.advance(1000);
  assert.deepEqual(log.of("line suppressed").map(({ fields }) => fields.lines), [20]);
  lines.write({ index: 70 });
  assert.equal(log.of("line").length, 51);
  for (let index = 0; index < 60; index++) lines.write({ index });
  lines.close();
  assert.deepEqual(log.of("line suppressed").map(({ fields }) => fields.lines), [20, 11]);
  assert.equal(clock.timers, 0);
});

Deno.test("Slots are given in the order of arrival, and waiting can be given up [SE-1, SE-2]", async () => {
  const slots = new Slots(2);
  assert.equal(slots.take(NEVER), undefined);
  assert.equal(slots.take(NEVER), undefined);
  const order: string[] = [];
  const gone = new AbortController();
  const first = slots.take(NEVER)?.then(() => order.push("first"));
  const abandoned = slots.take(gone.signal);
  const second = slots.take(NEVER)?.then(() => order.push("second"));
  gone.abort(new Error("gone"));
  await assert.rejects(abandoned!, /gone/);
  slots.release();
  slots.release();
  await Promise.all([first, second]);
  assert.deepEqual(order, ["first", "second"]);
  slots.release();
  assert.equal(slots.take(NEVER), undefined);
  assert.throws(() => slots.take(gone.signal), /gone/);
});

Deno.test("an answer too large to keep ends the only call, and nothing when it could be another's", async () => {
  for (const count of [1, 2]) {
    const sent = Promise.withResolvers<void>();
    const writes = new WriteQueue(new WritableStream(), () => assert.fail("broken"));
    const events = {
      answered: () => undefined,
      initializeAccepted: () => undefined,
      initializedWritten: () => undefined,
      dropped: () => undefined,
    };
    const conversation = new Conversation(
      writes,
      { concurrency: 2, sendInitialized: false },
      events,
      QUIET,
      new HandClock(),
    );
    const observer = { sent: () => sent.resolve(), notification: () => Promise.resolve() };
    const calls = Array.from(
      { length: count },
      (_, id) => conversation.call(callOf("x", {}, id), observer, NEVER, "own", "off"),
    );
    await sent.promise;
    conversation.onTooLarge();
    conversation.end(stdioFailure("eof", "ended"));
    const kinds = (await Promise.all(calls)).map((result) =>
      typeof result === "symbol" ? "" : Object(result).kind
    );
    assert.equal(kinds[0], count === 1 ? "invalid_protocol_response" : "eof");
  }
});
