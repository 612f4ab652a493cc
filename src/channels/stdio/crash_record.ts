import type { Clock } from "./clock.ts";

/** So many ends in a row without an answer are a crash loop. */
const FRUITLESS_LIMIT = 3;
/** So many ends within this time are one too, whatever was answered between them. */
const RECENT_LIMIT = 3;
const RECENT_MS = 60_000;
/** A child that has lived this long is trusted again. */
const SETTLED_MS = 30_000;
/** A child that has answered and lived this long sets the restart delay back. */
const STABLE_MS = 5_000;

/** Counts how children end, and says how long to wait before the next and whether that is still an accident. */
export class CrashRecord {
  readonly #backoffMinMs: number;
  readonly #backoffMaxMs: number;
  readonly #clock: Clock;
  #endsAtMs: number[] = [];
  #fruitless = 0;
  #attempt = 0;
  #answered = false;

  constructor(backoffMinMs: number, backoffMaxMs: number, clock: Clock) {
    this.#backoffMinMs = backoffMinMs;
    this.#backoffMaxMs = backoffMaxMs;
    this.#clock = clock;
  }

  /** Ends in a row without an answer. */
  get fruitless(): number {
    return this.#fruitless;
  }

  /** The child has served a call. */
  answered(): void {
    this.#answered = true;
    this.#fruitless = 0;
  }

  /**
   * A child has ended, or could not be started or brought back to its handshake.
   * @returns delay before the next start, in ms
   */
  ended(livedMs: number): number {
    const nowMs = this.#clock.nowMs();
    this.#endsAtMs = [...this.#endsAtMs.filter((atMs) => atMs > nowMs - RECENT_MS), nowMs];
    if (this.#answered && livedMs >= STABLE_MS) this.#attempt = 0;
    if (!this.#answered) this.#fruitless++;
    this.#answered = false;
    const delayMs = Math.min(this.#backoffMaxMs, this.#backoffMinMs * 2 ** this.#attempt);
    this.#attempt++;
    return delayMs;
  }

  /** True while no child is there and the last ones have achieved nothing. */
  isLoop(): boolean {
    return this.#fruitless >= FRUITLESS_LIMIT;
  }

  /** True while a child that lives is still under suspicion. */
  isShaky(livedMs: number): boolean {
    if (livedMs >= SETTLED_MS) return false;
    const sinceMs = this.#clock.nowMs() - RECENT_MS;
    return this.isLoop() || this.#endsAtMs.filter((atMs) => atMs > sinceMs).length >= RECENT_LIMIT;
  }
}
