import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { result, Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";

const CALLS = 600;

/** A target that keeps every call for a moment, so that work is always on its way. */
function busyTarget(): Target {
  return new Target(async (arrival) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return result(arrival, { worked: arrival.message.id });
  });
}

/** 24 callers that make all calls, each of which must be answered with its own id. */
async function callAll(url: string, onAnswer: (answered: number) => void): Promise<void> {
  let next = 0;
  let answered = 0;
  await Promise.all(Array.from({ length: 24 }, async () => {
    for (let id = next++; id < CALLS; id = next++) {
      const answer = await call(url, id, "work");
      assert.deepEqual(answer.result, { worked: id });
      onAnswer(++answered);
    }
  }));
}

function assertEachExecutedOnce(target: Target): void {
  assert.equal(target.arrivals.length, CALLS);
  assert.equal(new Set(target.arrivals.map(({ message }) => message.id)).size, CALLS);
}

Deno.test("two agents share a tunnel, one goes and another comes: no call is lost, none executed twice [P-150]", async () => {
  await using target = busyTarget();
  await using relay = await TestRelay.start();
  const args = [
    `--mcp.server-url=${target.url}`,
    "--mcp.max-concurrent-requests=3",
    "--control-plane.max-inflight=3",
  ];
  await using first = await AgentProgram.serving(relay, { args });
  await using second = await AgentProgram.serving(relay, { args });
  const third = Promise.withResolvers<AgentProgram>();
  let gone: Promise<{ code: number }> | undefined;
  await callAll(relay.mcpUrl, (answered) => {
    if (answered === CALLS / 4) gone = first.stopped();
    if (answered === CALLS / 2) AgentProgram.serving(relay, { args }).then(third.resolve, third.reject);
  });
  await using late = await third.promise;
  assert.equal((await gone)?.code, 0);
  assert.equal((await second.stopped()).code, 0);
  assert.equal((await late.stopped()).code, 0);
  assertEachExecutedOnce(target);
  assertNothingLost(relay.counts);
  assert.equal(relay.counts.answered, CALLS);
  const received = [first, second, late].map((agent) =>
    Number(agent.events("tunnel-client stopped")[0]?.received)
  );
  assert.equal(received.reduce((sum, count) => sum + count), CALLS);
  assert.ok(received[0]! > 10 && received[1]! > 10, `received ${received}`);
});

Deno.test("an agent that is killed while it waits takes no call with it", async () => {
  await using target = busyTarget();
  await using relay = await TestRelay.start();
  const args = [`--mcp.server-url=${target.url}`];
  await using doomed = await AgentProgram.serving(relay, { args });
  await using other = await AgentProgram.serving(relay, { args });
  await eventually("two open polls", () => relay.counts.openPolls === 2);
  doomed.program.signal("SIGKILL");
  await eventually("its poll has ended", () => relay.counts.openPolls === 1);
  await callAll(relay.mcpUrl, () => {});
  assert.equal((await other.stopped()).code, 0);
  assertEachExecutedOnce(target);
  assertNothingLost(relay.counts);
});
