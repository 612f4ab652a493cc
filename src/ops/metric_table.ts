/**
 * The one table of metrics: what exists, what it means, in which unit and with which labels (spec 06 §8). Counting
 * under a name that is not here changes nothing but `metrics_rejected_total`.
 */

/** Upper bounds of the published set D; the same numbers whatever the unit (M-4). */
export const BUCKETS_D = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000] as const;
/** Upper bounds of the published set H, in seconds (M-4). */
export const BUCKETS_H = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;
/** D with the bounds of H added: D alone puts nearly every poll into one bucket. Queries on bounds of D still work. */
export const BUCKETS_D_FINE: readonly number[] = [...new Set([...BUCKETS_D, ...BUCKETS_H])].sort((a, b) =>
  a - b
);

/** How the values of a label are kept to a bounded set (P-153): given a value, the one that is stored. */
export type LabelBound = (value: string) => string;

/** One label of a metric. Without a bound of its own it is held to 100 different values, then `other`. */
export interface LabelRow {
  readonly name: string;
  readonly bound?: LabelBound;
}

interface Row {
  readonly name: string;
  readonly help: string;
  /** Unit of the value, for the documentation. */
  readonly unit: string;
  readonly labels: readonly LabelRow[];
}

export interface CounterRow extends Row {
  readonly type: "counter";
  /** Label sets that are exposed as 0 from the start. */
  readonly initial: readonly Readonly<Record<string, string>>[];
}

export interface GaugeRow extends Row {
  readonly type: "gauge";
  /** What a new agent thread makes of its predecessor's value: `replace` it, or keep the `highest`. */
  readonly afterRestart: "replace" | "highest";
}

export interface HistogramRow extends Row {
  readonly type: "histogram";
  readonly buckets: readonly number[];
}

export type MetricRow = CounterRow | GaugeRow | HistogramRow;

/** Stands for every label value beyond the bound. */
export const OTHER = "other";

const MCP_METHODS: ReadonlySet<string> = new Set([
  "completion/complete",
  "elicitation/create",
  "initialize",
  "logging/setLevel",
  "notifications/cancelled",
  "notifications/elicitation/complete",
  "notifications/initialized",
  "notifications/message",
  "notifications/progress",
  "notifications/prompts/list_changed",
  "notifications/resources/list_changed",
  "notifications/resources/updated",
  "notifications/roots/list_changed",
  "notifications/tasks/status",
  "notifications/tools/list_changed",
  "ping",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/subscribe",
  "resources/templates/list",
  "resources/unsubscribe",
  "roots/list",
  "sampling/createMessage",
  "server/discover",
  "subscriptions/listen",
  "tasks/cancel",
  "tasks/get",
  "tasks/list",
  "tasks/result",
  "tasks/update",
  "tools/call",
  "tools/list",
]);

const HTTP_METHODS: ReadonlySet<string> = new Set([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "TRACE",
]);

const mcpMethod: LabelBound = (method) => MCP_METHODS.has(method) ? method : OTHER;
const httpMethod: LabelBound = (method) => HTTP_METHODS.has(method) ? method : "_OTHER";

/** A URL path with the ids of tunnels replaced by `{tunnel_id}`, without a query (P-153). */
export const routeTemplate: LabelBound = (path) =>
  path.replace(/[?#].*$/s, "").replace(/\/v1\/(tunnels?|mcp)\/(?!\{)[^/]+/, "/v1/$1/{tunnel_id}") || "/";

function counter(
  name: string,
  help: string,
  unit: string,
  labels: readonly LabelRow[] = [],
  initial: CounterRow["initial"] = labels.length === 0 ? [{}] : [],
): CounterRow {
  return { type: "counter", name, help, unit, labels, initial };
}

function gauge(
  name: string,
  help: string,
  unit: string,
  afterRestart: GaugeRow["afterRestart"] = "replace",
  labels: readonly LabelRow[] = [],
): GaugeRow {
  return { type: "gauge", name, help, unit, labels, afterRestart };
}

function histogram(
  name: string,
  help: string,
  unit: string,
  buckets: readonly number[],
  labels: readonly LabelRow[] = [],
): HistogramRow {
  return { type: "histogram", name, help, unit, buckets, labels };
}

/** One label set per value, for counters of one label that start at 0. */
function each(label: string, values: readonly string[]): readonly Readonly<Record<string, string>>[] {
  return values.map((value) => ({ [label]: value }));
}

const HTTP_CLIENT_LABELS: readonly LabelRow[] = [
  { name: "http_request_method", bound: httpMethod },
  { name: "http_response_status_code" },
  { name: "server_address" },
  { name: "server_port" },
  { name: "url_scheme" },
  { name: "network_protocol_name" },
  { name: "network_protocol_version" },
  { name: "http_route", bound: routeTemplate },
];

/** Every metric, in the order of the exposition. */
export const METRIC_TABLE: readonly MetricRow[] = [
  gauge("liveness", "1 while the process runs.", "0/1"),
  gauge("readiness", "1 when /readyz answers 200, else 0; evaluated at the scrape.", "0/1"),

  counter("commands_poll_cycles_total", "Polls started.", "polls"),
  histogram(
    "commands_poll_latency_seconds",
    "Duration of finished polls, failed and cancelled ones included.",
    "seconds",
    BUCKETS_D_FINE,
    [{ name: "error" }],
  ),
  counter(
    "commands_poll_errors_total",
    "Failed polls, except the one that our own stop ended.",
    "polls",
    [{ name: "error_kind" }],
    each("error_kind", ["timeout", "context_canceled", "other"]),
  ),
  gauge(
    "commands_poll_last_successful_timestamp_seconds",
    "Unix time of the last successful poll, empty ones included; 0 before the first.",
    "seconds",
    "highest",
  ),
  gauge(
    "control_plane_consecutive_poll_failures",
    "Polls that failed since the last successful one.",
    "polls",
  ),
  counter("commands_polled_total", "Well-formed commands received.", "commands"),
  counter("commands_enqueued_total", "Commands put on the local queue.", "commands"),
  counter(
    "commands_queue_drops_total",
    "Polled items that never reached the queue.",
    "commands",
    [{ name: "drop_reason" }],
    each("drop_reason", ["invalid_command_type", "context_canceled", "duplicate"]),
  ),
  histogram(
    "commands_age_seconds",
    "Age of commands when they arrived: receipt minus creation.",
    "seconds",
    BUCKETS_D_FINE,
  ),
  gauge("commands_queue_capacity", "Places of the local queue.", "commands"),
  gauge("commands_queue_length", "Commands waiting on the local queue.", "commands"),

  counter(
    "commands_received_total",
    "Commands taken in charge; always the sum of outcomes and in flight.",
    "commands",
  ),
  counter(
    "commands_outcome_total",
    "Commands by how they ended.",
    "commands",
    [{ name: "outcome" }],
    each("outcome", ["answered", "acknowledged", "failed_answered", "expired", "undeliverable"]),
  ),
  gauge("commands_in_flight", "Commands received and not ended yet.", "commands"),
  counter(
    "commands_response_post_errors_total",
    "Attempts to post a response that failed, retried ones included.",
    "attempts",
  ),
  gauge("dispatcher_worker_pool_capacity", "Commands that may run at once.", "workers"),
  gauge("dispatcher_worker_pool_occupancy", "Commands running now.", "workers"),
  histogram(
    "command_end_to_end_latency_milliseconds",
    "Receipt, or creation, of a command to its successfully posted response; whole milliseconds.",
    "milliseconds",
    BUCKETS_D,
    [
      { name: "request_kind" },
      { name: "request_method", bound: mcpMethod },
      { name: "channel" },
      { name: "tunnel_id" },
      { name: "tunnel_service_status" },
      { name: "latency_type" },
    ],
  ),
  counter("command_unsupported_channel_total", "Commands for a channel that is not bound.", "commands", [
    { name: "tunnel_id" },
    { name: "channel" },
    { name: "command_type" },
  ]),
  counter("mcp_stdio_restarts_total", "Children of stdio channels that were started again.", "restarts", [
    { name: "channel" },
  ]),
  counter(
    "mcp_stdio_messages_dropped_total",
    "Messages of stdio children that could be handed to nobody.",
    "messages",
    [{ name: "channel" }],
  ),

  gauge("proxy_health_state", "1 while the last check of the proxy went well, else 0.", "0/1", "replace", [
    { name: "proxy_id" },
  ]),
  gauge(
    "proxy_last_check_timestamp",
    "Unix time of the last check of the proxy; absent before the first.",
    "seconds",
    "highest",
    [{ name: "proxy_id" }],
  ),
  gauge(
    "proxy_last_success_timestamp",
    "Unix time of the last check that went well; absent before the first.",
    "seconds",
    "highest",
    [{ name: "proxy_id" }],
  ),
  histogram(
    "proxy_check_phase_duration_seconds",
    "Duration of one phase of a check: the TCP connection, or TLS and CONNECT.",
    "seconds",
    BUCKETS_D_FINE,
    [{ name: "proxy_id" }, { name: "phase" }],
  ),
  counter("proxy_check_failures_total", "Checks of proxies that failed.", "checks", [
    { name: "proxy_id" },
    { name: "phase" },
    { name: "reason" },
  ]),

  histogram(
    "http_client_request_duration_seconds",
    "Outgoing control-plane and MCP requests, until the response head.",
    "seconds",
    BUCKETS_H,
    HTTP_CLIENT_LABELS,
  ),
  histogram(
    "http_client_request_body_size_bytes",
    "Bodies of outgoing control-plane and MCP requests.",
    "bytes",
    BUCKETS_D,
    HTTP_CLIENT_LABELS,
  ),

  counter(
    "log_events_total",
    "Log records written.",
    "records",
    [{ name: "level" }],
    each("level", ["debug", "info", "warn", "error"]),
  ),
  counter(
    "log_records_dropped_total",
    "Log records lost because too many came at once or nothing took them.",
    "records",
  ),
  counter(
    "sandbox_refusals_total",
    "Operations of the agent that its sandbox refused, and origins of OAuth metadata that the policy did.",
    "operations",
    [{ name: "kind" }],
    each("kind", ["net", "read", "write", "run", "env", "sys", "ffi", "import", "thread", "origin", "other"]),
  ),
  counter(
    "config_reloads_total",
    "Times the configuration was read again while the program ran.",
    "reloads",
    [{ name: "result" }],
    each("result", ["applied", "needs_restart", "unchanged", "failed"]),
  ),
  gauge("config_last_reload_success", "1 when the last reload went well or there was none, else 0.", "0/1"),
  gauge(
    "config_last_reload_timestamp_seconds",
    "Unix time of the last reload; 0 before the first.",
    "seconds",
  ),
  gauge("config_settings_awaiting_restart", "Settings whose new values wait for a restart.", "settings"),
  counter("agent_restarts_total", "Times the agent thread was replaced.", "restarts"),
  counter(
    "metrics_rejected_total",
    "Values for a metric that does not exist; a defect of this program.",
    "values",
  ),
];
