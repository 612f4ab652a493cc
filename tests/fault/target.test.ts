import assert from "node:assert/strict";
import { TARGET_FAULTS } from "../support/fault_answers.ts";
import type { Answer } from "../support/fault_control_plane.ts";
import { faultRun, TTL_MS } from "../support/fault_run.ts";
import { FaultTarget } from "../support/fault_target.ts";

/** An error is one that a connector can understand, and says nothing of the target's own text. */
function assertError(name: string, { json, respCode }: Answer): void {
  assert.equal(typeof json.error.code, "number", name);
  assert.equal(typeof json.error.message, "string", name);
  assert.ok(respCode >= 300, `${name}: status ${respCode}`);
  if (json.error.code === -32603) assert.equal(json.error.data.tunnel_failure.version, 1, name);
  assert.ok(!JSON.stringify(json).includes("Traceback"), name);
}

/** Ends a connection that the agent has every reason to use again. */
const SILENT_END = "an answer, then closed";

Deno.test("whatever a target answers, the connector gets exactly one answer, and a good one where there is one", async () => {
  await faultRun({ args: ["--mcp.max-concurrent-requests=16"] }, async ({ controlPlane, target }) => {
    const add = (fault: string) => ({
      fault,
      expects: TARGET_FAULTS[fault]?.expects,
      order: controlPlane.add({ params: { fault } }),
    });
    const check = async ({ fault, expects, order }: ReturnType<typeof add>) => {
      const answer = await controlPlane.answerTo(order, 30_000);
      if (expects === "error") assertError(fault, answer);
      else assert.equal(answer.json.result?.worked, order.rpcId, `${fault}: ${JSON.stringify(answer.json)}`);
      assert.equal(target.executions.get(JSON.stringify(order.rpcId)), 1, fault);
    };
    const orders = Object.keys(TARGET_FAULTS).filter((fault) => fault !== SILENT_END).map(add);
    for (const order of orders) await check(order);
    // Alone: a call that is on its way on that connection when its end arrives is lost, and may not be repeated.
    await check(add(SILENT_END));
    // The requests of a target are answered on the spot.
    assert.equal(target.replies, 2);
    const next = controlPlane.add();
    assert.equal((await controlPlane.answerTo(next)).respCode, 200);
  });
});

Deno.test("a target that resets every connection, or takes none, gives errors at once; it is used again when it is back", async () => {
  await faultRun({}, async ({ controlPlane, target, agent }) => {
    for (const greeting of ["reset", "refuse"] as const) {
      // What is kept open is closed with it.
      await target.server.refuse();
      target.server.greet = () => greeting === "reset" ? "reset" : "serve";
      if (greeting === "reset") await target.server.accept();
      const lost = [controlPlane.add(), controlPlane.add()];
      for (const order of lost) {
        const answer = await controlPlane.answerTo(order);
        assert.equal(answer.respCode, 502);
        assert.equal(answer.json.error.data.tunnel_failure.upstream_response_received, false);
        assert.equal(target.executions.has(JSON.stringify(order.rpcId)), false);
      }
      target.server.greet = () => "serve";
      await target.server.accept();
      assert.equal((await controlPlane.answerTo(controlPlane.add())).respCode, 200);
    }
    await agent.untilReadyz(200, /^ready/);
  });
});

Deno.test("a target that takes connections and says nothing holds up only its own calls, and only for the time limit", async () => {
  await using other = await FaultTarget.start();
  const args = ["--mcp.max-concurrent-requests=6", `--mcp.server-url=channel=other,url=${other.url}`];
  await faultRun({ args }, async ({ controlPlane, target }) => {
    await target.server.refuse();
    target.server.greet = () => "ignore";
    await target.server.accept();
    const startedAt = performance.now();
    const held = [
      controlPlane.add(),
      controlPlane.add({ kind: "notification", method: "notifications/initialized" }),
      controlPlane.add({ kind: "session_termination" }),
      controlPlane.add({ kind: "oauth_discovery" }),
    ];
    const free = Array.from({ length: 4 }, () => controlPlane.add({ channel: "other" }));
    for (const order of free) assert.equal((await controlPlane.answerTo(order)).respCode, 200);
    assert.ok(held.every(({ answer }) => answer === undefined), "the others had to wait");
    for (const order of held) {
      const answer = await controlPlane.answerTo(order);
      assert.equal(answer.respCode, 504, order.kind);
      if (order.kind === "call") assert.equal(answer.json.error.data.tunnel_failure.source, "timeout");
    }
    assert.ok(performance.now() - startedAt >= TTL_MS);
    target.server.greet = () => "serve";
    assert.equal((await controlPlane.answerTo(controlPlane.add())).respCode, 200);
  });
});

Deno.test("a command whose deadline passes at a hanging target is not answered any more, and its worker is free again", async () => {
  await faultRun(
    { args: ["--mcp.max-concurrent-requests=2", "--mcp.connection-max-ttl=1m"] },
    async ({ controlPlane, agent }) => {
      const dated = [1, 2, 3].map(() =>
        controlPlane.add({ params: { fault: "never answered" }, timeoutMs: 700 })
      );
      await agent.program.until(
        "three ends",
        () =>
          agent.events("command expired while it was running").length +
              agent.events("command expired before it was started").length === dated.length,
      );
      assert.ok(dated.every(({ answer }) => answer === undefined));
      const order = controlPlane.add({ timeoutMs: 20_000 });
      assert.equal((await controlPlane.answerTo(order)).respCode, 200);
    },
  );
});
