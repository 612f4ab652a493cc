/**
 * Admits a limited number of calls at once, in the order of their arrival (SE-1). Waiting can be given up at any time
 * without leaving a trace (SE-2).
 */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /**
   * Takes a slot.
   * @returns undefined when one was free, else a promise of it
   * @throws the signal's `reason` when it is aborted before a slot was free
   */
  take(signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const granted = () => {
        signal.removeEventListener("abort", abandoned);
        resolve();
      };
      const abandoned = () => {
        this.#waiting.delete(granted);
        reject(signal.reason);
      };
      signal.addEventListener("abort", abandoned, { once: true });
      this.#waiting.add(granted);
    });
  }

  /** Gives a slot back; the one that has waited longest gets it. */
  release(): void {
    for (const granted of this.#waiting) {
      this.#waiting.delete(granted);
      granted();
      return;
    }
    this.#free++;
  }
}
