import type { CallObserver, CallResult, ChannelCall, JsonRpcId, JsonText } from "../channel.ts";
import type { Clock } from "./clock.ts";
import { STDIO_HEAD } from "./result.ts";
import type { QueuedWrite } from "./write_queue.ts";

/** Names under which a call is known to the child. */
export interface WireNames {
  readonly id: JsonRpcId;
  /** Text of the caller's own id, where the answer's is to be replaced by it. */
  readonly originalId: string | undefined;
  readonly token: JsonRpcId | undefined;
  /** Text of the caller's own progress token, where the child knows another. */
  readonly originalToken: string | undefined;
}

/** One call from its write to its end. */
export class RunningCall {
  readonly call: ChannelCall;
  readonly names: WireNames;
  write: QueuedWrite | undefined;
  /** Last notification or request that is being delivered, in order behind the ones before it. */
  delivering: Promise<void> | undefined;

  readonly #observer: CallObserver;
  readonly #signal: AbortSignal;
  readonly #nowMs: () => number;
  readonly #result = Promise.withResolvers<CallResult | typeof NOT_WRITTEN>();
  readonly #onAbort: () => void;
  readonly #queuedAtMs: number;
  #release: (() => void) | undefined;
  #callOff: (() => void) | undefined;
  #sent = false;
  #ended = false;

  /** @param onAbort is called when the signal aborts before the call has ended */
  constructor(
    call: ChannelCall,
    names: WireNames,
    observer: CallObserver,
    signal: AbortSignal,
    onAbort: (running: RunningCall) => void,
    nowMs: () => number,
  ) {
    this.call = call;
    this.names = names;
    this.#observer = observer;
    this.#signal = signal;
    this.#nowMs = nowMs;
    this.#queuedAtMs = nowMs();
    this.#onAbort = () => onAbort(this);
    signal.addEventListener("abort", this.#onAbort);
  }

  get result(): Promise<CallResult | typeof NOT_WRITTEN> {
    return this.#result.promise;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Time since the message was handed to the pipe. */
  elapsedMs(): number {
    return this.#nowMs() - this.#queuedAtMs;
  }

  /** The child has the message. An answer proves it too, should it be read before the pipe has reported the write. */
  sent(): void {
    if (this.#sent || this.#ended) return;
    this.#sent = true;
    this.#observer.sent();
  }

  /** Delivers a notification behind the ones before it (P-99). @returns a promise of its delivery */
  notify(text: JsonText): Promise<void> {
    const deliver = () => this.#ended ? Promise.resolve() : this.#observer.notification(text, STDIO_HEAD);
    return this.delivering = this.delivering === undefined ? deliver() : this.delivering.then(deliver);
  }

  /**
   * Delivers a request of the child behind the notifications before it.
   * @returns a promise of whether somebody will answer it; undefined when there is nobody to ask
   */
  serverRequest(text: JsonText): Promise<boolean> | undefined {
    if (this.#observer.serverRequest === undefined) return undefined;
    const deliver = async () =>
      !this.#ended && await this.#observer.serverRequest?.(text, STDIO_HEAD) === true;
    const taken = this.delivering === undefined ? deliver() : this.delivering.then(deliver);
    this.delivering = taken.then(() => undefined);
    return taken;
  }

  /** Settles with a delivery, or when the call ends before it: a caller that has gone holds up nobody. */
  whileRunning(delivery: Promise<void>): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#release = resolve;
      delivery.then(resolve);
    });
  }

  /** Has `run` called after `delayMs`, unless the call ends before. */
  afterwards(delayMs: number, clock: Clock, run: () => void): void {
    this.#callOff ??= clock.after(delayMs, run);
  }

  end(result: CallResult | typeof NOT_WRITTEN): void {
    if (this.#finish()) this.#result.resolve(result);
  }

  endAborted(): void {
    if (this.#finish()) this.#result.reject(this.#signal.reason);
  }

  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#callOff?.();
    this.#release?.();
    return true;
  }
}

/** How a message ended that never reached the child and may be given to the next one. */
export const NOT_WRITTEN = Symbol("not written");
