/** Does the main target speak MCP? Asked at start, and again until the answer is good (section 10 of spec 02). */
import { formatDuration } from "../config/duration.ts";
import type { Log } from "../ops/mod.ts";
import type { CallObserver, CallResult } from "./channel.ts";
import { type Clock, systemClock } from "./http/clock.ts";
import { Exchange } from "./http/exchange.ts";
import { headerValue } from "./http/headers.ts";
import { Background } from "./http/background.ts";
import {
  discoverCall,
  initializeCall,
  initializedNotification,
  isLegacyVersion,
  readDiscovered,
  readInitialized,
  type ServerIdentity,
  type Session,
} from "./http/probe_messages.ts";
import type { HttpTarget } from "./http/target.ts";

/** `pending` until the first result; the words of readiness and of the admin API (PB-12, PB-13). */
export type ProbeState = "pending" | "ok" | "auth-required" | "timeout" | "startup-wait-timeout" | "failed";

/** What readiness is told of the probe. */
export interface ProbeResult {
  readonly state: ProbeState;
  /** Why, for an operator: no URL beyond its origin, no text of the target; empty for `pending` and `ok`. */
  readonly error: string;
}

/** What is probed, and whether start-up waits for it. */
export interface StartupProbeOptions {
  /** Target of the `main` channel; undefined when that is not HTTP or not bound, which counts as ok at once (PB-1). */
  readonly target: HttpTarget | undefined;
  /** How long a refused connection is tried again before the first result; 0 means not at all (PB-8). */
  readonly startupWaitTimeoutMs: number;
}

/** A running probe. */
export interface StartupProbe {
  /** The newest result. It changes until it is `ok` or `auth-required`. */
  result(): ProbeResult;
  /** Resolves with the first result (PB-8), or when the signal is aborted; then there may be none (PB-10). */
  readonly settled: Promise<void>;
  /** Resolves when the probe will do nothing more. */
  readonly ended: Promise<void>;
}

const ATTEMPT_TIMEOUT_MS = 2_000;
/** How long an answer may come too late and still count. */
const LATE_ANSWER_MS = 30_000;
const FAREWELL_TIMEOUT_MS = 2_000;
const WAIT_BACKOFF_FIRST_MS = 50;
const WAIT_BACKOFF_MAX_MS = 1_000;
const RECOVERY_BACKOFF_FIRST_MS = 1_000;
const RECOVERY_BACKOFF_MAX_MS = 30_000;

const PENDING: ProbeResult = { state: "pending", error: "" };
const OK: ProbeResult = { state: "ok", error: "" };

/** One attempt's outcome. */
interface Verdict {
  readonly result: ProbeResult;
  /** Nothing was listening; worth waiting for at start-up (PB-9). */
  readonly refused: boolean;
  /** The session that `initialize` opened, if it did. */
  readonly session: Session | undefined;
}

/**
 * Starts probing in the background. The first result comes from one attempt, or from as many as the start-up wait
 * allows; a bad result is revised by further attempts, so that readiness recovers with the target.
 * @param signal ends the probe at any moment
 */
export function runStartupProbe(
  options: StartupProbeOptions,
  log: Log,
  signal: AbortSignal,
  clock: Clock = systemClock,
): StartupProbe {
  const { target, startupWaitTimeoutMs } = options;
  if (target === undefined) {
    return { result: () => OK, settled: Promise.resolve(), ended: Promise.resolve() };
  }
  const probe = new Probe(target, startupWaitTimeoutMs, log, signal, clock);
  const ended = probe.run();
  return { result: () => probe.result, settled: Promise.race([probe.settled, ended]), ended };
}

class Probe {
  result: ProbeResult = PENDING;
  readonly settled: Promise<void>;

  readonly #target: HttpTarget;
  readonly #startupWaitTimeoutMs: number;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #background = new Background();
  readonly #exchange: Exchange;
  readonly #settle: () => void;

  constructor(target: HttpTarget, startupWaitTimeoutMs: number, log: Log, signal: AbortSignal, clock: Clock) {
    this.#target = target;
    this.#startupWaitTimeoutMs = startupWaitTimeoutMs;
    this.#log = log;
    this.#signal = signal;
    this.#clock = clock;
    this.#exchange = new Exchange({ target, scope: "discovery", background: this.#background, clock, log });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.settled = promise;
    this.#settle = resolve;
  }

  async run(): Promise<void> {
    try {
      await (this.#startupWaitTimeoutMs > 0 ? this.#waitForTarget() : this.#attempt(ATTEMPT_TIMEOUT_MS));
      let delayMs = RECOVERY_BACKOFF_FIRST_MS;
      while (this.result.state !== "ok" && this.result.state !== "auth-required") {
        await this.#clock.sleep(delayMs, this.#signal);
        delayMs = Math.min(delayMs * 2, RECOVERY_BACKOFF_MAX_MS);
        await this.#attempt(ATTEMPT_TIMEOUT_MS);
      }
    } catch (error) {
      if (!this.#signal.aborted) {
        this.#publish({ state: "failed", error: "the probe itself failed" });
        this.#log.error("mcp startup probe broke", {
          cause: error instanceof Error ? error.name : "unknown",
        });
      }
    } finally {
      this.#background.stop();
    }
  }

  /** Tries again while nothing listens, until the wait is used up (PB-8 … PB-10). */
  async #waitForTarget(): Promise<void> {
    const endMs = this.#clock.now() + this.#startupWaitTimeoutMs;
    let backoffMs = WAIT_BACKOFF_FIRST_MS;
    for (let attempt = 1;; attempt++) {
      const leftMs = endMs - this.#clock.now();
      const { refused, result } = leftMs >= ATTEMPT_TIMEOUT_MS
        ? await this.#attempt(ATTEMPT_TIMEOUT_MS, keepsWaiting)
        : await this.#attempt(leftMs, keepsWaiting, this.#waitExhausted("the target did not answer"));
      if (!refused) return;
      const pauseMs = Math.min(backoffMs, endMs - this.#clock.now());
      if (pauseMs > 0) {
        this.#log.info("retrying MCP startup probe", {
          attempt,
          backoff: formatDuration(backoffMs),
          error: result.error,
        });
        await this.#clock.sleep(pauseMs, this.#signal);
        backoffMs = Math.min(backoffMs * 2, WAIT_BACKOFF_MAX_MS);
      }
      if (this.#clock.now() >= endMs) return this.#publish(this.#waitExhausted(result.error));
    }
  }

  #waitExhausted(cause: string): ProbeResult {
    const after = formatDuration(this.#startupWaitTimeoutMs);
    return { state: "startup-wait-timeout", error: `mcp startup wait timed out after ${after}: ${cause}` };
  }

  /**
   * Asks once. A slow answer is reported as a timeout first and counts when it comes after all, so that a session
   * that opens late is ended, too (PB-4).
   * @param holdsBack tells of a verdict that is not to be published
   */
  async #attempt(
    limitMs: number,
    holdsBack: (verdict: Verdict) => boolean = () => false,
    onLimit: ProbeResult = timedOut(limitMs, this.#target.origin),
  ): Promise<Verdict> {
    const giveUp = new AbortController();
    const waiting = new AbortController();
    const signal = AbortSignal.any([this.#signal, giveUp.signal]);
    try {
      const asking = this.#ask(signal);
      const limit = this.#clock.limit(limitMs, AbortSignal.any([this.#signal, waiting.signal]));
      const first = await Promise.race([asking, limit]);
      if (first === undefined) {
        this.#publish(onLimit);
        const late = this.#clock.limit(LATE_ANSWER_MS, AbortSignal.any([this.#signal, waiting.signal]));
        const verdict = await Promise.race([asking, late]);
        if (verdict === undefined) {
          giveUp.abort(new ProbeGivenUp());
          await asking.catch(isGivenUp);
          return { result: onLimit, refused: false, session: undefined };
        }
        if (verdict.result.state === "ok" || verdict.result.state === "auth-required") {
          this.#publish(verdict.result);
        }
        await this.#endSession(verdict.session);
        return { ...verdict, refused: false };
      }
      if (!holdsBack(first)) this.#publish(first.result);
      await this.#endSession(first.session);
      return first;
    } finally {
      waiting.abort(new ProbeGivenUp());
    }
  }

  #publish(result: ProbeResult): void {
    const changed = result.state !== this.result.state || result.error !== this.result.error;
    this.result = result;
    this.#settle();
    if (!changed || result.state === "ok") return;
    const fields = { state: result.state, error: result.error };
    if (result.state === "auth-required") this.#log.info("mcp startup probe needs authorization", fields);
    else this.#log.warn("mcp startup probe failed", fields);
  }

  /** `initialize` alone decides; who does not know it is asked the stateless way. */
  async #ask(signal: AbortSignal): Promise<Verdict> {
    const answer = await this.#exchange.call(initializeCall(), ignoringObserver, signal);
    const verdict = this.#judgeInitialize(answer);
    if (verdict !== undefined) return verdict;
    const discovered = await this.#exchange.call(discoverCall(), ignoringObserver, signal);
    if (statusOf(discovered) === 401) return this.#authRequired();
    const server = discovered.type === "response" ? readDiscovered(discovered.text) : undefined;
    if (server === undefined) {
      return this.#failed(`initialize ${refusalOf(answer)}, and server/discover gave no valid answer`);
    }
    this.#logInitialized(server);
    return { result: OK, refused: false, session: undefined };
  }

  /** undefined means: refused in words, which a server without `initialize` does. */
  #judgeInitialize(answer: CallResult): Verdict | undefined {
    if (statusOf(answer) === 401) return this.#authRequired();
    if (answer.type === "preserved") return undefined;
    if (answer.type === "failure") {
      if (answer.upstreamStatus === 400) return undefined;
      return { ...this.#failed(answer.detail), refused: answer.kind === "connection_refused" };
    }
    const server = readInitialized(answer.text);
    if (server === undefined) return undefined;
    const session = {
      id: headerValue(answer.headers, "mcp-session-id"),
      protocolVersion: server.protocolVersion,
    };
    if (!isLegacyVersion(server.protocolVersion)) {
      return { ...this.#failed("initialize was answered with an unsupported protocol version"), session };
    }
    this.#logInitialized(server);
    return { result: OK, refused: false, session };
  }

  #authRequired(): Verdict {
    const error = `${this.#target.origin} answered initialize with status 401`;
    return { result: { state: "auth-required", error }, refused: false, session: undefined };
  }

  #failed(cause: string): Verdict {
    const error = `${this.#target.origin}: ${cause}`;
    return { result: { state: "failed", error }, refused: false, session: undefined };
  }

  #logInitialized(server: ServerIdentity): void {
    this.#log.info("mcp session initialized", {
      origin: this.#target.origin,
      protocol_version: server.protocolVersion,
      server_name: server.name,
      server_version: server.version,
    });
  }

  /** Completes the handshake and leaves; how the target takes it changes nothing (PB-2, PB-6). */
  async #endSession(session: Session | undefined): Promise<void> {
    if (session === undefined) return;
    const farewell = new AbortController();
    const timer = setTimeout(() => farewell.abort(new ProbeGivenUp()), FAREWELL_TIMEOUT_MS);
    const signal = AbortSignal.any([this.#signal, farewell.signal]);
    try {
      const initialized = initializedNotification(session);
      await this.#exchange.notify(initialized, signal);
      if (session.id !== undefined) await this.#exchange.terminateSession(initialized.headers, signal);
    } catch (error) {
      if (!(error instanceof ProbeGivenUp)) throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Why a part of the probe was stopped; never leaves this file. */
class ProbeGivenUp extends Error {
  override readonly name = "ProbeGivenUp";
}

function isGivenUp(error: unknown): void {
  if (!(error instanceof ProbeGivenUp)) throw error;
}

const ignoringObserver: CallObserver = { sent: () => {}, notification: () => Promise.resolve() };

function keepsWaiting(verdict: Verdict): boolean {
  return verdict.refused;
}

function timedOut(limitMs: number, origin: string): ProbeResult {
  const error = `mcp probe timed out after ${formatDuration(limitMs)}: ${origin} did not answer initialize`;
  return { state: "timeout", error };
}

function statusOf(answer: CallResult): number {
  return answer.type === "failure" ? answer.upstreamStatus : answer.status;
}

function refusalOf(answer: CallResult): string {
  if (answer.type === "failure") return `was refused with status ${answer.upstreamStatus}`;
  return `was refused with JSON-RPC error ${answer.errorCode ?? "without a code"}`;
}
