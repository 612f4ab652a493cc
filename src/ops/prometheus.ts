/** Prometheus text through prom-client. Loading it costs about 40 ms, so this file is imported at the first scrape. */
import process from "node:process";
import { type Metric, type MetricValue, Registry } from "prom-client";
import { METRIC_TABLE, type MetricRow } from "./metric_table.ts";
import type { HistogramSeries, MetricLabels, MetricSnapshot } from "./observe.ts";
import type { Redactor } from "./redactor.ts";

const MICROSECONDS_PER_SECOND = 1e6;
const MS_PER_SECOND = 1000;

interface Value extends MetricValue<string> {
  readonly metricName?: string;
}

/** What {@link createScrape} reads from. */
export interface ScrapeSource {
  /** Labels of `tunnel_client_info`. */
  readonly info: MetricLabels;
  readonly read: () => MetricSnapshot;
  readonly redactor: Redactor;
}

/** Makes the function that writes the whole exposition. */
export function createScrape(source: ScrapeSource): () => Promise<string> {
  const registry = new Registry();
  let snapshot: MetricSnapshot = source.read();

  const clean = (labels: MetricLabels): MetricLabels =>
    Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, source.redactor.text(value)]));

  for (const row of METRIC_TABLE) {
    collect(registry, row.name, row.help, row.type, () => rowValues(row, snapshot, clean));
  }
  const info = "What runs here, as labels; always 1.";
  collect(registry, "tunnel_client_info", info, "gauge", () => [{ labels: clean(source.info), value: 1 }]);
  registerProcess(registry);

  return () => {
    snapshot = source.read();
    return registry.metrics();
  };
}

function rowValues(
  row: MetricRow,
  snapshot: MetricSnapshot,
  clean: (labels: MetricLabels) => MetricLabels,
): Value[] {
  const named = <S extends { readonly name: string }>(all: readonly S[]) =>
    all.filter(({ name }) => name === row.name);
  switch (row.type) {
    case "gauge": {
      const gauges = named(snapshot.gauges).map(({ labels, value }) => ({ labels: clean(labels), value }));
      return gauges.length > 0 || row.labels.length > 0 ? gauges : [{ labels: {}, value: 0 }];
    }
    case "counter": {
      const counted = named(snapshot.counters).map(({ labels, value }) => ({ labels: clean(labels), value }));
      const seen = new Set(counted.map(({ labels }) => JSON.stringify(labels)));
      const untouched = row.initial.filter((labels) => !seen.has(JSON.stringify(labels)));
      return [...counted, ...untouched.map((labels) => ({ labels, value: 0 }))];
    }
    case "histogram":
      return named(snapshot.histograms).flatMap((series) =>
        histogramValues(row.buckets, { ...series, labels: clean(series.labels) })
      );
  }
}

/** Buckets are cumulative in the exposition, and the last one is `+Inf`. */
function histogramValues(bounds: readonly number[], series: HistogramSeries): Value[] {
  const { name, labels } = series;
  let cumulative = 0;
  const buckets = [...bounds, "+Inf"].map((le, bucket): Value => {
    cumulative += series.bucketCounts[bucket] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: series.sum },
    { metricName: `${name}_count`, labels, value: series.count },
  ];
}

/** The process itself, in the names every Prometheus user knows; the same on all platforms. */
function registerProcess(registry: Registry): void {
  const one = (value: number): Value[] => [{ labels: {}, value }];
  collect(
    registry,
    "process_cpu_seconds_total",
    "User and system CPU time of all threads.",
    "counter",
    () => {
      const { user, system } = process.cpuUsage();
      return one((user + system) / MICROSECONDS_PER_SECOND);
    },
  );
  const startedAtSeconds = performance.timeOrigin / MS_PER_SECOND;
  const started = "Unix time at which the process started.";
  collect(registry, "process_start_time_seconds", started, "gauge", () => one(startedAtSeconds));
  const resident = "Resident memory of all threads.";
  collect(registry, "process_resident_memory_bytes", resident, "gauge", () => one(Deno.memoryUsage().rss));
  const used = "JavaScript heap of the main thread in use.";
  collect(registry, "process_heap_used_bytes", used, "gauge", () => one(Deno.memoryUsage().heapUsed));
  const heap = "JavaScript heap of the main thread, free parts included.";
  collect(registry, "process_heap_total_bytes", heap, "gauge", () => one(Deno.memoryUsage().heapTotal));
}

/**
 * prom-client has no type for a collector of foreign values: its own classes cannot be set to a counted total or to
 * bucket counts. Of a registered metric the registry uses the name and `get()`, and nothing else.
 */
function collect(
  registry: Registry,
  name: string,
  help: string,
  type: MetricRow["type"],
  values: () => Value[],
): void {
  const collector = { name, get: () => Promise.resolve({ name, help, type, values: values() }) };
  registry.registerMetric(collector as unknown as Metric);
}
