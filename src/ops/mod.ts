/**
 * ops: what does an operator see? In: log records, metrics, timeline entries and the agent's status. Out: log lines
 * without secrets, `/healthz`, `/readyz`, `/metrics`, the page, the URL file and the PID file.
 *
 * Importing this file is cheap; Hono, prom-client and the page load when the listener starts or is first scraped.
 */
export { agedStatus } from "./agent_status.ts";
export type {
  AgentStatus,
  ChannelStatus,
  ConfigReload,
  PollStatus,
  ProbeStatus,
  RouteHealth,
} from "./agent_status.ts";
export { createBatchLog } from "./batch_log.ts";
export type { BatchLog, BatchLogOptions } from "./batch_log.ts";
export { createExposition } from "./exposition.ts";
export type { Exposition, ExpositionOptions } from "./exposition.ts";
export type { LogFormat } from "./log_format.ts";
export { createLogSink, LogFileError } from "./log_sink.ts";
export type { ByteStream, LogSink, LogSinkOptions } from "./log_sink.ts";
export { createMetricStore } from "./metric_store.ts";
export type { MetricStore } from "./metric_store.ts";
export { METRIC_TABLE } from "./metric_table.ts";
export type { MetricRow } from "./metric_table.ts";
export type {
  HistogramSeries,
  Log,
  LogFields,
  LogLevel,
  LogRecord,
  LogValue,
  MetricLabels,
  Metrics,
  MetricSeries,
  MetricSnapshot,
  Outcome,
  Timeline,
  TimelineEntry,
} from "./observe.ts";
export { startOperatorListener } from "./operator_listener.ts";
export type { OperatorListener, OperatorListenerOptions } from "./open_listener.ts";
export type { OperatorProviders } from "./operator_app.ts";
export { evaluateReadiness } from "./readiness.ts";
export type { Readiness, ReadinessCheck } from "./readiness.ts";
export { writeFileAtomically } from "./atomic_file.ts";
export { createRedactor } from "./redactor.ts";
export type { Redactor } from "./redactor.ts";
export { runningOwnerOf } from "./pid_file.ts";
export { StartError } from "./start_error.ts";
export type { TrustReport } from "./system_json.ts";
export { clearSocketPath } from "./unix_socket.ts";
export type { ProgramFacts } from "./status_json.ts";
export { createBatchTimeline, createTimelineRing } from "./timeline.ts";
export type { BatchTimeline, TimelineRing } from "./timeline.ts";
