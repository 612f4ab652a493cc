/** How answers reach the control plane (section 18). */
import { NetError } from "../net/mod.ts";
import type { Log, Metrics } from "../ops/mod.ts";
import { CommandAborted, sleep } from "./abort.ts";
import { type BackoffBounds, backoffDelayMs } from "./backoff.ts";
import type { Command } from "./command.ts";
import type { ControlPlane, EventReply } from "./control_plane.ts";
import { ControlPlaneStatusError, ControlPlaneTimeoutError } from "./control_plane_error.ts";
import type { Deadlines } from "./deadlines.ts";
import { describeError } from "./error_text.ts";
import { shownText } from "./shown_text.ts";
import { buildResponseBody, HEADER, headerValue, type ResponsePayload } from "./wire.ts";

/** An answer of a command without deadline is offered this long (P-131). */
export const UNDATED_LIMIT_MS = 5 * 60_000;

const UNSENDABLE = "its shard token cannot be sent as a header";

/** How long the first attempt to post a small body may take; the next ones may take twice as long each. */
const FIRST_ATTEMPT_MS = 10_000;
/** However little time is left, an attempt gets this much. */
const SHORTEST_ATTEMPT_MS = 1_000;
/** How long an answer that was refused with 401 waits for another API key. */
const OTHER_KEY_MS = 2_000;
/** A large body may take longer: it gets at least this rate. */
const SLOWEST_BYTES_PER_MS = 100;

/**
 * How long one attempt may take, in ms. The published client gives each the limit of a poll (P-131), so that a connection
 * that has died in silence uses up all the time that its command had: half of that, and less at first, leaves some for
 * another connection.
 * @param failures attempts before this one
 * @param leftMs until the command's deadline
 * @param size of the body, in bytes or characters
 */
export function attemptLimitMs(failures: number, leftMs: number, size: number): number {
  const patienceMs = Math.min(FIRST_ATTEMPT_MS * 2 ** failures, leftMs / 2);
  return Math.max(SHORTEST_ATTEMPT_MS, patienceMs) + size / SLOWEST_BYTES_PER_MS;
}

/** What became of a terminal response. */
export type Delivery =
  /** With the service's `X-Request-Id` (P-15). */
  | { readonly type: "delivered"; readonly serviceRequestId: string | undefined }
  /** The service no longer waits for it: as good as delivered (P-130). */
  | { readonly type: "already_fulfilled"; readonly serviceRequestId: string | undefined }
  /** The service refuses its size (P-134). */
  | { readonly type: "too_large" }
  /** Its time limit passed, or the stop's last limit was reached, before it got through. */
  | { readonly type: "given_up"; readonly reason: string }
  /** The service refused it for good. */
  | { readonly type: "refused"; readonly reason: string };

export interface ResponderDeps {
  readonly controlPlane: ControlPlane;
  readonly deadlines: Deadlines;
  readonly backoff: BackoffBounds;
  /** How long an answer of a command without deadline is offered, in ms. */
  readonly undatedLimitMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Statuses after which the same response may get through later (P-131, extended to every transient 5xx). */
export function isRetryableResponseStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

export class Responder {
  constructor(private readonly deps: ResponderDeps) {}

  /**
   * Posts a terminal response until it is delivered, refused for good, or its time is over: at the command's deadline,
   * or some minutes from now where there is none. The body is the same bytes at every attempt.
   * @param stop ends it at once
   */
  async deliver(command: Command, payload: ResponsePayload, stop: AbortSignal): Promise<Delivery> {
    const { deadlines, undatedLimitMs } = this.deps;
    const over = new AbortController();
    const overAt = command.deadlineAt === Infinity ? performance.now() + undatedLimitMs : command.deadlineAt;
    if (overAt <= performance.now()) return { type: "given_up", reason: "response deadline passed" };
    const limit = deadlines.set(overAt, () => over.abort(new CommandAborted("deadline")));
    // Not `AbortSignal.any`: in Deno 2.7 a signal that lives long keeps something of every signal made from it.
    const forward = () => over.abort(stop.reason);
    if (stop.aborted) forward();
    stop.addEventListener("abort", forward);
    try {
      return await this.#offer(command, payload, overAt, over.signal);
    } finally {
      deadlines.lift(limit);
      stop.removeEventListener("abort", forward);
    }
  }

  async #offer(
    command: Command,
    payload: ResponsePayload,
    overAt: number,
    signal: AbortSignal,
  ): Promise<Delivery> {
    const { controlPlane, backoff, metrics, log, random } = this.deps;
    const headers = correlationHeaders(command);
    if (!headers) return { type: "refused", reason: UNSENDABLE };
    const body = buildResponseBody(payload);
    let lastError = "";
    for (let failures = 0;; failures++) {
      const { keyVersion } = controlPlane;
      try {
        const limitMs = attemptLimitMs(failures, overAt - performance.now(), body.length);
        const { status, serviceRequestId } = await controlPlane.respond(body, headers, signal, limitMs);
        return { type: status === 200 ? "delivered" : "already_fulfilled", serviceRequestId };
      } catch (error) {
        if (signal.aborted) return { type: "given_up", reason: lastError || endOf(signal) };
        metrics.count("commands_response_post_errors_total");
        lastError = describeError(error, controlPlane.origin);
        const status = error instanceof ControlPlaneStatusError ? error.status : 0;
        if (status === 413) return { type: "too_large" };
        // A key that was replaced while the call ran must not cost its answer.
        const isRenewed = status === 401 && await controlPlane.otherKey(keyVersion, OTHER_KEY_MS);
        if (isRenewed && !signal.aborted) continue;
        if (!isTransient(error)) return { type: "refused", reason: lastError };
        const retryAfterMs = error instanceof ControlPlaneStatusError ? error.retryAfterMs ?? 0 : 0;
        const delayMs = Math.max(backoffDelayMs(failures, backoff, random), retryAfterMs);
        log.warn("response not delivered yet; trying again", {
          ...correlationFields(command),
          error: lastError,
          status_code: status || undefined,
          tunnel_request_id: error instanceof ControlPlaneStatusError ? error.serviceRequestId : undefined,
          retry_in_ms: Math.round(delayMs),
          attempt: failures + 1,
        });
        if (!await this.#wait(delayMs, signal)) return { type: "given_up", reason: lastError };
      }
    }
  }

  /**
   * Posts one notification event. It is sent again only when that cannot double it (P-132). It takes no more than half
   * of the time that is left for its command, because the answer counts for more.
   * @throws whatever made the delivery fail, or the signal's reason
   */
  async deliverEvent(command: Command, payload: ResponsePayload, signal: AbortSignal): Promise<EventReply> {
    const headers = correlationHeaders(command);
    if (!headers) throw new NetError("unknown", UNSENDABLE, false);
    const body = buildResponseBody(payload);
    for (let failures = 0;; failures++) {
      try {
        const limitMs = Math.max(SHORTEST_ATTEMPT_MS, (command.deadlineAt - performance.now()) / 2);
        return await this.deps.controlPlane.report(body, headers, signal, limitMs);
      } catch (error) {
        const unsent = error instanceof NetError && !error.requestWritten;
        const limited = error instanceof ControlPlaneStatusError && error.status === 429;
        if (signal.aborted || failures >= 2 || !(unsent || limited)) throw error;
        const retryAfterMs = error instanceof ControlPlaneStatusError ? error.retryAfterMs ?? 0 : 0;
        await sleep(
          Math.max(backoffDelayMs(failures, this.deps.backoff, this.deps.random), retryAfterMs),
          signal,
        );
      }
    }
  }

  async #wait(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await sleep(ms, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}

/** Log fields that tie a record to its command (P-154). */
export function correlationFields(command: Command) {
  const isJsonRpc = command.type === "jsonrpc";
  return {
    request_id: shownText(command.requestId),
    cmd_request_id: shown(headerValue(command.headers, HEADER.requestId)),
    session_id: shown(headerValue(command.headers, HEADER.mcpSessionId)),
    channel: command.channel,
    rpc_method: isJsonRpc && command.method !== "" ? shownText(command.method) : undefined,
    rpc_request_id: isJsonRpc ? shown(command.id) : undefined,
  };
}

function shown<T>(value: T): T | string {
  return typeof value === "string" ? shownText(value) : value;
}

/** @returns undefined when the shard token, without which nothing is accepted, cannot stand in a header */
function correlationHeaders(command: Command): [string, string][] | undefined {
  if (!isFieldValue(command.shardToken)) return undefined;
  const headers: [string, string][] = [[HEADER.shardToken, command.shardToken]];
  const clientRequestId = headerValue(command.headers, HEADER.requestId);
  if (clientRequestId !== undefined && isFieldValue(clientRequestId)) {
    headers.push([HEADER.clientRequestId, clientRequestId]);
  }
  return headers;
}

/** True when a text that came in JSON can be sent as a header value (RFC 9110 §5.5). */
function isFieldValue(text: string): boolean {
  return !/[^\t\P{Cc}]/u.test(text) && text.isWellFormed();
}

function isTransient(error: unknown): boolean {
  if (error instanceof ControlPlaneStatusError) return isRetryableResponseStatus(error.status);
  return error instanceof ControlPlaneTimeoutError || error instanceof NetError;
}

function endOf(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : "stopped";
}
