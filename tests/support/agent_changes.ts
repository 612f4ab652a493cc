/** Lets a test wait for what it observes, instead of for time to pass. */

const DEFAULT_LIMIT_MS = 10_000;

export class Changes {
  readonly #waiters = new Set<() => void>();

  /** Something that somebody may be waiting for has happened. */
  notify(): void {
    for (const look of [...this.#waiters]) look();
  }

  /**
   * Resolves with what `look` finds as soon as it finds something, looking after every change.
   * @param what for the error message when it does not come
   * @throws {Error} when it has not come in time
   */
  async until<T>(
    what: string,
    look: () => T | undefined | false,
    limitMs = DEFAULT_LIMIT_MS,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const check = () => {
      const found = look();
      if (found === undefined || found === false) return;
      this.#waiters.delete(check); // at once: looking may take what it finds
      resolve(found);
    };
    const timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms in vain for ${what}`)), limitMs);
    this.#waiters.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(check);
    }
  }
}

/** A door that a test opens when it wants. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

/** Resolves once the monotonic clock has passed an instant: for tests whose event is the passing of time itself. */
export async function clockPast(at: number): Promise<void> {
  while (performance.now() <= at) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, Math.ceil(at - performance.now()))));
  }
}

/** Keeps the event loop busy until an instant has passed, so that timers are late. */
export function blockPast(at: number): void {
  while (performance.now() <= at);
}
