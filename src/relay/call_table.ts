import type { PendingCall } from "./pending_call.ts";

/**
 * Every open call of the relay by request id, and the one timer behind all their deadlines: all connectors wait
 * equally long, so the oldest call is always the next to expire.
 */
export class CallTable {
  readonly #calls = new Map<string, PendingCall>();
  readonly #onExpired: (call: PendingCall) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onExpired called once for each call whose deadline has passed; it must remove the call */
  constructor(onExpired: (call: PendingCall) => void) {
    this.#onExpired = onExpired;
  }

  add(call: PendingCall): void {
    this.#calls.set(call.requestId, call);
    if (this.#timer === undefined) this.#arm(call);
  }

  get(requestId: string): PendingCall | undefined {
    return this.#calls.get(requestId);
  }

  /** @returns false when it had been removed before */
  remove(call: PendingCall): boolean {
    return this.#calls.delete(call.requestId);
  }

  /** Open calls, oldest first. */
  all(): PendingCall[] {
    return [...this.#calls.values()];
  }

  /** Stops the timer; calls that are added later start it again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(oldest: PendingCall): void {
    const waitMs = Math.max(1, oldest.deadline - performance.now());
    this.#timer = setTimeout(() => this.#expire(), waitMs);
  }

  /** The timer is not touched when a call ends, so what it finds may be younger than what it was set for. */
  #expire(): void {
    this.#timer = undefined;
    for (const call of this.#calls.values()) {
      if (call.deadline > performance.now()) return this.#arm(call);
      this.#onExpired(call);
    }
  }
}
