/** One `fetch`, two who may end it: the caller's signal and the body's `cancel`. */
export class FetchAbort {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;

  /** @param caller the request's signal; listened to until {@link FetchAbort.release} */
  constructor(caller: AbortSignal | undefined) {
    this.#caller = caller;
    caller?.addEventListener("abort", this);
  }

  /** For `fetch`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the exchange. */
  abort(): void {
    this.release();
    this.#controller.abort();
  }

  /** The exchange is over, or the caller's signal no longer matters to it. */
  release(): void {
    this.#caller?.removeEventListener("abort", this);
  }

  /** @throws the `reason` of the caller's signal when that was aborted */
  throwIfAborted(): void {
    this.#caller?.throwIfAborted();
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.#controller.abort(this.#caller?.reason);
  }
}
