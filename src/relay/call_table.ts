import type { PendingCall } from "./pending_call.ts";

/**
 * Every open call of the relay by request id, and the one timer behind all their deadlines. Nearly all wait equally
 * long from now on, so that the oldest is the next to expire; the few that may wait longer are held apart.
 */
export class CallTable {
  /** In the order of their deadlines. */
  readonly #calls = new Map<string, PendingCall>();
  /** In no order. */
  readonly #held = new Map<string, PendingCall>();
  /** Calls whose target waits for an answer of the connector. */
  readonly #asking = new Set<PendingCall>();
  readonly #onExpired: (call: PendingCall) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  /** @param onExpired called once for each call whose deadline has passed; it must remove the call */
  constructor(onExpired: (call: PendingCall) => void) {
    this.#onExpired = onExpired;
  }

  /** Adds a call, or gives one a new deadline; no other that is not held may have a later one. */
  add(call: PendingCall): void {
    if (!this.#held.delete(call.requestId)) this.#calls.delete(call.requestId);
    this.#calls.set(call.requestId, call);
    this.#armFor(call.deadline);
  }

  /** Gives a call a deadline that is later than usual. */
  hold(call: PendingCall): void {
    this.#calls.delete(call.requestId);
    this.#held.set(call.requestId, call);
    this.#armFor(call.deadline);
  }

  isHeld(call: PendingCall): boolean {
    return this.#held.has(call.requestId);
  }

  get(requestId: string): PendingCall | undefined {
    return this.#calls.get(requestId) ?? this.#held.get(requestId);
  }

  /** @returns false when it had been removed before */
  remove(call: PendingCall): boolean {
    if (call.hasQuestions) this.#asking.delete(call);
    return this.#calls.delete(call.requestId) || this.#held.delete(call.requestId);
  }

  /** Open calls. */
  all(): PendingCall[] {
    return [...this.#calls.values(), ...this.#held.values()];
  }

  get asking(): Set<PendingCall> {
    return this.#asking;
  }

  /** Stops the timer; calls that are added later start it again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  #armFor(deadline: number): void {
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, deadline - performance.now()));
  }

  /** The timer is not touched when a call ends, so what it finds may be younger than what it was set for. */
  #expire(): void {
    this.stop();
    for (const call of this.#calls.values()) {
      if (call.deadline > performance.now()) {
        this.#armFor(call.deadline);
        break;
      }
      this.#onExpired(call);
    }
    for (const call of this.#held.values()) {
      if (call.deadline > performance.now()) this.#armFor(call.deadline);
      else this.#onExpired(call);
    }
  }
}
