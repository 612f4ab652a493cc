/**
 * The small interfaces through which every other room is observed. Types only: importing them costs nothing, and
 * nobody needs to know what stands behind them.
 */

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Values a log field may hold. `undefined` fields are left out (L-7). Never a payload, a header value or a secret (L-8). */
export type LogValue = string | number | boolean | undefined | readonly LogValue[] | {
  readonly [key: string]: LogValue;
};
export type LogFields = { readonly [key: string]: LogValue };

/** Structured log: the message is the event's name, everything else is a field. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** True when a record of this level would be kept; lets hot paths skip building fields. */
  enabled(level: LogLevel): boolean;
  /** A log whose records all carry these fields too, e.g. `component`. */
  with(fields: LogFields): Log;
}

/** One log record on its way from the thread that made it to the one that writes it. */
export interface LogRecord {
  /** Unix time in ms. */
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

export type MetricLabels = { readonly [label: string]: string };

/** Counters and histograms by the names of `metric_table.ts`; gauges are read when a snapshot is taken. */
export interface Metrics {
  /** Adds to a counter. @param by default 1 */
  count(name: string, labels?: MetricLabels, by?: number): void;
  /** Puts one value, in the metric's own unit, into a histogram. */
  observe(name: string, value: number, labels?: MetricLabels): void;
  /** Registers the reader of a gauge, of each label set its own where the gauge has labels. */
  gauge(name: string, read: () => number, labels?: MetricLabels): void;
}

/** Cumulative values of every metric that has been touched; plain data, so it crosses threads. */
export interface MetricSnapshot {
  readonly counters: readonly MetricSeries[];
  readonly gauges: readonly MetricSeries[];
  readonly histograms: readonly HistogramSeries[];
}
export interface MetricSeries {
  readonly name: string;
  readonly labels: MetricLabels;
  readonly value: number;
}
export interface HistogramSeries {
  readonly name: string;
  readonly labels: MetricLabels;
  /** Observations per bucket, not cumulative; the last one is above the highest bound. */
  readonly bucketCounts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** How a command ended: the closed list of the outcome law. */
export type Outcome = "answered" | "acknowledged" | "failed_answered" | "expired" | "undeliverable";

/** One entry per finished command: when, what, how; no payload. */
export interface TimelineEntry {
  /** Unix time in ms at which the command ended. */
  readonly timeMs: number;
  readonly requestId: string;
  readonly channel: string;
  /** `call`, `notification`, `response`, `session_termination` or `oauth_discovery`. */
  readonly kind: string;
  /** JSON-RPC method, if any. */
  readonly method: string | undefined;
  readonly outcome: Outcome;
  /** Status that was posted, 0 when nothing was. */
  readonly statusCode: number;
  /** Receipt to start of work, and receipt to end, in ms. */
  readonly queuedMs: number;
  readonly totalMs: number;
  /** Why it failed, as `source/kind`, or why nothing could be posted; empty when it did not fail. */
  readonly reason: string;
}

export interface Timeline {
  add(entry: TimelineEntry): void;
}
