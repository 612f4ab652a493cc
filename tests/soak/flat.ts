/**
 * Whether a measured line is flat. Memory of a garbage-collected program is a saw: single values say nothing. So a line is
 * judged by its trend, the median of the slopes between all pairs of its points (Theil–Sen), which no outlier moves, and
 * by its highest point against the highest of the first half.
 */

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** How much a line may rise from the end of the warm-up to the end of the run. */
export interface Tolerance {
  /** By its trend. */
  readonly rise: number;
  /** How far the highest point of the second half may stand above the highest of the first. */
  readonly peak: number;
}

export interface Trend {
  readonly median: number;
  readonly max: number;
  /** What the trend adds over the whole time. */
  readonly rise: number;
  /** Highest point of the second half less the highest of the first. */
  readonly peak: number;
}

/** No more pairs than these many points make are looked at. */
const MAX_POINTS = 400;

/** @param points in the order of time, warm-up left out */
export function trendOf(points: readonly Point[]): Trend {
  const values = points.map(({ value }) => value);
  const half = Math.ceil(values.length / 2);
  const spanMs = (points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0);
  return {
    median: median(values),
    max: highest(values),
    rise: slope(points) * spanMs,
    peak: values.length < 2 ? 0 : highest(values.slice(half)) - highest(values.slice(0, half)),
  };
}

/** What is wrong with a line, or undefined when it is flat. */
export function notFlat(
  what: string,
  { median, rise, peak }: Trend,
  tolerance: Tolerance,
): string | undefined {
  const figures = `(median ${round(median)}, trend ${signed(rise)} over the run, peak ${signed(peak)})`;
  if (rise > tolerance.rise) return `${what} rises by more than ${round(tolerance.rise)} ${figures}`;
  if (peak > tolerance.peak) {
    return `the highest point of ${what} rises by more than ${round(tolerance.peak)} ${figures}`;
  }
  return undefined;
}

/** Change of the value in one ms. */
function slope(points: readonly Point[]): number {
  const step = Math.max(1, Math.ceil(points.length / MAX_POINTS));
  const some = points.filter((_, index) => index % step === 0);
  const slopes: number[] = [];
  for (const [index, late] of some.entries()) {
    for (const early of some.slice(0, index)) {
      if (late.atMs > early.atMs) slopes.push((late.value - early.value) / (late.atMs - early.atMs));
    }
  }
  return median(slopes);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

function highest(values: readonly number[]): number {
  return values.reduce((max, value) => Math.max(max, value), 0);
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function signed(value: number): string {
  return (value > 0 ? "+" : "") + round(value);
}
