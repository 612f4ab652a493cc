import { METRIC_TABLE } from "./metric_table.ts";
import type { HistogramSeries, MetricLabels, MetricSeries, MetricSnapshot } from "./observe.ts";

export const EMPTY_SNAPSHOT: MetricSnapshot = { counters: [], gauges: [], histograms: [] };

const HIGHEST_GAUGES: ReadonlySet<string> = new Set(
  METRIC_TABLE.filter((row) => row.type === "gauge" && row.afterRestart === "highest").map((row) => row.name),
);

/** Counters and histograms added up series by series; of each gauge the highest, or the one of the last snapshot. */
export function sumSnapshots(...snapshots: readonly MetricSnapshot[]): MetricSnapshot {
  const counters = new Map<string, MetricSeries>();
  const gauges = new Map<string, MetricSeries>();
  const histograms = new Map<string, HistogramSeries>();
  for (const snapshot of snapshots) {
    for (const series of snapshot.counters) {
      const key = seriesKey(series);
      const before = counters.get(key);
      counters.set(key, before === undefined ? series : { ...series, value: before.value + series.value });
    }
    for (const series of snapshot.gauges) {
      const key = seriesKey(series);
      const before = gauges.get(key);
      const keep = before !== undefined && HIGHEST_GAUGES.has(series.name) && before.value > series.value;
      if (!keep) gauges.set(key, series);
    }
    for (const series of snapshot.histograms) {
      const key = seriesKey(series);
      const before = histograms.get(key);
      histograms.set(key, before === undefined ? series : addHistograms(before, series));
    }
  }
  return {
    counters: [...counters.values()],
    gauges: [...gauges.values()],
    histograms: [...histograms.values()],
  };
}

/** Gauges of which each agent holds a part. */
const SHARED_GAUGES: ReadonlySet<string> = new Set([
  "commands_in_flight",
  "commands_queue_length",
  "dispatcher_worker_pool_occupancy",
]);

/** The snapshots of agents that run at the same time, the newest agent last: what each has a part of is added up. */
export function besideEachOther(snapshots: readonly MetricSnapshot[]): MetricSnapshot {
  const all = sumSnapshots(...snapshots);
  if (snapshots.length < 2) return all;
  const parts = snapshots.flatMap(({ gauges }) => gauges.filter(({ name }) => SHARED_GAUGES.has(name)));
  const sumOf = (wanted: string) =>
    parts.reduce((sum, { name, value }) => name === wanted ? sum + value : sum, 0);
  const gauges = all.gauges.map((series) =>
    SHARED_GAUGES.has(series.name) ? { ...series, value: sumOf(series.name) } : series
  );
  return { ...all, gauges };
}

/** What remains of an agent that is gone: its counts, and the gauges that must not go back. */
export function lastingPart(snapshot: MetricSnapshot): MetricSnapshot {
  return { ...snapshot, gauges: snapshot.gauges.filter(({ name }) => HIGHEST_GAUGES.has(name)) };
}

function addHistograms(a: HistogramSeries, b: HistogramSeries): HistogramSeries {
  return {
    ...b,
    bucketCounts: b.bucketCounts.map((count, bucket) => count + (a.bucketCounts[bucket] ?? 0)),
    sum: a.sum + b.sum,
    count: a.count + b.count,
  };
}

/** The store always writes the labels of a metric in the order of the table, so equal sets have equal text. */
function seriesKey(series: { readonly name: string; readonly labels: MetricLabels }): string {
  return series.name + JSON.stringify(series.labels);
}
