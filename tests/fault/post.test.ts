import assert from "node:assert/strict";
import type { Post, PostFault } from "../support/fault_control_plane.ts";
import { POST_FAULTS } from "../support/fault_posts.ts";
import { faultRun } from "../support/fault_run.ts";
import { RESUMED_FAULT } from "../support/fault_target.ts";

for (const [proxied, client] of [[false, "sockets"], [true, "fetch"]] as const) {
  Deno.test(`whatever goes wrong with an answer on its way over ${client}, it is accepted exactly once`, async (t) => {
    await faultRun({ proxied, args: ["--mcp.connection-max-ttl=10s"] }, async ({ controlPlane }) => {
      for (const [name, fault] of Object.entries(POST_FAULTS)) {
        await t.step(name, async () => {
          controlPlane.onPost = ({ attempt }: Post): PostFault | undefined =>
            attempt === 0 ? fault : undefined;
          const orders = [
            controlPlane.add(),
            // Over `fetch` without events: it sends a request again by itself when a kept connection breaks under it.
            controlPlane.add({ params: { fault: proxied ? "a late answer" : "a stream with progress" } }),
            controlPlane.add({ params: { fault: "not JSON" } }),
            controlPlane.add({ kind: "notification", method: "notifications/initialized" }),
            controlPlane.add({ kind: "session_termination" }),
            controlPlane.add({ kind: "oauth_discovery" }),
          ];
          const answers = await Promise.all(orders.map((order) => controlPlane.answerTo(order)));
          assert.deepEqual(answers.map(({ respCode }) => respCode), [200, 200, 502, 202, 204, 200]);
          assert.ok(orders.every(({ repeats }) => repeats <= 1), "more than one repeat");
        });
      }
    });
  });
}

Deno.test("an answer is offered until it gets through, more often than the three times of the published client [P-131]", async () => {
  await faultRun({}, async ({ controlPlane }) => {
    const refusals = ["closed without an answer", "500", "reset without an answer", "408", "504"] as const;
    controlPlane.onPost = ({ attempt }) => {
      const name = refusals[attempt];
      return name && POST_FAULTS[name];
    };
    const order = controlPlane.add();
    const answer = await controlPlane.answerTo(order, 30_000);
    assert.equal(answer.respCode, 200);
    assert.equal(controlPlane.posts, 6);
  });
});

Deno.test("an event that may have arrived is not sent twice, and the answer comes behind the events", async () => {
  await faultRun({}, async ({ controlPlane }) => {
    const lost = POST_FAULTS["taken in, then reset"];
    controlPlane.onPost = ({ respType, attempt }) =>
      respType === "jsonrpc_notify" && attempt === 1 ? lost : undefined;
    const order = controlPlane.add({ params: { fault: "a stream with progress" } });
    const answer = await controlPlane.answerTo(order);
    assert.equal(answer.respCode, 200);
    assert.deepEqual(order.events.map((text) => JSON.parse(text).params.progress), [1, 2]);
    controlPlane.onPost = ({ respType, attempt }) =>
      respType === "jsonrpc_notify" && attempt === 1 ? POST_FAULTS["429"] : undefined;
    const patient = controlPlane.add({ params: { fault: "a stream with progress" } });
    await controlPlane.answerTo(patient);
    assert.deepEqual(patient.events.map((text) => JSON.parse(text).params.progress), [1, 2, 3]);
  });
});

Deno.test("an event whose POST hangs does not use up the time of its call's answer", async () => {
  const args = ["--control-plane.poll-deadline-guardrail=50s", "--mcp.connection-max-ttl=1m"];
  await faultRun({ args }, async ({ controlPlane }) => {
    controlPlane.onPost = ({ respType }) =>
      respType === "jsonrpc_notify" ? POST_FAULTS["never answered"] : undefined;
    const order = controlPlane.add({ params: { fault: "a stream with progress" }, timeoutMs: 4_000 });
    assert.equal((await controlPlane.answerTo(order)).respCode, 200);
    assert.deepEqual(order.events, []);
  });
});

Deno.test("an answer that the control plane finds too large becomes a short error [P-134]", async () => {
  await faultRun({}, async ({ controlPlane }) => {
    controlPlane.onPost = ({ exchange }) =>
      exchange.request.bodyText.length > 100_000
        ? async () => void await exchange.reply(413, '{"error":{"code":"request_body_too_large"}}')
        : undefined;
    const order = controlPlane.add({ params: { fault: "an answer of a megabyte" } });
    const answer = await controlPlane.answerTo(order);
    assert.equal(answer.respCode, 502);
    assert.equal(answer.json.error.data.tunnel_failure.source, "client_internal");
    const next = await controlPlane.answerTo(controlPlane.add());
    assert.equal(next.respCode, 200);
  });
});

Deno.test("a stream that breaks off behind an event id is resumed, and its call is executed once [HT-21]", async () => {
  await faultRun({ args: ["--mcp.connection-max-ttl=10s"] }, async ({ controlPlane, target }) => {
    const order = controlPlane.add({ params: { fault: RESUMED_FAULT } });
    const answer = await controlPlane.answerTo(order);
    assert.equal(answer.json.result?.worked, order.rpcId);
    assert.deepEqual(order.events.map((text) => JSON.parse(text).params.progress), [1, 2]);
    assert.equal(target.executions.get(JSON.stringify(order.rpcId)), 1);
  });
});
