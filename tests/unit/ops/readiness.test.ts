import assert from "node:assert/strict";
import { agedStatus, type AgentStatus, evaluateReadiness } from "../../../src/ops/mod.ts";
import { agentStatus, stdioChannel } from "../../support/ops_status.ts";

function body(status: AgentStatus | undefined): string {
  const { ready, body } = evaluateReadiness(status);
  return `${ready ? 200 : 503} ${body}`;
}

const probe = (state: AgentStatus["probe"]["state"], error = "") => agentStatus({ probe: { state, error } });

Deno.test("evaluateReadiness() is ready when nothing is wrong [R-3 row 9]", () => {
  assert.equal(body(agentStatus()), "200 ready");
});

Deno.test("evaluateReadiness() waits for the startup probe [R-3 row 4]", () => {
  assert.equal(body(probe("pending")), "503 mcp startup probe pending");
});

Deno.test("evaluateReadiness() is ready when the target asks for authorization [R-3 row 5]", () => {
  const status = probe("auth_required", " mcp server answered 401 \n");
  assert.equal(body(status), "200 ready (mcp initialize requires auth: mcp server answered 401)");
});

Deno.test("evaluateReadiness() is not ready when the startup wait ran out [R-3 row 6, R-8]", () => {
  const status = probe("wait_failed", "mcp startup wait timed out after 5s: connection refused");
  assert.equal(
    body(status),
    "503 mcp startup wait failed: mcp startup wait timed out after 5s: connection refused",
  );
});

Deno.test("evaluateReadiness() is ready when the probe got no answer in time [R-3 row 7]", () => {
  const status = probe("timed_out", "mcp probe timed out after 2s: no response");
  assert.equal(
    body(status),
    "200 ready (mcp startup probe timed out: mcp probe timed out after 2s: no response)",
  );
});

Deno.test("evaluateReadiness() is not ready after any other probe error [R-3 row 8]", () => {
  assert.equal(body(probe("failed", "HTTP 500")), "503 mcp probe failed: HTTP 500");
});

Deno.test("evaluateReadiness() reduces URLs in a probe error to their origin [spec 06 §3 (e)]", () => {
  const error =
    'Post "https://user:pw@mcp.internal:8443/mcp?token=abc": dial failed, see http://[::1]:9/x#y.';
  const { body } = evaluateReadiness(probe("failed", error));
  assert.equal(body, 'mcp probe failed: Post "https://mcp.internal:8443": dial failed, see http://[::1]:9');
});

Deno.test("evaluateReadiness() is not ready before the agent has spoken", () => {
  assert.equal(body(undefined), "503 agent startup pending");
});

Deno.test("evaluateReadiness() is not ready when the agent hangs, whatever it said last", () => {
  const readiness = evaluateReadiness(agentStatus({ agentAlive: false }));
  assert.equal(readiness.body, "agent is not responding");
  assert.equal(readiness.ready, false);
  assert.deepEqual(readiness.checks.map(({ name }) => name), ["agent"]);
});

Deno.test("evaluateReadiness() is not ready while draining", () => {
  assert.equal(body(agentStatus({ draining: true })), "503 draining");
});

Deno.test("evaluateReadiness() is not ready before the first poll has succeeded", () => {
  const first = agentStatus({ poll: { lastSuccessAgoMs: undefined } });
  assert.equal(body(first), "503 control plane not reached: first poll pending");
  const failing = agentStatus({
    poll: { lastSuccessAgoMs: undefined, consecutiveFailures: 3, lastErrorCategory: "connection refused" },
  });
  assert.equal(body(failing), "503 control plane not reached: connection refused, 3 failed in a row");
});

Deno.test("evaluateReadiness() is not ready when no poll succeeded within twice the poll wait", () => {
  const at = (lastSuccessAgoMs: number) => agentStatus({ poll: { lastSuccessAgoMs }, pollWaitMs: 1000 });
  assert.equal(body(at(2000)), "200 ready");
  assert.equal(body(at(2001)), "503 control plane not reached: last successful poll 2 s ago");
  const failing = agentStatus({
    pollWaitMs: 1000,
    poll: {
      lastSuccessAgoMs: 61_000,
      consecutiveFailures: 7,
      lastErrorCategory: "service error",
      lastStatus: 503,
    },
  });
  assert.equal(
    body(failing),
    "503 control plane not reached: service error (HTTP 503), 7 failed in a row, last successful poll 61 s ago",
  );
});

Deno.test("evaluateReadiness() stays ready over a few failed polls, and says so in the checks", () => {
  const readiness = evaluateReadiness(agentStatus({
    poll: { consecutiveFailures: 1, lastErrorCategory: "timeout" },
  }));
  assert.equal(readiness.body, "ready");
  assert.deepEqual(readiness.checks.at(-1), {
    name: "control_plane",
    status: "warning",
    reason: "timeout, 1 failed in a row",
  });
});

Deno.test("evaluateReadiness() does not blame the control plane while polling rests on a full queue [P-40]", () => {
  const status = agentStatus({ pollWaitMs: 1000, poll: { lastSuccessAgoMs: 600_000, paused: true } });
  assert.equal(body(status), "200 ready");
});

for (
  const [status, reason] of [
    [401, "control plane refuses the API key (401)"],
    [403, "control plane refuses the API key for this tunnel (403)"],
    [404, "control plane does not know this tunnel (404)"],
  ] as const
) {
  Deno.test(`evaluateReadiness() names a ${status} of the control plane at once, until a poll succeeds [P-46]`, () => {
    const refused = agentStatus({
      poll: { consecutiveFailures: 1, lastStatus: status, lastErrorCategory: "refused" },
    });
    assert.match(body(refused), /^503 /);
    assert.ok(body(refused).includes(reason));
    assert.equal(body(agentStatus({ poll: { consecutiveFailures: 0, lastStatus: 0 } })), "200 ready");
  });
}

Deno.test("evaluateReadiness() is not ready when a stdio channel failed, and shows why", () => {
  const reason = "exited 5 times within 60 s with code 1; last words: Error: Cannot find module 'x'";
  const status = agentStatus({ channels: [...agentStatus().channels, stdioChannel("failed", reason)] });
  assert.equal(body(status), `503 channel files failed: ${reason}`);
  assert.equal(body(agentStatus({ channels: [stdioChannel("stopped", "")] })), "503 channel files stopped");
});

Deno.test("evaluateReadiness() stays ready while a channel limps, and shows why", () => {
  const status = agentStatus({ channels: [stdioChannel("degraded", "restarting after exit code 1")] });
  assert.equal(body(status), "200 ready (channel files degraded: restarting after exit code 1)");
  assert.equal(body(agentStatus({ channels: [stdioChannel("starting", "")] })), "200 ready");
});

Deno.test("evaluateReadiness() lists every check, in the order in which they decide", () => {
  const status = agentStatus({
    channels: [stdioChannel("failed", "gone")],
    poll: { lastSuccessAgoMs: undefined },
  });
  assert.deepEqual(evaluateReadiness(status).checks, [
    { name: "agent", status: "ok", reason: "" },
    { name: "drain", status: "ok", reason: "" },
    { name: "mcp_probe", status: "ok", reason: "" },
    { name: "channel files", status: "failed", reason: "channel files failed: gone" },
    { name: "control_plane", status: "pending", reason: "control plane not reached: first poll pending" },
  ]);
});

Deno.test("agedStatus() lets the last success grow older", () => {
  assert.equal(agedStatus(agentStatus({ poll: { lastSuccessAgoMs: 100 } }), 900).poll.lastSuccessAgoMs, 1000);
  assert.equal(
    agedStatus(agentStatus({ poll: { lastSuccessAgoMs: undefined } }), 900).poll.lastSuccessAgoMs,
    undefined,
  );
});

Deno.test("evaluateReadiness() takes fetched metadata as proof while the first poll is held open [P-140]", () => {
  const held = (metadataAgoMs: number) =>
    evaluateReadiness(
      agentStatus({ pollWaitMs: 1000, poll: { lastSuccessAgoMs: undefined, metadataAgoMs } }),
    );
  assert.equal(held(100).ready, true);
  assert.equal(held(2001).ready, false);
  assert.equal(held(2001).body, "control plane not reached: first poll pending");
});

Deno.test("evaluateReadiness() does not let metadata hide a first poll that failed", () => {
  const poll = {
    lastSuccessAgoMs: undefined,
    metadataAgoMs: 1,
    consecutiveFailures: 1,
    lastErrorCategory: "timeout",
  };
  assert.equal(evaluateReadiness(agentStatus({ poll })).ready, false);
});
