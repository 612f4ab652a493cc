import assert from "node:assert/strict";
import { createMetricStore } from "../../../src/ops/mod.ts";
import { SharedCounts } from "../../../src/sandbox/shared_counts.ts";

Deno.test("SharedCounts of the same memory are the same numbers", () => {
  const memory = SharedCounts.memory();
  const agent = new SharedCounts(memory);
  const main = new SharedCounts(memory);
  agent.received();
  agent.received();
  agent.ended("failed_answered");
  const outcomes = { answered: 0, acknowledged: 0, failed_answered: 1, expired: 0, undeliverable: 0 };
  assert.deepEqual(main.summary, { received: 2, outcomes });
});

Deno.test("SharedCounts count beside the metrics what belongs to the outcome law, and nothing else", () => {
  const counts = new SharedCounts(SharedCounts.memory());
  const store = createMetricStore();
  const metrics = counts.beside(store);
  metrics.count("commands_received_total");
  metrics.count("commands_outcome_total", { outcome: "answered" });
  metrics.count("commands_polled_total", undefined, 7);
  metrics.observe("commands_age_seconds", 1);
  metrics.gauge("commands_queue_length", () => 3);
  const { received, outcomes } = counts.summary;
  assert.deepEqual([received, outcomes.answered], [1, 1]);
  assert.equal(Object.values(outcomes).reduce((sum, count) => sum + count), 1);
  const snapshot = store.snapshot();
  assert.equal(snapshot.counters.find(({ name }) => name === "commands_polled_total")?.value, 7);
  assert.equal(snapshot.counters.find(({ name }) => name === "commands_received_total")?.value, 1);
  assert.equal(snapshot.gauges.find(({ name }) => name === "commands_queue_length")?.value, 3);
});
