import assert from "node:assert/strict";
import type { Command } from "../../../src/agent/command.ts";
import { ControlPlane } from "../../../src/agent/control_plane.ts";
import { Deadlines } from "../../../src/agent/deadlines.ts";
import {
  attemptLimitMs,
  isRetryableResponseStatus,
  Responder,
  UNDATED_LIMIT_MS,
} from "../../../src/agent/responder.ts";
import type { ResponsePayload } from "../../../src/agent/wire.ts";
import type { HttpResponse } from "../../../src/net/mod.ts";
import { INSTANCE_ID } from "../../support/agent_commands.ts";
import { agentConfig } from "../../support/agent_harness.ts";
import { RecordedLog, RecordedMetrics } from "../../support/agent_recorders.ts";

const PAYLOAD: ResponsePayload = {
  requestId: "req-1",
  channel: "main",
  respJson: "{}",
  respHeaders: undefined,
  respCode: 200,
  respType: "jsonrpc_response",
};

function command(deadlineAt = Infinity): Command {
  return {
    type: "oauth_discovery",
    requestId: "req-1",
    shardToken: "shard",
    channel: "main",
    createdAtMs: undefined,
    headers: {},
    headersComplete: false,
    receivedAt: performance.now(),
    deadlineAt,
  };
}

function responderFor(status: number, undatedLimitMs = UNDATED_LIMIT_MS) {
  let attempts = 0;
  const response: HttpResponse = {
    status,
    headers: [],
    body: {
      bytes: () => Promise.resolve(new Uint8Array()),
      text: () => Promise.resolve(""),
      async *chunks() {},
      cancel: () => {},
    },
  };
  const log = new RecordedLog();
  const deadlines = new Deadlines();
  const client = { request: () => (attempts++, Promise.resolve(response)), close: () => {} };
  const deps = { client, deadlines, log: log.log, metrics: new RecordedMetrics() };
  const config = agentConfig("http://127.0.0.1:1").controlPlane;
  const controlPlane = new ControlPlane(config, { ...deps, instanceId: INSTANCE_ID, serverInfo: () => "{}" });
  const backoff = { minMs: 2, maxMs: 10 };
  const responder = new Responder({ ...deps, controlPlane, backoff, undatedLimitMs, random: Math.random });
  return { responder, log, attempts: () => attempts };
}

const never = new AbortController().signal;

Deno.test("Responder offers an answer without deadline for five minutes [P-131]", () => {
  assert.equal(UNDATED_LIMIT_MS, 300_000);
});

Deno.test("Responder gives an answer without deadline up when its time is over, with the last error as reason [P-131]", async () => {
  const { responder, attempts } = responderFor(503, 120);
  const startedAt = performance.now();
  const delivery = await responder.deliver(command(), PAYLOAD, never);
  const elapsedMs = performance.now() - startedAt;
  assert.deepEqual(delivery, { type: "given_up", reason: "control plane answered response with status 503" });
  assert(elapsedMs >= 120 && elapsedMs < 1_000, `${elapsedMs}`);
  assert(attempts() > 3, `${attempts()} attempts`);
});

Deno.test("Responder gives a dated answer up at the deadline, whatever the limit for others is [P-131]", async () => {
  const { responder } = responderFor(503, 1);
  const startedAt = performance.now();
  const delivery = await responder.deliver(command(startedAt + 80), PAYLOAD, never);
  assert.equal(delivery.type, "given_up");
  assert(performance.now() - startedAt >= 80);
});

Deno.test("Responder does not begin when the deadline has passed [P-73]", async () => {
  const { responder, attempts } = responderFor(200);
  const delivery = await responder.deliver(command(performance.now() - 1), PAYLOAD, never);
  assert.deepEqual([delivery.type, attempts()], ["given_up", 0]);
});

Deno.test("Responder stops at once when it is told to, also before it begins", async () => {
  const stop = new AbortController();
  const { responder, attempts } = responderFor(503);
  const delivering = responder.deliver(command(), PAYLOAD, stop.signal);
  stop.abort(new Error("stopped at once"));
  assert.equal((await delivering).type, "given_up");
  const before = attempts();
  assert.deepEqual(await responder.deliver(command(), PAYLOAD, stop.signal), {
    type: "given_up",
    reason: "stopped at once",
  });
  assert.equal(attempts(), before);
});

Deno.test("isRetryableResponseStatus() names what may pass [P-131]", () => {
  const retried = Array.from({ length: 600 }, (_, status) => status).filter(isRetryableResponseStatus);
  assert.deepEqual(retried.slice(0, 6), [408, 429, 500, 502, 503, 504]);
  assert(!retried.includes(501) && !retried.includes(505) && retried.includes(599));
});

Deno.test("attemptLimitMs() leaves time for another attempt, and gives a large body the time it needs [P-131]", () => {
  const cases: [failures: number, leftMs: number, bytes: number, limitMs: number][] = [
    [0, 300_000, 0, 10_000],
    [1, 300_000, 0, 20_000],
    [2, 300_000, 0, 40_000],
    [9, 300_000, 0, 150_000],
    [2_000, 300_000, 0, 150_000],
    [0, 30_000, 0, 10_000],
    [0, 12_000, 0, 6_000],
    [0, 500, 0, 1_000],
    [0, -5, 0, 1_000],
    [0, 300_000, 1_000_000, 20_000],
  ];
  for (const [failures, leftMs, bytes, limitMs] of cases) {
    assert.equal(attemptLimitMs(failures, leftMs, bytes), limitMs, `${failures} ${leftMs} ${bytes}`);
  }
});
