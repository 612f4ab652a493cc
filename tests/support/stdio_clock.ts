import type { Clock } from "../../src/channels/stdio/clock.ts";

/** A clock that moves only when it is told to. */
export class HandClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  readonly nowMs = () => this.#nowMs;

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    for (const timer of [...this.#timers].filter(({ atMs }) => atMs <= this.#nowMs)) {
      this.#timers.delete(timer);
      timer.run();
    }
  }
}
