/** A check took longer than it may. */
export class CheckTimeoutError extends Error {
  override readonly name = "CheckTimeoutError";
  constructor(readonly limitMs: number) {
    super(`no result within ${limitMs / 1000} s`);
  }
}

/**
 * Runs some work under a time limit. The work's signal is aborted at the limit, and the work is waited for, so that it can
 * clean up behind itself.
 * @throws {CheckTimeoutError} when the limit was what ended it
 * @throws the signal's `reason` when it was aborted, else what the work throws
 */
export async function withinLimit<T>(
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new CheckTimeoutError(limitMs)), limitMs);
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** Time since an instant of the monotonic clock, in ms with one decimal at most. */
export function msSince(startMs: number): number {
  const elapsedMs = performance.now() - startMs;
  return elapsedMs < 10 ? Math.round(elapsedMs * 10) / 10 : Math.round(elapsedMs);
}
