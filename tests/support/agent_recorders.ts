/** What the agent tells its observers, kept for the test. */
import assert from "node:assert/strict";
import { METRIC_TABLE } from "../../src/ops/metric_table.ts";
import type {
  Log,
  LogFields,
  LogLevel,
  LogRecord,
  MetricLabels,
  Metrics,
  Timeline,
  TimelineEntry,
} from "../../src/ops/mod.ts";
import type { Changes } from "./agent_changes.ts";

export class RecordedLog {
  readonly records: LogRecord[] = [];
  readonly log: Log = this.#logWith({});

  constructor(private readonly changes?: Changes) {}

  /** The records of one event, in order. */
  all(event: string | RegExp): LogRecord[] {
    return this.records.filter((record) =>
      typeof event === "string" ? record.event === event : event.test(record.event)
    );
  }

  /** Waits for the nth record of one event, counted from 0. */
  async nth(event: string | RegExp, index = 0): Promise<LogRecord> {
    assert(this.changes);
    return await this.changes.until(`record ${index} of "${event}"`, () => this.all(event)[index]);
  }

  /** The only record of one event. */
  one(event: string | RegExp): LogRecord {
    const found = this.all(event);
    assert.equal(found.length, 1, `${found.length} records of ${event}, wanted 1`);
    return found[0]!;
  }

  /** Events at or above a level, e.g. to see that nothing was warned of. */
  atLeast(level: "warn" | "error"): string[] {
    const levels = level === "error" ? ["error"] : ["warn", "error"];
    return this.records.filter((record) => levels.includes(record.level)).map((record) => record.event);
  }

  #logWith(base: LogFields): Log {
    const write = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
      this.records.push({ timeMs: Date.now(), level, event, fields: { ...base, ...fields } });
      this.changes?.notify();
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
      enabled: () => true,
      with: (fields) => this.#logWith({ ...base, ...fields }),
    };
  }
}

interface Observed {
  readonly name: string;
  readonly value: number;
  readonly labels: MetricLabels;
}

/** Names and labels are checked against the table of metrics. */
export class RecordedMetrics implements Metrics {
  readonly counts: Observed[] = [];
  readonly observations: Observed[] = [];
  readonly #gauges = new Map<string, () => number>();

  constructor(private readonly changes?: Changes) {}

  count(name: string, labels: MetricLabels = {}, by = 1): void {
    checkMetric(name, "counter", labels);
    this.counts.push({ name, value: by, labels });
    this.changes?.notify();
  }

  observe(name: string, value: number, labels: MetricLabels = {}): void {
    checkMetric(name, "histogram", labels);
    assert(Number.isFinite(value) && value >= 0, `${name} observed ${value}`);
    this.observations.push({ name, value, labels });
    this.changes?.notify();
  }

  gauge(name: string, read: () => number): void {
    checkMetric(name, "gauge", {});
    this.#gauges.set(name, read);
  }

  /** Sum of a counter over all label sets that hold the given labels. */
  total(name: string, labels: MetricLabels = {}): number {
    return this.counts.filter((count) => count.name === name && holds(count.labels, labels))
      .reduce((sum, count) => sum + count.value, 0);
  }

  /** Observations of a histogram with the given labels. */
  observed(name: string, labels: MetricLabels = {}): Observed[] {
    return this.observations.filter((one) => one.name === name && holds(one.labels, labels));
  }

  read(gauge: string): number {
    const read = this.#gauges.get(gauge);
    assert(read, `no gauge ${gauge}`);
    return read();
  }

  get gaugeNames(): string[] {
    return [...this.#gauges.keys()];
  }
}

function holds(labels: MetricLabels, wanted: MetricLabels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function checkMetric(name: string, type: string, labels: MetricLabels): void {
  const row = METRIC_TABLE.find((row) => row.name === name);
  assert(row, `metric ${name} is not in the table`);
  assert.equal(row.type, type, name);
  const known = row.labels.map((label) => label.name);
  for (const label of Object.keys(labels)) {
    assert(known.includes(label), `metric ${name} has no label ${label}`);
  }
}

export class RecordedTimeline implements Timeline {
  readonly entries: TimelineEntry[] = [];

  constructor(private readonly changes: Changes) {}

  add(entry: TimelineEntry): void {
    this.entries.push(entry);
    this.changes.notify();
  }

  /** Waits for the end of one command. */
  async end(requestId: string): Promise<TimelineEntry> {
    const isIt = (entry: TimelineEntry) => entry.requestId === requestId;
    return await this.changes.until(`the end of ${requestId}`, () => this.entries.find(isIt));
  }

  /** The only entry of one command. */
  of(requestId: string): TimelineEntry {
    const found = this.entries.filter((entry) => entry.requestId === requestId);
    assert.equal(found.length, 1, `${found.length} timeline entries for ${requestId}`);
    return found[0]!;
  }
}
