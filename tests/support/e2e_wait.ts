/** Waiting for what other processes do: a condition with a deadline, never a fixed sleep. */

const LOOK_EVERY_MS = 15;

/**
 * Looks until the condition gives something.
 * @param what completes "… within N ms" in the failure
 * @param limitMs generous: it is only used up when something is wrong
 * @returns the first value that is not undefined, null or false
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs = 20_000,
): Promise<Exclude<T, undefined | null | false>> {
  const endAt = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) {
      return found as Exclude<T, undefined | null | false>;
    }
    if (performance.now() > endAt) throw new Error(`${what}: not seen within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** The promise's value, or a failure that says what did not happen in time. */
export async function within<T>(what: string, work: Promise<T>, limitMs = 20_000): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what}: not seen within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A door that callers wait at until it is opened. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  #waiting = 0;

  /** Callers that wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  async pass(): Promise<void> {
    this.#waiting++;
    await this.#opened.promise;
    this.#waiting--;
  }

  open(): void {
    this.#opened.resolve();
  }
}
