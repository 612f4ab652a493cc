import assert from "node:assert/strict";
import {
  createBatchLog,
  createBatchTimeline,
  createMetricStore,
  createTimelineRing,
  type LogRecord,
  type TimelineEntry,
} from "../../../src/ops/mod.ts";

interface TestBatch {
  readonly batches: LogRecord[][];
  readonly batch: ReturnType<typeof createBatchLog>;
  readonly metrics: ReturnType<typeof createMetricStore>;
  /** Resolves with the batch that arrives next. */
  next(): Promise<LogRecord[]>;
}

function open(options: { readonly level?: "debug" | "info"; readonly capacity?: number } = {}): TestBatch {
  const batches: LogRecord[][] = [];
  const metrics = createMetricStore();
  let arrived = Promise.withResolvers<LogRecord[]>();
  const batch = createBatchLog({
    level: "info",
    metrics,
    ...options,
    flush(records) {
      batches.push(records);
      arrived.resolve(records);
      arrived = Promise.withResolvers();
    },
  });
  return { batches, batch, metrics, next: () => arrived.promise };
}

const events = (records: readonly LogRecord[]) => records.map(({ event }) => event);

function entry(requestId: string): TimelineEntry {
  return {
    timeMs: 1,
    requestId,
    channel: "main",
    kind: "call",
    method: "tools/call",
    outcome: "answered",
    statusCode: 200,
    queuedMs: 1,
    totalMs: 2,
    reason: "",
  };
}

Deno.test("createBatchLog() hands records on together, in order, within its short wait", async () => {
  const { batch, batches, next } = open();
  const arrived = next();
  batch.log.info("one", { n: 1 });
  batch.log.with({ component: "dispatcher" }).info("two", { n: 2 });
  assert.equal(batches.length, 0);
  const records = await arrived;
  assert.deepEqual(events(records), ["one", "two"]);
  assert.deepEqual(records[1]?.fields, { component: "dispatcher", n: 2 });
  assert.ok(Math.abs((records[0]?.timeMs ?? 0) - Date.now()) < 10_000);
});

Deno.test("createBatchLog() hands errors and lone warnings on at once, with what waited before them", () => {
  const { batch, batches } = open();
  batch.log.info("one");
  batch.log.error("two");
  assert.deepEqual(batches.map(events), [["one", "two"]]);
  const fresh = open();
  fresh.batch.log.warn("first");
  assert.deepEqual(fresh.batches.map(events), [["first"]]);
});

Deno.test("createBatchLog() joins the warnings of a storm", async () => {
  const { batch, batches, next } = open();
  const started = performance.now();
  batch.log.warn("0");
  const arrived = next();
  for (let n = 1; n <= 100; n++) batch.log.warn(String(n));
  await arrived;
  batch.flush();
  const allowed = 3 + (performance.now() - started) / 5;
  assert.ok(batches.length <= allowed, `${batches.length} batches for 101 warnings`);
  assert.deepEqual(
    batches.flat().map(({ event }) => Number(event)),
    Array.from({ length: 101 }, (_, n) => n),
  );
});

Deno.test("createBatchLog() keeps no timer while nothing waits", () => {
  // The test's own leak check is the assertion: a timer that is left would fail it.
  const { batch, batches } = open();
  batch.log.info("one");
  batch.flush();
  batch.flush();
  assert.deepEqual(batches.map(events), [["one"]]);
});

Deno.test("createBatchLog() follows a change of level, in children too [L-6]", () => {
  const { batch, batches } = open();
  const child = batch.log.with({ component: "x" });
  child.debug("hidden");
  assert.equal(child.enabled("debug"), false);
  batch.setLevel("debug");
  assert.equal(child.enabled("debug"), true);
  child.debug("shown");
  batch.setLevel("error");
  child.warn("hidden");
  batch.flush();
  assert.deepEqual(batches.map(events), [["shown"]]);
});

Deno.test("createBatchLog() is bounded: what does not fit is dropped, counted and reported, errors never", () => {
  const { batch, batches, metrics } = open({ level: "debug", capacity: 3 });
  for (let n = 0; n < 10; n++) batch.log.debug(`debug ${n}`);
  batch.log.error("kept");
  batch.flush();
  const records = batches.flat();
  assert.deepEqual(events(records), ["debug 0", "debug 1", "debug 2", "log records dropped", "kept"]);
  assert.deepEqual(records[3]?.fields, { count: 7 });
  assert.deepEqual(
    metrics.snapshot().counters.find(({ name }) => name === "log_records_dropped_total")?.value,
    7,
  );
});

Deno.test("createBatchTimeline() hands every entry on, in order, however many come", async () => {
  const batches: TimelineEntry[][] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const batched = createBatchTimeline((entries) => {
    batches.push(entries);
    if (batches.flat().length === 2500) resolve();
  });
  for (let n = 0; n < 2500; n++) batched.timeline.add(entry(String(n)));
  assert.equal(batches.length, 2);
  await promise;
  assert.deepEqual(
    batches.flat().map(({ requestId }) => Number(requestId)),
    Array.from({ length: 2500 }, (_, n) => n),
  );
  batched.flush();
});

Deno.test("createTimelineRing() keeps the newest entries, newest first", () => {
  const ring = createTimelineRing(3);
  assert.deepEqual(ring.latest(2), []);
  for (const id of ["a", "b", "c", "d"]) ring.add(entry(id));
  assert.deepEqual(ring.latest(2).map(({ requestId }) => requestId), ["d", "c"]);
  assert.deepEqual(ring.latest(50).map(({ requestId }) => requestId), ["d", "c", "b"]);
});
