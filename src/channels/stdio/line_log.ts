import type { Log, LogFields, LogLevel } from "../../ops/mod.ts";
import type { Clock } from "./clock.ts";

/** Lines that one second may bring into the log. */
const LINES_PER_WINDOW = 50;
const WINDOW_MS = 1000;

/**
 * Writes a child's lines to the log, but no more than a few per second: a flood costs neither memory nor log space.
 * How many were left out is said once the second is over.
 */
export class LineLog {
  readonly #event: string;
  readonly #level: LogLevel;
  readonly #log: Log;
  readonly #clock: Clock;
  #windowEndMs = 0;
  #written = 0;
  #suppressed = 0;
  #callOff: (() => void) | undefined;

  constructor(event: string, level: LogLevel, log: Log, clock: Clock) {
    this.#event = event;
    this.#level = level;
    this.#log = log;
    this.#clock = clock;
  }

  /** Writes one record, or counts it as suppressed. */
  write(fields: LogFields): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#windowEndMs) {
      this.#report();
      this.#windowEndMs = nowMs + WINDOW_MS;
      this.#written = 0;
    }
    if (this.#written < LINES_PER_WINDOW) {
      this.#written++;
      this.#log[this.#level](this.#event, fields);
      return;
    }
    this.#suppressed++;
    this.#callOff ??= this.#clock.after(this.#windowEndMs - nowMs, () => this.#report());
  }

  /** Says what is still to be said; afterwards no timer is left. */
  close(): void {
    this.#report();
  }

  #report(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    if (this.#suppressed === 0) return;
    this.#log.warn(`${this.#event} suppressed`, { lines: this.#suppressed, perSecond: LINES_PER_WINDOW });
    this.#suppressed = 0;
  }
}
