import assert from "node:assert/strict";
import {
  classifyFailure,
  type Failure,
  failureJson,
  reasonPhrase,
  unsupportedChannelJson,
} from "../../../src/agent/failure.ts";
import type { JsonRpcCommand } from "../../../src/agent/command.ts";
import type { FailureKind } from "../../../src/channels/mod.ts";
import { checkTunnelFailure } from "../../support/agent_posted_body.ts";

function call(idText: string): JsonRpcCommand {
  const text = `{"jsonrpc":"2.0", "id" : ${idText},"method":"m"}`;
  const message = JSON.parse(text);
  return {
    type: "jsonrpc",
    kind: "call",
    text,
    message,
    method: "m",
    id: message.id,
    requestId: "r",
    shardToken: "s",
    channel: "main",
    createdAtMs: undefined,
    headers: {},
    headersComplete: false,
    receivedAt: 0,
    deadlineAt: Infinity,
  };
}

/** The tables of section 17: what a channel reports, and what is told of it. */
const TABLE: [
  kind: FailureKind,
  upstreamStatus: number,
  source: string,
  toldKind: string,
  status?: number,
][] = [
  // Row 1: a real status of 400–599 names the source; only what was wrong with the body says more than it.
  ["http_status", 401, "target_http", "http_status", 401],
  ["http_status", 400, "target_http", "http_status", 400],
  ["http_status", 599, "target_http", "http_status", 599],
  ["malformed_json", 503, "target_http", "malformed_json", 503],
  ["invalid_mcp_error", 405, "target_http", "invalid_mcp_error", 405],
  ["response_body_missing", 500, "target_http", "response_body_missing", 500],
  ["response_body_unreadable", 502, "target_http", "response_body_unreadable", 502],
  ["response_body_too_large", 504, "target_http", "response_body_too_large", 504],
  ["non_protocol_response", 404, "target_http", "non_protocol_response", 404],
  ["eof", 500, "target_http", "http_status", 500],
  ["timeout", 503, "target_http", "http_status", 503],
  ["unknown", 418, "target_http", "http_status", 418],
  // Row 2: not preservable, and no error status.
  ["invalid_mcp_error", 302, "protocol", "invalid_mcp_error"],
  ["malformed_json", 301, "protocol", "malformed_json"],
  ["response_body_missing", 304, "protocol", "response_body_missing"],
  ["response_body_unreadable", 600, "protocol", "response_body_unreadable"],
  ["response_body_too_large", 999, "protocol", "response_body_too_large"],
  ["non_protocol_response", 300, "protocol", "non_protocol_response"],
  ["http_status", 302, "protocol", "non_protocol_response"],
  ["http_status", 0, "protocol", "non_protocol_response"],
  // Row 3: the target broke the protocol.
  ["invalid_protocol_response", 0, "protocol", "invalid_protocol_response"],
  ["invalid_protocol_response", 200, "protocol", "invalid_protocol_response"],
  ["invalid_protocol_response", 202, "protocol", "invalid_protocol_response"],
  // Row 4.
  ["closed_pipe", 0, "transport_closed", "closed_pipe"],
  ["eof", 200, "transport_closed", "eof"],
  ["unexpected_eof", 200, "transport_closed", "unexpected_eof"],
  ["connection_closed", 0, "transport_closed", "connection_closed"],
  ["connection_reset", 0, "transport_closed", "connection_reset"],
  ["connection_aborted", 0, "transport_closed", "connection_aborted"],
  // Rows 5 to 9.
  ["dns", 0, "dns", "dns"],
  ["tls", 0, "tls", "tls"],
  ["timeout", 0, "timeout", "timeout"],
  ["connection_refused", 0, "connect", "connection_refused"],
  ["network_unreachable", 0, "connect", "network_unreachable"],
  ["host_unreachable", 0, "connect", "host_unreachable"],
  ["dial", 0, "connect", "dial"],
  ["unknown", 0, "client_internal", "unknown"],
];

for (const [kind, upstreamStatus, source, toldKind, status] of TABLE) {
  Deno.test(`classifyFailure() calls ${kind} with status ${upstreamStatus} ${source}/${toldKind} [P-122, P-123]`, () => {
    assert.deepEqual(classifyFailure({ kind, upstreamStatus }), {
      source,
      kind: toldKind,
      upstreamStatus: status,
    });
  });
}

Deno.test("failureJson() writes every failure within the published schema [P-121, P-122, P-125]", () => {
  for (const [kind, upstreamStatus] of TABLE) {
    const told = classifyFailure({ kind, upstreamStatus });
    const json = JSON.parse(failureJson(call("1"), 502, told));
    checkTunnelFailure(json.error.data.tunnel_failure);
  }
});

Deno.test("failureJson() is byte for byte the published envelope [P-121, P-122]", () => {
  const refused: Failure = { source: "connect", kind: "connection_refused", upstreamStatus: undefined };
  assert.equal(
    failureJson(call('"rpc-1"'), 502, refused),
    '{"jsonrpc":"2.0","id":"rpc-1","error":{"code":-32603,"message":"Bad Gateway","data":{"tunnel_failure":' +
      '{"version":1,"source":"connect","transport_error_kind":"connection_refused","upstream_response_received":false}}}}',
  );
  const unauthorized: Failure = { source: "target_http", kind: "http_status", upstreamStatus: 401 };
  assert.equal(
    failureJson(call("7"), 401, unauthorized),
    '{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"Unauthorized","data":{"tunnel_failure":' +
      '{"version":1,"source":"target_http","transport_error_kind":"http_status","upstream_response_received":true,' +
      '"upstream_status":401}}}}',
  );
});

Deno.test("failureJson() repeats the id as it was received [P-121, P-193]", () => {
  const failure: Failure = { source: "dns", kind: "dns", upstreamStatus: undefined };
  for (const id of ["12345678901234567890123456", "1.50", '"\\u0061"', "-0", "1E400", '""', "0"]) {
    assert(failureJson(call(id), 502, failure).startsWith(`{"jsonrpc":"2.0","id":${id},"error"`), id);
  }
});

Deno.test("failureJson() names an unknown status in general words [P-121]", () => {
  const failure: Failure = { source: "protocol", kind: "malformed_json", upstreamStatus: undefined };
  for (const status of [299, 306, 499, 599, 600, 999]) {
    assert.equal(JSON.parse(failureJson(call("1"), status, failure)).error.message, "MCP transport error");
  }
});

Deno.test("reasonPhrase() knows the standard phrases [P-121]", () => {
  const cases = {
    200: "OK",
    202: "Accepted",
    401: "Unauthorized",
    404: "Not Found",
    413: "Request Entity Too Large",
  };
  for (const [status, phrase] of Object.entries(cases)) assert.equal(reasonPhrase(Number(status)), phrase);
  const later = { 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout" };
  for (const [status, phrase] of Object.entries(later)) assert.equal(reasonPhrase(Number(status)), phrase);
});

Deno.test("unsupportedChannelJson() names the channel and carries no data [P-85]", () => {
  assert.equal(
    unsupportedChannelJson({ ...call("1"), channel: "nowhere" }),
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Bad Request: unsupported channel \\"nowhere\\""}}',
  );
});
