import type { PollInterest } from "./poll_interest.ts";

/** Why a waiting poll goes on. */
export type WakeReason = "work" | "timeout" | "released" | "gone" | "stopped";

/** One poll that waits for commands. */
export class PollWaiter {
  readonly woken: Promise<WakeReason>;
  readonly #resolve: (reason: WakeReason) => void;
  readonly #timer: ReturnType<typeof setTimeout>;

  /**
   * @param interest what wakes it
   * @param waitMs after this the wait ends by itself
   * @param onTimeout called when it does
   */
  constructor(
    readonly interest: PollInterest,
    waitMs: number,
    onTimeout: (waiter: PollWaiter) => void,
  ) {
    const { promise, resolve } = Promise.withResolvers<WakeReason>();
    this.woken = promise;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => onTimeout(this), waitMs);
  }

  /** Ends the wait; only the first call counts. */
  wake(reason: WakeReason): void {
    clearTimeout(this.#timer);
    this.#resolve(reason);
  }
}
