import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Front } from "../support/e2e_front.ts";
import { type Answer, call } from "../support/e2e_json_rpc.ts";
import { processesWith } from "../support/e2e_processes.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { result, SlowTarget, Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";

/** Neither file survives the program. */
async function assertFilesGone({ folder }: AgentProgram): Promise<void> {
  assert.equal(await folder.exists("health.url"), false, "the URL file is still there");
  assert.equal(await folder.exists("agent.pid"), false, "the PID file is still there");
}

function work(relay: TestRelay, from: number, count: number, signal?: AbortSignal): Promise<Answer>[] {
  return Array.from({ length: count }, (_, n) => call(relay.mcpUrl, from + n, "work", {}, { signal }));
}

Deno.test("SIGTERM with calls running, queued and polled loses none; what was not polled waits for the next agent", async () => {
  await using target = new SlowTarget();
  await using relay = await TestRelay.start({ responseTimeoutMs: 60_000 });
  const args = [`--mcp.server-url=${target.url}`, "--mcp.max-concurrent-requests=3"];
  await using agent = await AgentProgram.serving(relay, { args });
  assert.equal(await agent.folder.read("agent.pid"), `${agent.program.pid}\n`);

  const calls = work(relay, 0, 12);
  await eventually(
    "3 running, 9 queued, an open poll",
    () => target.gate.waiting === 3 && relay.counts.inFlight === 12 && relay.counts.openPolls === 1,
  );
  agent.program.signal("SIGTERM");
  // These may still travel with the open poll, or must wait for another agent; nothing in between.
  calls.push(...work(relay, 12, 8));
  await agent.untilReadyz(503, /^draining/);
  assert.equal(agent.program.running, true);
  assert.equal(relay.counts.answered, 0);

  target.gate.open();
  const end = await agent.program.ended();
  assert.equal(end.code, 0, end.stderr);
  assertNothingLost(relay.counts);
  assert.ok(relay.counts.answered >= 12);
  await assertFilesGone(agent);
  const [stopped] = agent.events("tunnel-client stopped");
  assert.equal(stopped?.received, relay.counts.answered);
  assert.equal(stopped?.answered, relay.counts.answered);

  await using next = await AgentProgram.serving(relay, { args });
  for (const [n, answer] of (await Promise.all(calls)).entries()) {
    assert.deepEqual(answer.result, { worked: n });
  }
  assert.equal(target.executions().size, 20);
  assert.ok([...target.executions().values()].every((times) => times === 1), "a call was executed twice");
  assert.equal((await next.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

/** Callers that call without pause until they are told to stop. */
async function underLoad(
  relay: TestRelay,
  during: (answered: () => number) => Promise<void>,
): Promise<number> {
  const over = new AbortController();
  let answered = 0;
  let next = 0;
  const callers = Array.from({ length: 16 }, async () => {
    while (!over.signal.aborted) {
      const id = next++;
      try {
        const answer = await call(relay.mcpUrl, id, "work", {}, { signal: over.signal });
        assert.deepEqual(answer.result, { worked: id });
        answered++;
      } catch (error) {
        if (!over.signal.aborted) throw error;
      }
    }
  });
  try {
    await during(() => answered);
  } finally {
    over.abort();
  }
  await Promise.all(callers);
  return answered;
}

for (const wire of ["our relay", "the published wire"] as const) {
  Deno.test(`SIGTERM in the middle of steady traffic loses nothing, three times, with ${wire}`, async () => {
    for (let round = 0; round < 3; round++) {
      await using target = new Target((arrival) => result(arrival, { worked: arrival.message.id }));
      await using relay = await TestRelay.start();
      await using front = wire === "our relay"
        ? relay
        : new Front({ upstream: relay.url, without: "x-tunnel-relay-features" });
      await using agent = await AgentProgram.listening({
        controlPlaneUrl: front.url,
        args: [`--mcp.server-url=${target.url}`, "--control-plane.poll-timeout=1s"],
      });
      await relay.polled();
      const answered = await underLoad(relay, async (answered) => {
        await eventually("steady traffic", () => answered() > 100 + round * 37);
        const end = await agent.stopped();
        assert.equal(end.code, 0, end.stderr);
      });
      assertNothingLost(relay.counts);
      assert.equal(relay.counts.answered, answered);
      assert.equal(target.arrivals.length, answered);
    }
  });
}

Deno.test("SIGTERM to an idle agent ends it at once, though its poll would be held for 30 s", async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, { args: [`--mcp.server-url=${target.url}`] });
  const startedAt = performance.now();
  assert.equal((await agent.stopped()).code, 0);
  assert.ok(performance.now() - startedAt < 5_000);
  assert.equal(relay.counts.openPolls, 0);
  await assertFilesGone(agent);
});

Deno.test("what still runs or waits at the drain limit is answered with a failure, and the exit code is 0", async () => {
  await using target = new SlowTarget();
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--mcp.server-url=${target.url}`,
      "--mcp.max-concurrent-requests=2",
      "--shutdown.drain-timeout=500ms",
    ],
  });
  const calls = work(relay, 0, 6);
  await eventually("2 running, 4 queued", () => target.gate.waiting === 2 && relay.counts.inFlight === 6);
  const end = await agent.stopped();
  assert.equal(end.code, 0, end.stderr);
  for (const [n, answer] of (await Promise.all(calls)).entries()) {
    assert.equal(answer.status, 503);
    assert.equal(answer.id, n);
    assert.equal(answer.error?.code, -32603);
  }
  assertNothingLost(relay.counts);
  assert.equal(target.arrivals.length, 2, "a waiting call was still started");
  assert.equal(agent.events("tunnel-client stopped")[0]?.failed_answered, 6);
});

for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  Deno.test(`a second ${signal} ends the program at once with ${code} [R-27]`, async () => {
    await using target = new SlowTarget();
    await using relay = await TestRelay.start();
    await using agent = await AgentProgram.serving(relay, {
      args: [`--mcp.server-url=${target.url}`, "--mcp.command=channel=other,command=sleep 1000"],
    });
    const hangUp = new AbortController();
    const calls = Promise.allSettled(work(relay, 0, 3, hangUp.signal));
    await eventually("3 running", () => target.gate.waiting === 3);
    agent.program.signal(signal);
    await agent.untilEvent("stop requested; a second signal stops at once");
    await agent.untilReadyz(503, /^draining/);
    const startedAt = performance.now();
    agent.program.signal(signal);
    const end = await agent.program.ended();
    assert.equal(end.code, code, end.stderr);
    assert.ok(performance.now() - startedAt < 5_000, "it took its time");
    await assertFilesGone(agent);
    assert.deepEqual(processesWith(agent.mark), []);
    hangUp.abort();
    await calls;
  });
}
