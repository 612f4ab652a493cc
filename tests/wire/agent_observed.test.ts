/** Sections 24 and 25 of spec 01: what an operator sees of all this. */
import assert from "node:assert/strict";
import type { MetricLabels } from "../../src/ops/mod.ts";
import { gate } from "../support/agent_changes.ts";
import {
  callCommand,
  jsonrpcCommand,
  notificationCommand,
  oauthDiscoveryCommand,
  sessionTerminationCommand,
  TUNNEL_ID,
} from "../support/agent_commands.ts";
import { withAgent } from "../support/agent_harness.ts";
import { answer, answering, failure, ScriptedChannel } from "../support/agent_scripted_channel.ts";

const LATENCY = "command_end_to_end_latency_milliseconds";
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

Deno.test("receipt: every command that is accepted leaves one record at debug, without headers and payload [A-46, A-47]", async () => {
  await withAgent({}, async ({ controlPlane, log }) => {
    const longId = "é".repeat(65);
    const longTimeout = `${"0".repeat(127)}9s`;
    controlPlane.deliver(
      callCommand(1, { responseTimeout: "90s" }),
      callCommand(2, { requestId: longId, responseTimeout: longTimeout }),
      callCommand(3, { responseTimeout: "soon" }),
      '{"request_id":"bad"}',
    );
    for (const id of ["req-1", longId, "req-3"]) await controlPlane.responseTo(id);
    const records = log.all("control-plane command received");
    const shown = records.map(({ level, fields: { polled_at, ...fields } }) => {
      assert.match(String(polled_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
      return [level, JSON.parse(JSON.stringify(fields))];
    });
    assert.deepEqual(shown, [
      ["debug", { command_type: "jsonrpc", request_id: "req-1", response_timeout: "90s" }],
      ["debug", { command_type: "jsonrpc" }],
      ["debug", { command_type: "jsonrpc", request_id: "req-3" }],
    ]);
  });
});

Deno.test("metrics: every gauge is there from the beginning [P-151]", async () => {
  await withAgent({ start: false }, async ({ agent, metrics, controlPlane }) => {
    assert.deepEqual(
      metrics.gaugeNames.sort().map((name) => [name, metrics.read(name)]),
      [
        ["commands_in_flight", 0],
        ["commands_poll_last_successful_timestamp_seconds", 0],
        ["commands_queue_capacity", 20],
        ["commands_queue_length", 0],
        ["control_plane_consecutive_poll_failures", 0],
        ["dispatcher_worker_pool_capacity", 10],
        ["dispatcher_worker_pool_occupancy", 0],
      ],
    );
    assert.deepEqual([metrics.counts, metrics.observations], [[], []]);
    await agent.start();
    await controlPlane.nthPoll(0);
  });
});

Deno.test("metrics: the time of the last successful poll is Unix time in seconds, and an empty poll counts [section 24]", async () => {
  await withAgent({ start: false }, async ({ agent, metrics, controlPlane, log }) => {
    const name = "commands_poll_last_successful_timestamp_seconds";
    controlPlane.replyToPolls({ status: 500 }, { status: 204 });
    await agent.start();
    await log.nth("poll failed; backing off");
    assert.equal(metrics.read(name), 0);
    assert.equal(metrics.read("control_plane_consecutive_poll_failures"), 1);
    await log.nth("poller recovered; polling operational");
    await controlPlane.nthPoll(2);
    assert(Math.abs(metrics.read(name) - Date.now() / 1_000) < 10);
    assert.equal(metrics.read("control_plane_consecutive_poll_failures"), 0);
  });
});

Deno.test("metrics: polls are counted when they start, and timed when they end [section 24]", async () => {
  await withAgent({ start: false }, async ({ agent, metrics, controlPlane }) => {
    controlPlane.replyToPolls({ status: 500 }, { status: 204 });
    controlPlane.deliver(callCommand(1), callCommand(2));
    await agent.start();
    await controlPlane.nthPoll(3);
    assert.equal(metrics.total("commands_poll_cycles_total"), 4);
    const timed = metrics.observed("commands_poll_latency_seconds").map((one) => one.labels.error);
    assert.deepEqual(timed, ["true", "false", "false"]);
    assert.equal(metrics.total("commands_polled_total"), 2);
    assert.equal(metrics.total("commands_enqueued_total"), 2);
    assert.equal(metrics.total("commands_poll_errors_total", { error_kind: "other" }), 1);
    for (const id of [1, 2]) await controlPlane.responseTo(`req-${id}`);
  });
});

/** Kinds of command and the labels under which their latency is recorded. */
const KINDS: [command: string, requestId: string, labels: MetricLabels][] = [
  [callCommand(1, { createdAt: ago(3_000) }), "req-1", {
    request_kind: "call",
    request_method: "tools/call",
    tunnel_service_status: "200",
  }],
  [notificationCommand({ createdAt: ago(3_000) }), "req-notification", {
    request_kind: "notification",
    request_method: "notifications/initialized",
    tunnel_service_status: "202",
  }],
  [sessionTerminationCommand({ createdAt: ago(3_000) }), "req-session", {
    request_kind: "session_termination",
    tunnel_service_status: "405",
  }],
  [oauthDiscoveryCommand({ createdAt: ago(3_000) }), "req-oauth", {
    request_kind: "oauth_discovery",
    tunnel_service_status: "502",
  }],
];
for (const [command, requestId, labels] of KINDS) {
  Deno.test(`metrics: latency of ${labels.request_kind} is recorded in both ways, in whole ms [P-151]`, async () => {
    const discover = () => Promise.resolve({ type: "failure", statusCode: 502, detail: "none" } as const);
    await withAgent({ deps: { discover } }, async ({ controlPlane, metrics, timeline }) => {
      controlPlane.deliver(command);
      await timeline.end(requestId);
      const common = { ...labels, channel: "main", tunnel_id: TUNNEL_ID };
      const [polled, enqueued] = ["poll_to_response", "enqueue_to_response"].map((type) => {
        const found = metrics.observed(LATENCY, { latency_type: type });
        assert.equal(found.length, 1, type);
        assert.deepEqual(found[0]!.labels, { ...common, latency_type: type });
        assert(Number.isInteger(found[0]!.value));
        return found[0]!.value;
      });
      assert(polled! < 2_000, `${polled}`);
      assert(enqueued! >= 3_000 && enqueued! < 10_000, `${enqueued}`);
    });
  });
}

Deno.test("metrics: latency since creation is left out when that is unknown or in the future [P-151]", async () => {
  await withAgent({}, async ({ controlPlane, metrics, timeline }) => {
    controlPlane.deliver(callCommand(1), callCommand(2, { createdAt: ago(-60_000) }));
    for (const id of [1, 2]) await timeline.end(`req-${id}`);
    assert.equal(metrics.observed(LATENCY, { latency_type: "poll_to_response" }).length, 2);
    assert.equal(metrics.observed(LATENCY, { latency_type: "enqueue_to_response" }).length, 0);
  });
});

Deno.test("metrics: latency is recorded once per command, and not for what was not delivered or not supported [P-151]", async () => {
  const channel = new ScriptedChannel({
    onCall: async (call) => {
      await call.observer!.notification('{"jsonrpc":"2.0","method":"n"}', { status: 200, headers: [] });
      call.end(answer(call));
    },
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane, metrics, timeline, changes }) => {
    controlPlane.onPost = ({ body }) => body.request_id === "req-2" ? { status: 400 } : undefined;
    controlPlane.deliver(
      callCommand(1),
      callCommand(2),
      callCommand(3, { channel: "nowhere" }),
      callCommand(4, { responseTimeout: "0s" }),
    );
    await changes.until("four ends", () => timeline.entries.length === 4);
    assert.equal(metrics.observed(LATENCY).length, 1);
    assert.equal(metrics.observed(LATENCY)[0]!.labels.tunnel_service_status, "200");
  });
});

Deno.test("metrics: calls to the control plane are timed under a route without tunnel or query [P-152, P-153]", async () => {
  await withAgent({}, async ({ controlPlane, metrics, log }) => {
    await log.nth("tunnel metadata fetched");
    controlPlane.onPost = (_, index) => index === 0 ? { status: 503 } : undefined;
    controlPlane.deliver(callCommand(1));
    const { request } = await controlPlane.responseTo("req-1");
    await log.nth("response delivered");
    const server = {
      server_address: "127.0.0.1",
      server_port: new URL(controlPlane.url).port,
      url_scheme: "http",
    };
    const route = "/v1/tunnels/{tunnel_id}";
    const of = (method: string, path: string, status: string) => ({
      ...server,
      http_request_method: method,
      http_route: route + path,
      http_response_status_code: status,
    });
    for (const name of ["http_client_request_duration_seconds", "http_client_request_body_size_bytes"]) {
      assert.equal(metrics.observed(name, of("GET", "", "200")).length, 1);
      assert.equal(metrics.observed(name, of("GET", "/poll", "200")).length, 1);
      assert.equal(metrics.observed(name, of("POST", "/response", "200")).length, 1);
      assert.equal(metrics.observed(name, of("POST", "/response", "503")).length, 1);
    }
    const [size] = metrics.observed("http_client_request_body_size_bytes", of("POST", "/response", "200"));
    assert.equal(size!.value, request.body.length);
  });
});

Deno.test("outcome law: one command of every end, and every sum is right", async () => {
  const never = gate();
  const channel = new ScriptedChannel({
    onCall: (call) => {
      if (call.request.method === "fail") call.end(failure());
      else if (call.request.method !== "hang") answering(call);
    },
  });
  await withAgent({ channels: [channel] }, async ({ agent, controlPlane, metrics, timeline }) => {
    controlPlane.onPost = ({ body }) => body.request_id === "req-refused" ? { status: 403 } : undefined;
    controlPlane.deliver(
      callCommand(1),
      callCommand(2, { method: "fail" }),
      callCommand(3, { method: "hang", responseTimeout: "50ms" }),
      callCommand(4, { requestId: "req-refused" }),
      notificationCommand(),
      sessionTerminationCommand(),
      oauthDiscoveryCommand(),
      jsonrpcCommand('{"jsonrpc":"2.0","id":1,"result":{}}', { requestId: "req-answer" }),
      "null",
    );
    await timeline.end("req-3");
    controlPlane.finish();
    const { received, outcomes } = await agent.drain(10_000);
    assert.equal(received, 8);
    assert.deepEqual(outcomes, {
      answered: 1,
      acknowledged: 3,
      failed_answered: 2,
      expired: 1,
      undeliverable: 1,
    });
    assert.equal(metrics.total("commands_received_total"), 8);
    never.open();
  });
});

Deno.test("log: the start tells timings and channels [P-155]", async () => {
  const channels = [new ScriptedChannel(), new ScriptedChannel({ name: "files", transport: "stdio" })];
  await withAgent({ channels }, async ({ controlPlane, log }) => {
    await controlPlane.nthPoll(0);
    assert.deepEqual(log.one("control-plane client ready").fields, {
      component: "controlplane",
      control_plane: controlPlane.url,
      tunnel_id: TUNNEL_ID,
      poll_timeout_ms: 30_000,
      poll_deadline_guardrail_ms: 5_000,
      poll_deadline_ms: 35_000,
    });
    assert.deepEqual(log.one("channels registered").fields, {
      component: "dispatcher",
      channels: [{ name: "main", transport: "http-streamable" }, { name: "files", transport: "stdio" }],
    });
    assert.equal(log.one("poller started").level, "info");
  });
});

Deno.test("log: a poll cycle is told at debug level, with its numbers [P-155]", async () => {
  await withAgent({}, async ({ controlPlane, log }) => {
    controlPlane.deliver(callCommand(1), callCommand(2));
    for (const id of [1, 2]) await controlPlane.responseTo(`req-${id}`);
    const start = await log.nth("poll cycle started");
    assert.deepEqual([start.level, start.fields.limit], ["debug", 20]);
    const end = await log.nth("poll cycle complete");
    assert.equal(end.level, "debug");
    assert.deepEqual([end.fields.commands_polled, end.fields.commands_enqueued, end.fields.limit], [
      2,
      2,
      20,
    ]);
  });
});

Deno.test("log: records of a command carry the fields that tie them to it [P-154]", async () => {
  await withAgent({}, async ({ controlPlane, log }) => {
    const headers = { "X-Request-Id": ["caller-1"], "Mcp-Session-Id": ["", "session-1"] };
    controlPlane.onPost = () => ({ status: 200, headers: [["X-Request-Id", "svc-9"]] });
    controlPlane.deliver(callCommand("rpc-1", { headers }));
    const { level, fields } = await log.nth("response delivered");
    assert.equal(level, "debug");
    assert.deepEqual(fields, {
      component: "dispatcher",
      request_id: "req-rpc-1",
      cmd_request_id: "caller-1",
      session_id: "session-1",
      channel: "main",
      rpc_method: "tools/call",
      rpc_request_id: "rpc-1",
      status_code: 200,
      preserved: false,
      rpc_error_code: undefined,
      tunnel_request_id: "svc-9",
    });
  });
});

Deno.test("log: methods and ids that a caller makes endless are cut [P-154]", async () => {
  const long = "m".repeat(100_000);
  await withAgent({}, async ({ controlPlane, log, timeline }) => {
    controlPlane.deliver(
      callCommand(long, { requestId: "req-1", method: long, headers: { "X-Request-Id": [long] } }),
    );
    const end = await timeline.end("req-1");
    assert(end.method!.length <= 200);
    const { fields } = await log.nth("response delivered");
    assert(JSON.stringify(fields).length < 2_000);
  });
});

Deno.test("log: a connector's error page, the target's words and its URL stay out of every record [P-156]", async () => {
  const channel = new ScriptedChannel({
    onCall: (call) =>
      call.end(
        failure({
          kind: "http_status",
          upstreamStatus: 405,
          statusCode: 405,
          detail: "the target answered 405",
        }),
      ),
  });
  await withAgent({ channels: [channel] }, async ({ controlPlane, log, timeline }) => {
    controlPlane.deliver(callCommand(1));
    await timeline.end("req-1");
    const { fields } = log.one("downstream MCP failure; answering with an error");
    assert.deepEqual([fields.upstream_status, fields.upstream_response_received, fields.error], [
      405,
      true,
      "the target answered 405",
    ]);
  });
});
