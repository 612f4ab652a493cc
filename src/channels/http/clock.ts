/** Time and chance as a channel needs them; tests hand in their own. */
export interface Clock {
  /** Monotonic milliseconds (P-186). */
  now(): number;
  /** A pause on purpose. @throws the signal's `reason` as soon as it is aborted */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Resolves when a time limit has run out. A test lets pauses pass at once and limits stand, however slow the machine.
   * @throws the signal's `reason` as soon as it is aborted
   */
  limit(durationMs: number, signal: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

/** Longest delay that a timer can take; a longer one would fire at once (P-187). */
const MAX_TIMER_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  random: () => Math.random(),
  sleep: wait,
  limit: wait,
};

function wait(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, Math.min(durationMs, MAX_TIMER_MS));
    signal.addEventListener("abort", stop, { once: true });
  });
}
