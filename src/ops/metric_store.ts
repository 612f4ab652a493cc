import { type HistogramRow, type LabelRow, METRIC_TABLE, type MetricRow, OTHER } from "./metric_table.ts";
import type { MetricLabels, Metrics, MetricSeries, MetricSnapshot } from "./observe.ts";

/** Values that one label of a metric may take beside the same labels before it; the next ones count as `other`. */
const MAX_VALUES_PER_LABEL = 100;
/** Label sets that one metric may have before every new value counts as `other`. */
const MAX_SERIES_PER_METRIC = 2000;

/** The metrics of one thread. */
export interface MetricStore extends Metrics {
  /** Everything counted so far, and every gauge as it stands now. */
  snapshot(): MetricSnapshot;
}

interface CounterCell {
  readonly labels: MetricLabels;
  value: number;
}

interface GaugeCell {
  readonly labels: MetricLabels;
  readonly read: () => number;
}

interface HistogramCell {
  readonly labels: MetricLabels;
  readonly bucketCounts: number[];
  sum: number;
  count: number;
}

/** One step on the way, label value by label value, to a cell: a known label set is found without building a key. */
interface LabelNode<C> {
  readonly labels: MetricLabels;
  readonly children: Map<string | undefined, LabelNode<C>>;
  cell: C | undefined;
}

interface Family<R extends MetricRow, C> {
  readonly row: R;
  readonly root: LabelNode<C>;
  readonly cells: C[];
  readonly newCell: (labels: MetricLabels) => C;
}

const NO_LABELS: MetricLabels = {};

/** Makes an empty store for the metrics of `metric_table.ts`. */
export function createMetricStore(): MetricStore {
  const counters = new Map<string, Family<MetricRow, CounterCell>>();
  const histograms = new Map<string, Family<HistogramRow, HistogramCell>>();
  const gauges = new Map<string, Map<string, GaugeCell>>();
  for (const row of METRIC_TABLE) {
    if (row.type === "counter") counters.set(row.name, family(row, (labels) => ({ labels, value: 0 })));
    else if (row.type === "histogram") histograms.set(row.name, family(row, emptyHistogram(row)));
    else gauges.set(row.name, new Map());
  }

  function count(name: string, labels: MetricLabels = NO_LABELS, by = 1): void {
    const family = counters.get(name);
    if (family === undefined || !(by >= 0)) reject();
    else cellOf(family, labels).value += by;
  }

  function observe(name: string, value: number, labels: MetricLabels = NO_LABELS): void {
    const family = histograms.get(name);
    if (family === undefined || Number.isNaN(value)) return reject();
    const cell = cellOf(family, labels);
    const bucket = bucketOf(family.row.buckets, value);
    cell.bucketCounts[bucket] = (cell.bucketCounts[bucket] ?? 0) + 1;
    cell.sum += value;
    cell.count++;
  }

  function reject(): void {
    count("metrics_rejected_total");
  }

  return {
    count,
    observe,
    gauge(name, read, labels = NO_LABELS) {
      const cells = gauges.get(name);
      if (cells === undefined) reject();
      else cells.set(JSON.stringify(labels), { labels, read });
    },
    snapshot() {
      const gaugeSeries: MetricSeries[] = [];
      for (const [name, cells] of gauges) {
        for (const { labels, read } of cells.values()) gaugeSeries.push({ name, labels, value: read() });
      }
      return {
        counters: [...counters.values()].flatMap(({ row, cells }) =>
          cells.map((cell) => ({ name: row.name, ...cell }))
        ),
        gauges: gaugeSeries,
        histograms: [...histograms.values()].flatMap(({ row, cells }) =>
          cells.map((cell) => ({ name: row.name, ...cell, bucketCounts: [...cell.bucketCounts] }))
        ),
      };
    },
  };
}

function emptyHistogram(row: HistogramRow): (labels: MetricLabels) => HistogramCell {
  const bucketCount = row.buckets.length + 1;
  return (labels) => ({ labels, bucketCounts: new Array<number>(bucketCount).fill(0), sum: 0, count: 0 });
}

/** Index of the first bound that is not below the value; one past the last bound when all are. */
function bucketOf(bounds: readonly number[], value: number): number {
  for (let bucket = 0; bucket < bounds.length; bucket++) {
    const bound = bounds[bucket];
    if (bound !== undefined && value <= bound) return bucket;
  }
  return bounds.length;
}

function family<R extends MetricRow, C>(row: R, newCell: (labels: MetricLabels) => C): Family<R, C> {
  return { row, root: emptyNode(NO_LABELS), cells: [], newCell };
}

function emptyNode<C>(labels: MetricLabels): LabelNode<C> {
  return { labels, children: new Map(), cell: undefined };
}

function cellOf<C>(family: Family<MetricRow, C>, labels: MetricLabels): C {
  let node = family.root;
  for (const label of family.row.labels) {
    const value = labels[label.name];
    node = node.children.get(value) ?? childOf(family, node, label, value);
  }
  if (node.cell === undefined) {
    node.cell = family.newCell(node.labels);
    family.cells.push(node.cell);
  }
  return node.cell;
}

/** The way to go on for a value that is new here, or that its bound replaces by another. */
function childOf<C>(
  family: Family<MetricRow, C>,
  node: LabelNode<C>,
  label: LabelRow,
  value: string | undefined,
): LabelNode<C> {
  const bounded = value === undefined || label.bound === undefined ? value : label.bound(value);
  const known = node.children.get(bounded);
  if (known !== undefined) return known;
  const full = node.children.size >= MAX_VALUES_PER_LABEL || family.cells.length >= MAX_SERIES_PER_METRIC;
  const stored = full && bounded !== undefined ? OTHER : bounded;
  let child = node.children.get(stored);
  if (child === undefined) {
    child = emptyNode(stored === undefined ? node.labels : { ...node.labels, [label.name]: stored });
    node.children.set(stored, child);
  }
  return child;
}
