/** Checks of posted bodies against the published contract (`openapi.json`), written by hand. */
import assert from "node:assert/strict";

export interface PostedBody {
  readonly request_id: string;
  readonly channel: string;
  readonly resp_json?: Record<string, unknown>;
  readonly resp_headers?: Record<string, string[]>;
  readonly resp_code: number;
  readonly resp_type: string;
  readonly resp_timing?: unknown;
}

const MEMBER_ORDER = [
  "request_id",
  "channel",
  "resp_json",
  "resp_headers",
  "resp_code",
  "resp_type",
  "resp_timing",
];
const WITH_PAYLOAD = new Set(["jsonrpc_response", "jsonrpc_notify", "oauth_discovery_response"]);
const WITHOUT_PAYLOAD = new Set(["notify_ack", "session_termination_response"]);
/** Beyond the published wire, for a relay that has asked for them (`stream-cut`). */
export const STREAM_SIGNS: ReadonlySet<string> = new Set(["stream_opened", "stream_cut"]);
const ALLOWED_HEADERS = new Set([
  "Access-Control-Expose-Headers",
  "Content-Type",
  "Last-Event-Id",
  "Mcp-Protocol-Version",
  "Mcp-Session-Id",
  "Www-Authenticate",
]);

/**
 * Parses and checks one posted body: `TunnelResponsePayload`, the payload rules of P-127 and the header rules of P-113.
 * @throws {AssertionError} naming what is wrong
 */
export function checkPostedBody(text: string): PostedBody {
  const body = JSON.parse(text) as PostedBody;
  const names = Object.keys(body);
  assert.deepEqual(
    names,
    MEMBER_ORDER.filter((name) => names.includes(name)),
    "order and names of the members",
  );
  for (const name of ["request_id", "channel", "resp_code", "resp_type"]) {
    assert(names.includes(name), `${name} is there`);
  }
  assert(typeof body.request_id === "string" && body.request_id !== "");
  assert.match(body.channel, /^[a-z0-9_-]{1,64}$/);
  assert(Number.isInteger(body.resp_code));
  assert(
    WITH_PAYLOAD.has(body.resp_type) || WITHOUT_PAYLOAD.has(body.resp_type) ||
      STREAM_SIGNS.has(body.resp_type),
    `resp_type ${body.resp_type}`,
  );
  assert.equal("resp_json" in body, WITH_PAYLOAD.has(body.resp_type), `resp_json of ${body.resp_type}`);
  if ("resp_json" in body) assert(isObject(body.resp_json), "resp_json is an object");
  checkHeaders(body);
  checkFailure(body);
  checkTiming(body);
  return body;
}

/** A-60 … A-62. */
function checkTiming(body: PostedBody): void {
  if (!("resp_timing" in body)) return;
  const timing = body.resp_timing;
  assert.equal(body.resp_type, "jsonrpc_response", "only an answer has a timing");
  assert(isObject(timing));
  assert.deepEqual(Object.keys(timing), ["version", "transport", "target_elapsed_us"]);
  assert.equal(timing.version, 1);
  assert(timing.transport === "stdio" || timing.transport === "streamable_http");
  const elapsedUs = timing.target_elapsed_us;
  assert(typeof elapsedUs === "number" && Number.isInteger(elapsedUs));
  assert(elapsedUs >= 0 && elapsedUs <= 86_400_000_000);
  const error = body.resp_json?.error;
  const made = isObject(error) && isObject(error.data) && "tunnel_failure" in error.data;
  assert(!made, "a failure of the agent's own making has no timing");
}

function checkHeaders(body: PostedBody): void {
  if (!("resp_headers" in body)) return;
  assert(isObject(body.resp_headers));
  const entries = Object.entries(body.resp_headers);
  assert(entries.length > 0, "resp_headers is left out when empty");
  for (const [name, values] of entries) {
    assert(Array.isArray(values) && values.length > 0);
    for (const value of values) assert.equal(typeof value, "string");
    if (body.resp_type === "oauth_discovery_response") continue;
    assert(ALLOWED_HEADERS.has(name), `${name} must not be sent`);
    assert(!values.includes(""), `${name} has an empty value`);
  }
}

/** A synthesised failure keeps to `x-tunnel-failure-schema` and to the order of P-122. */
function checkFailure(body: PostedBody): void {
  const error = body.resp_json?.error;
  if (!isObject(error) || !isObject(error.data) || !("tunnel_failure" in error.data)) return;
  assert.deepEqual(Object.keys(body.resp_json ?? {}), ["jsonrpc", "id", "error"]);
  assert.deepEqual(Object.keys(error), ["code", "message", "data"]);
  assert.equal(error.code, -32603);
  assert(typeof error.message === "string" && error.message !== "");
  assert.deepEqual(Object.keys(error.data), ["tunnel_failure"]);
  checkTunnelFailure(error.data.tunnel_failure);
}

const FAILURE_ORDER = [
  "version",
  "source",
  "transport_error_kind",
  "upstream_response_received",
  "upstream_status",
];
const SOURCES = new Set([
  "target_http",
  "dns",
  "tls",
  "connect",
  "transport_closed",
  "timeout",
  "protocol",
  "client_internal",
]);

/** `x-tunnel-failure-schema`, all of it. */
export function checkTunnelFailure(value: unknown): void {
  assert(isObject(value), "tunnel_failure is an object");
  const names = Object.keys(value);
  assert.deepEqual(names, FAILURE_ORDER.filter((name) => names.includes(name)));
  assert.equal(value.version, 1);
  assert(typeof value.source === "string" && SOURCES.has(value.source), `source ${value.source}`);
  assert.equal(typeof value.upstream_response_received, "boolean");
  if ("transport_error_kind" in value) {
    assert(typeof value.transport_error_kind === "string");
    assert.match(value.transport_error_kind, /^[a-z_]{1,64}$/);
    assert.notEqual(value.transport_error_kind, "canceled", "never posted (P-126)");
  }
  assert.equal("upstream_status" in value, value.source === "target_http");
  assert.equal(value.upstream_response_received, value.source === "target_http");
  if ("upstream_status" in value) {
    const status = value.upstream_status;
    assert(
      Number.isInteger(status) && typeof status === "number" && status >= 400 && status <= 599,
      `${status}`,
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
