/** Time as the parts of this room see it; a test hands them another one. */
export interface Clock {
  /** Monotonic instant, in ms. */
  nowMs(): number;
  /**
   * Runs `run` once after `delayMs`.
   * @returns a function that calls it off; harmless when it has run already
   */
  after(delayMs: number, run: () => void): () => void;
}

/** The process's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The outcome of {@link within} when the time ran out first. */
export const TIMED_OUT = Symbol("timed out");

/**
 * Waits for a promise, but not longer than `limitMs`. The timer never outlives the wait.
 * @returns the promise's value, or {@link TIMED_OUT}
 */
export function within<T>(promise: Promise<T>, limitMs: number, clock: Clock): Promise<T | typeof TIMED_OUT> {
  return new Promise((resolve, reject) => {
    const callOff = clock.after(limitMs, () => resolve(TIMED_OUT));
    promise.then((value) => {
      callOff();
      resolve(value);
    }, (error) => {
      callOff();
      reject(error);
    });
  });
}

/** Waits for `delayMs`. */
export function sleep(delayMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
