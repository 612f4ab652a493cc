import assert from "node:assert/strict";
import { CallClock } from "../../../src/relay/call_clock.ts";
import { CallTable } from "../../../src/relay/call_table.ts";
import { type CallOwner, type CallTraits, PendingCall } from "../../../src/relay/pending_call.ts";
import { newCounters } from "../../../src/relay/relay_counts.ts";
import { until } from "../../support/relay_harness.ts";

const LIMITS = { responseTimeoutMs: 1_000, answerTimeoutMs: 50_000, sendResponseTimeout: true };

function bench() {
  const expired: string[] = [];
  const table = new CallTable((call) => {
    table.remove(call);
    expired.push(call.requestId);
  });
  const tunnel: CallOwner = {
    id: "t",
    counters: newCounters(),
    cancel: () => {},
    offer: () => {},
    close: () => false,
  };
  let order = 0;
  const add = (traits: Partial<CallTraits> = {}, waitMs = LIMITS.responseTimeoutMs) => {
    const call = new PendingCall({
      order: ++order,
      requestId: `cmd_${order}`,
      tunnel,
      commandType: "jsonrpc",
      channel: "main",
      headersJson: "{}",
      jsonrpc: "{}",
      deadline: performance.now() + waitMs,
      traits: { isAside: false, staysOpen: false, endsWithConnector: false, sessionId: "s", ...traits },
      reply: { notify: () => true, finish: () => {}, fail: () => {}, drop: () => {} },
    });
    call.state = "delivered";
    table.add(call);
    return call;
  };
  return { table, clock: new CallClock(table, LIMITS), add, expired };
}

/** How long a call may take from now on, in s. */
function left(call: PendingCall): number {
  return Math.round((call.deadline - performance.now()) / 1000);
}

Deno.test("CallClock never lets a call wait longer than its agent has been told", () => {
  const { table, clock, add } = bench();
  const call = add();
  const check = () => assert.ok(call.deadline <= call.agentUntil);
  assert.equal(clock.extend(call), 1_000);
  check();
  clock.asked(call, '"q"');
  assert.equal(clock.extend(call), 51_000);
  assert.equal(left(call), 50);
  check();
  const { agentUntil } = call;
  clock.left(call);
  assert.deepEqual([left(call), clock.extend(call)], [1, undefined]);
  clock.returned(call);
  assert.equal(left(call), 50);
  clock.withdrawn(call, '"q"');
  assert.deepEqual([left(call), call.agentUntil], [1, agentUntil]);
  clock.returned(call);
  assert.equal(left(call), 1, "nothing is asked any more");
  assert.equal(clock.extend(call), 1_000);
  check();
  table.stop();
});

Deno.test("CallClock takes an answer for the question of its own session and channel, and hurries none when two could be meant", () => {
  const { table, clock, add } = bench();
  const [first, second, other] = [add(), add(), add({ sessionId: "other" })];
  for (const call of [first, second, other]) {
    clock.asked(call, "1");
    clock.extend(call);
  }
  clock.answered(add({ isAside: true }), "1");
  clock.answered(add({ isAside: true, sessionId: "other" }), '"1"');
  assert.deepEqual([first, second, other].map(left), [50, 50, 50]);
  clock.answered(add({ isAside: true, sessionId: "other" }), "1");
  assert.deepEqual([first, second, other].map(left), [50, 50, 1]);
  table.remove(first);
  clock.answered(add({ isAside: true }), "1");
  assert.equal(left(second), 1);
  assert.equal(table.asking.size, 0);
  table.stop();
});

Deno.test("CallClock does not touch calls that have ended, or were not delivered", () => {
  const { table, clock, add } = bench();
  const call = add({ staysOpen: true });
  call.state = "done";
  clock.asked(call, "1");
  clock.left(call);
  clock.returned(call);
  assert.deepEqual([clock.extend(call), table.asking.size, left(call)], [undefined, 0, 1]);
  call.state = "queued";
  assert.equal(clock.extend(call), undefined);
  table.stop();
});

Deno.test("CallTable lets each call expire when its own time is over, in whatever order that is", async () => {
  const { table, clock, add, expired } = bench();
  const long = add({ staysOpen: true });
  clock.extend(long);
  const [second, first, third] = [add({}, 120), add({}, 120), add({}, 160)];
  long.deadline = performance.now() + 140;
  table.hold(long);
  // It moves behind the others of its kind.
  second.deadline = performance.now() + 180;
  table.add(second);
  await until(() => expired.length === 4, "all have expired");
  assert.deepEqual(expired.indexOf(first.requestId), 0);
  assert.ok(expired.indexOf(third.requestId) < expired.indexOf(second.requestId));
  assert.deepEqual([table.all(), table.get(long.requestId)], [[], undefined]);
});
