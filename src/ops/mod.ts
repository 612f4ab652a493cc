/**
 * ops: what does an operator see? In: log records, metrics and timeline entries of the other rooms. Out: log lines,
 * `/healthz`, `/readyz`, `/metrics` and the page.
 */
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
