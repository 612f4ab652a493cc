/** Bounds of a retry delay, in ms. */
export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Defaults of the published client (P-51). */
export const DEFAULT_BACKOFF: BackoffBounds = { minMs: 200, maxMs: 10_000 };

/**
 * Delay before the next attempt, exponential with full sampling below its upper bound (P-51).
 * @param failures failures since the last success, before this one: 0 for the first
 * @param random uniform in [0, 1)
 * @returns milliseconds within the bounds
 */
export function backoffDelayMs(failures: number, bounds: BackoffBounds, random: () => number): number {
  const { minMs, maxMs } = bounds;
  if (minMs >= maxMs) return maxMs;
  const upperMs = minMs * 2 ** failures;
  if (!Number.isFinite(upperMs)) return maxMs;
  return Math.min(maxMs, minMs + random() * (upperMs - minMs));
}
