import assert from "node:assert/strict";
import { Cancellations } from "../../../src/relay/cancellations.ts";
import { until } from "../../support/relay_harness.ts";

Deno.test("Cancellations hands each instance what is its own, once, oldest first", () => {
  const due: string[] = [];
  const waiting = new Cancellations((instanceId) => due.push(instanceId));
  waiting.add("cmd_1", "a");
  waiting.add("cmd_2", "b");
  waiting.add("cmd_3", "a");
  waiting.forget("cmd_unknown");
  assert.deepEqual(due, ["a", "b", "a"]);
  assert.deepEqual([waiting.has("a"), waiting.has("b"), waiting.has("c")], [true, true, false]);
  assert.deepEqual(waiting.take("a"), ["cmd_1", "cmd_3"]);
  assert.deepEqual([waiting.take("a"), waiting.has("a")], [[], false]);
  waiting.forget("cmd_2");
  assert.deepEqual(waiting.take("b"), []);
});

Deno.test("Cancellations keeps what is not due yet to itself, unless its command has ended", async () => {
  const due: string[] = [];
  const waiting = new Cancellations((instanceId) => due.push(instanceId));
  waiting.addLater("cmd_1", "a", 40);
  waiting.addLater("cmd_2", "b", 40);
  waiting.addLater("cmd_3", "c", 40);
  assert.deepEqual([waiting.has("a"), waiting.take("a")], [false, []]);
  waiting.forget("cmd_2");
  await until(() => due.length === 2, "both are due");
  assert.deepEqual(due, ["a", "c"]);
  assert.deepEqual([waiting.take("a"), waiting.take("c")], [["cmd_1"], ["cmd_3"]]);
  // The sanitizers see a timer that a stop leaves behind.
  waiting.addLater("cmd_4", "a", 60_000);
  waiting.stop();
});

Deno.test("Cancellations is bounded: the oldest are forgotten", () => {
  const waiting = new Cancellations(() => {});
  for (let n = 0; n < 10_005; n++) waiting.add(`cmd_${n}`, "gone");
  const taken = waiting.take("gone");
  assert.deepEqual([taken.length, taken[0], taken.at(-1)], [10_000, "cmd_5", "cmd_10004"]);
  // What was taken, forgotten or had been added already makes room again, once.
  for (const id of ["a", "a", "b"]) waiting.add(id, "other");
  waiting.forget("b");
  waiting.forget("b");
  for (let n = 0; n < 9_999; n++) waiting.add(`cmd_${n}`, "gone");
  assert.deepEqual(waiting.take("other"), ["a"]);
  assert.equal(waiting.take("gone").length, 9_999);
});
