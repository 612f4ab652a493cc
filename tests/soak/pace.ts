/** Hands out turns at an even rate; who comes late does not make up for more than a moment. */
export class Pace {
  /** How far behind it may be before the rest is forgotten. */
  static readonly #BEHIND_MS = 1_000;
  readonly #everyMs: number;
  #nextMs = performance.now();

  /** @param perSecond Infinity never waits */
  constructor(perSecond: number) {
    this.#everyMs = 1_000 / perSecond;
  }

  async turn(): Promise<void> {
    const nowMs = performance.now();
    this.#nextMs = Math.max(this.#nextMs + this.#everyMs, nowMs - Pace.#BEHIND_MS);
    const leftMs = this.#nextMs - nowMs;
    if (leftMs > 1) await new Promise((resolve) => setTimeout(resolve, leftMs));
  }
}
