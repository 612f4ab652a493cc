import assert from "node:assert/strict";
import { processesWith } from "../support/e2e_processes.ts";
import { faultRun, TTL_MS } from "../support/fault_run.ts";
import { FaultStdio } from "../support/fault_stdio.ts";

/** What a call gets whose server does this. */
const FAULTS: Readonly<Record<string, "result" | "error">> = {
  "killed in the middle": "error",
  "killed behind half an answer": "error",
  "killed behind the answer": "result",
  "ends with code 0": "error",
  "talks on standard output": "result",
  "floods standard error": "result",
  "floods standard error without a line end": "result",
  "floods standard output": "result",
  "floods with notifications": "result",
  "answers twice": "result",
  "answers in single bytes": "result",
  "answers over many lines": "result",
  "answers in a batch": "result",
  "answers another call": "result",
  "answers with something else": "error",
  "asks first": "result",
  "answers with two megabytes": "result",
};

const DEADLY = new Set(Object.keys(FAULTS).slice(0, 4));

for (const concurrency of [1, 4]) {
  Deno.test(`whatever a stdio server does, a call gets one answer and the next call works, with ${concurrency} at once`, async () => {
    await using stdio = new FaultStdio();
    const args = [stdio.flag(), `--mcp.stdio-concurrency=${concurrency}`, "--mcp.connection-max-ttl=20s"];
    await faultRun({ http: false, args }, async ({ controlPlane, agent, stop }) => {
      let deaths = 0;
      for (const [fault, expects] of Object.entries(FAULTS)) {
        const order = controlPlane.add({ params: { fault } });
        const answer = await controlPlane.answerTo(order, 30_000);
        if (expects === "result") assert.equal(answer.json.result?.worked, order.rpcId, fault);
        else {
          assert.equal(answer.respCode, 502, fault);
          assert.equal(answer.json.error.code, -32603, fault);
        }
        // A message for a server that has just died cannot be told from one that it has read.
        if (DEADLY.has(fault)) {
          deaths++;
          const exits = () => agent.events("stdio MCP command exited").length === deaths;
          await agent.program.until(`the end of the server that was ${fault}`, exits);
        }
        const next = controlPlane.add();
        assert.equal((await controlPlane.answerTo(next, 30_000)).json.result?.worked, next.rpcId, fault);
      }
      assert.equal((await stdio.executions()).size, controlPlane.work.length);
      assert.deepEqual(await stdio.executedTwice(), []);
      stop();
      await agent.program.ended();
      assert.deepEqual(processesWith(agent.mark), []);
    });
  });
}

Deno.test("a stdio server that says nothing loses its call at the time limit, and no other", async () => {
  await using stdio = new FaultStdio();
  await faultRun({ http: false, args: [stdio.flag()] }, async ({ controlPlane }) => {
    assert.equal((await controlPlane.answerTo(controlPlane.add())).respCode, 200);
    const startedAt = performance.now();
    const silent = controlPlane.add({ params: { fault: "says nothing" } });
    assert.equal((await controlPlane.answerTo(silent)).respCode, 504);
    assert.ok(performance.now() - startedAt >= TTL_MS);
    const dated = controlPlane.add({ params: { fault: "says nothing" }, timeoutMs: 300 });
    const after = controlPlane.add({ timeoutMs: 30_000 });
    assert.equal((await controlPlane.answerTo(after)).respCode, 200);
    assert.equal(dated.answer, undefined);
  });
});

Deno.test("a stdio server that is killed with calls running and waiting fails the running ones and gets the others anew", async () => {
  await using stdio = new FaultStdio();
  const args = [
    stdio.flag(),
    "--mcp.stdio-concurrency=4",
    "--mcp.max-concurrent-requests=4",
    "--mcp.connection-max-ttl=20s",
  ];
  await faultRun({ http: false, args }, async ({ controlPlane, agent }) => {
    const running = [1, 2, 3].map(() => controlPlane.add({ params: { fault: "says nothing" } }));
    await agent.program.until("three executions", async () => (await stdio.executions()).size === 3);
    const killer = controlPlane.add({ params: { fault: "killed in the middle" } });
    const waiting = [1, 2, 3, 4].map(() => controlPlane.add());
    for (const order of [...running, killer]) {
      assert.equal((await controlPlane.answerTo(order)).respCode, 502);
    }
    for (const order of waiting) {
      assert.equal((await controlPlane.answerTo(order)).json.result.worked, order.rpcId);
    }
    assert.deepEqual(await stdio.executedTwice(), []);
  });
});

Deno.test("a stdio server that is killed from outside again and again loses at most what it was working on", async () => {
  await using stdio = new FaultStdio();
  const args = [stdio.flag(), "--mcp.stdio-concurrency=8", "--mcp.connection-max-ttl=20s"];
  await faultRun({ http: false, args }, async ({ controlPlane, agent }) => {
    for (let round = 0; round < 4; round++) {
      const orders = Array.from({ length: 40 }, () => controlPlane.add());
      await controlPlane.changes.until(
        "some answers",
        () => orders.filter(({ answer }) => answer).length > round * 8,
      );
      stdio.kill(agent);
      for (const order of orders) await controlPlane.answerTo(order, 30_000);
    }
    assert.deepEqual(await stdio.executedTwice(), []);
  });
});

Deno.test("a stdio server that closes its output and lives on is ended, and its call is answered with an error", async () => {
  const server = "sh -c 'read line; exec >&-; sleep 1000'";
  const args = [`--mcp.command=${server}`, "--mcp.connection-max-ttl=20s"];
  await faultRun({ http: false, handshake: false, args }, async ({ controlPlane, agent, stop }) => {
    const answer = await controlPlane.answerTo(controlPlane.add({ method: "initialize" }));
    assert.equal(answer.respCode, 502);
    assert.equal(answer.json.error.data.tunnel_failure.source, "transport_closed");
    stop();
    await agent.program.ended();
    assert.deepEqual(processesWith(agent.mark), []);
  });
});
