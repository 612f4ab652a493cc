/**
 * Many clocks over one timer: calls end long before their limits, so limits must cost next to nothing to set and to
 * lift. `setTimeout` alone would fire at once for delays above 2^31 ms (P-187).
 */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A limit that has been set; hand it back to {@link Deadlines.lift}. */
export interface Limit {
  readonly at: number;
  readonly expire: () => void;
}

export class Deadlines {
  readonly #limits = new Set<Limit>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedFor = Infinity;

  /** @param now monotonic clock in ms */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /**
   * Calls `expire` once, at or shortly after the instant, unless the limit is lifted before.
   * @param at instant of the monotonic clock in ms; Infinity sets nothing
   */
  set(at: number, expire: () => void): Limit {
    const limit = { at, expire };
    if (at === Infinity) return limit;
    this.#limits.add(limit);
    if (at < this.#armedFor) this.#arm(at);
    return limit;
  }

  /** Lifts a limit; lifting it twice or after it expired does nothing. */
  lift(limit: Limit): void {
    this.#limits.delete(limit);
    if (this.#limits.size === 0) this.#disarm();
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#armedFor = at;
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(at - this.now())));
    this.#timer = setTimeout(() => this.#sweep(), delayMs);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }

  #sweep(): void {
    const now = this.now();
    for (const limit of [...this.#limits]) {
      // What expires may lift others: `delete` tells whether this one is still set.
      if (limit.at <= now && this.#limits.delete(limit)) limit.expire();
    }
    this.#disarm();
    let next = Infinity;
    for (const limit of this.#limits) if (limit.at < next) next = limit.at;
    if (next !== Infinity) this.#arm(next);
  }
}
