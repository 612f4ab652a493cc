/** A channel whose target is the test itself. */
import type {
  CallObserver,
  CallResult,
  Channel,
  ChannelCall,
  ChannelFailure,
  ChannelHealth,
  ChannelRequest,
  HeaderMap,
  JsonText,
  NotifyResult,
  SessionResult,
  TransportKind,
} from "../../src/channels/mod.ts";
import type { HeaderPairs } from "../../src/net/mod.ts";
import { Changes } from "./agent_changes.ts";
import { SECRET } from "./agent_commands.ts";

/** One exchange in the hands of the test. */
export interface ScriptedExchange<R> {
  readonly request: ChannelRequest;
  readonly signal: AbortSignal;
  /** Only of calls. */
  readonly observer: CallObserver | undefined;
  /** Ends the exchange. */
  end(result: R): void;
  /** Ends the exchange as a defective channel would. */
  crash(error: unknown): void;
  readonly ended: boolean;
}

export type ScriptedCall = ScriptedExchange<CallResult>;

export interface ScriptedChannelOptions {
  readonly name?: string;
  readonly transport?: TransportKind;
  readonly procAffinity?: boolean;
  readonly maxConcurrentCalls?: number;
  /** Ends calls by itself; absent leaves them to the test. */
  readonly onCall?: (call: ScriptedCall) => unknown;
  /** Ends notifications by itself; by default with 202. */
  readonly onNotify?: (notification: ScriptedExchange<NotifyResult>) => unknown;
  /** Present makes the channel able to end sessions. */
  readonly onTerminate?: (headers: HeaderMap, signal: AbortSignal) => Promise<SessionResult>;
  readonly onStart?: () => Promise<void>;
  readonly onStop?: (graceMs: number) => Promise<void>;
  /** A channel that does not react to aborts. */
  readonly deafToAborts?: boolean;
}

export class ScriptedChannel implements Channel {
  readonly name: string;
  readonly transport: TransportKind;
  readonly procAffinity: boolean;
  readonly maxConcurrentCalls: number | undefined;
  readonly terminateSession?: (headers: HeaderMap, signal: AbortSignal) => Promise<SessionResult>;
  readonly calls: ScriptedCall[] = [];
  readonly notifications: ScriptedExchange<NotifyResult>[] = [];
  readonly stops: number[] = [];
  readonly changes = new Changes();
  /** Exchanges that have not ended; the highest number there ever was. */
  running = 0;
  mostRunning = 0;
  started = false;
  /** Attempts to start something after the channel was stopped. */
  usedAfterStop = 0;

  constructor(private readonly options: ScriptedChannelOptions = {}) {
    this.name = options.name ?? "main";
    this.transport = options.transport ?? "http-streamable";
    this.procAffinity = options.procAffinity ?? false;
    this.maxConcurrentCalls = options.maxConcurrentCalls;
    if (options.onTerminate) this.terminateSession = options.onTerminate;
  }

  async start(): Promise<void> {
    await this.options.onStart?.();
    this.started = true;
    this.changes.notify();
  }

  call(call: ChannelCall, observer: CallObserver, signal: AbortSignal): Promise<CallResult> {
    return this.#run(call, observer, signal, this.calls, this.options.onCall);
  }

  notify(notification: ChannelRequest, signal: AbortSignal): Promise<NotifyResult> {
    const accept = this.options.onNotify ??
      ((one) => one.end({ type: "accepted", status: 202, headers: [] }));
    return this.#run(notification, undefined, signal, this.notifications, accept);
  }

  health(): ChannelHealth {
    return { state: this.started ? "ready" : "starting", reason: "" };
  }

  async stop(graceMs: number): Promise<void> {
    this.stops.push(graceMs);
    await this.options.onStop?.(graceMs);
    this.started = false;
    this.changes.notify();
  }

  /** Waits for the nth call, counted from 0. */
  async nthCall(index: number): Promise<ScriptedCall> {
    return await this.changes.until(`call ${index} at channel ${this.name}`, () => this.calls[index]);
  }

  async #run<R>(
    request: ChannelRequest,
    observer: CallObserver | undefined,
    signal: AbortSignal,
    kept: ScriptedExchange<R>[],
    script: ((exchange: ScriptedExchange<R>) => unknown) | undefined,
  ): Promise<R> {
    if (this.stops.length > 0) this.usedAfterStop++;
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    let ended = false;
    const exchange: ScriptedExchange<R> = {
      request,
      signal,
      observer,
      end: resolve,
      crash: reject,
      get ended() {
        return ended;
      },
    };
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    kept.push(exchange);
    const onAbort = () => reject(signal.reason);
    if (!this.options.deafToAborts) {
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort);
    }
    try {
      const scripted = script?.(exchange);
      if (scripted instanceof Promise) scripted.catch(reject);
      this.changes.notify();
      return await promise;
    } finally {
      ended = true;
      this.running--;
      signal.removeEventListener("abort", onAbort);
      this.changes.notify();
    }
  }
}

export const JSON_HEADERS: HeaderPairs = [["content-type", "application/json"]];

/** The answer to a call: a result with the call's own id. */
export function answer(
  call: ScriptedCall,
  result: unknown = { text: `${SECRET} result` },
  headers: HeaderPairs = JSON_HEADERS,
): CallResult {
  return answerText(JSON.stringify({ jsonrpc: "2.0", id: call.request.message.id, result }), headers);
}

export function answerText(text: JsonText, headers: HeaderPairs = JSON_HEADERS, status = 200): CallResult {
  return { type: "response", status, headers, text, errorCode: undefined, targetElapsedMs: 1 };
}

export function failure(parts: Partial<ChannelFailure> = {}): ChannelFailure {
  return {
    type: "failure",
    kind: "connection_refused",
    upstreamStatus: 0,
    statusCode: 502,
    headers: [],
    detail: "connection refused",
    ...parts,
  };
}

/** Answers every call at once. */
export function answering(call: ScriptedCall): void {
  call.observer?.sent();
  call.end(answer(call));
}
