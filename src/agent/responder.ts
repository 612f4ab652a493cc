/** How answers reach the control plane (section 18). */
import { NetError } from "../net/mod.ts";
import type { Log, Metrics } from "../ops/mod.ts";
import { sleep } from "./abort.ts";
import { type BackoffBounds, backoffDelayMs } from "./backoff.ts";
import type { Command } from "./command.ts";
import { type ControlPlane, ControlPlaneStatusError, ControlPlaneTimeoutError } from "./control_plane.ts";
import { buildResponseBody, HEADER, headerValue, type ResponsePayload } from "./wire.ts";

/** An answer of a command without deadline is offered this long. */
const UNDATED_LIMIT_MS = 5 * 60_000;

/** What became of a terminal response. */
export type Delivery =
  | { readonly type: "delivered" }
  /** The service no longer waits for it: as good as delivered (P-130). */
  | { readonly type: "already_fulfilled" }
  /** The service refuses its size (P-134). */
  | { readonly type: "too_large" }
  /** The deadline passed, or the stop's last limit was reached, before it got through. */
  | { readonly type: "given_up"; readonly reason: string }
  /** The service refused it for good. */
  | { readonly type: "refused"; readonly reason: string };

export interface ResponderDeps {
  readonly controlPlane: ControlPlane;
  readonly backoff: BackoffBounds;
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
   * Posts a terminal response until it is delivered, refused for good, or the signal ends it. The body is the same
   * bytes at every attempt.
   * @param signal the command's deadline and the stop's last limit
   */
  async deliver(command: Command, payload: ResponsePayload, signal: AbortSignal): Promise<Delivery> {
    const { controlPlane, backoff, metrics, log, random } = this.deps;
    const body = buildResponseBody(payload);
    const headers = correlationHeaders(command);
    const giveUpAt = command.deadlineAt === Infinity
      ? performance.now() + UNDATED_LIMIT_MS
      : command.deadlineAt;
    for (let failures = 0;; failures++) {
      try {
        const status = await controlPlane.respond(body, headers, signal);
        return { type: status === 200 ? "delivered" : "already_fulfilled" };
      } catch (error) {
        if (signal.aborted) return { type: "given_up", reason: endOf(signal) };
        metrics.count("commands_response_post_errors_total");
        const status = error instanceof ControlPlaneStatusError ? error.status : 0;
        if (status === 413) return { type: "too_large" };
        if (!isTransient(error)) return { type: "refused", reason: describe(error) };
        const retryAfterMs = error instanceof ControlPlaneStatusError ? error.retryAfterMs ?? 0 : 0;
        const delayMs = Math.max(backoffDelayMs(failures, backoff, random), retryAfterMs);
        log.warn("response not delivered yet; trying again", {
          ...correlationFields(command),
          error: describe(error),
          status_code: status || undefined,
          tunnel_request_id: error instanceof ControlPlaneStatusError ? error.serviceRequestId : undefined,
          retry_in_ms: Math.round(delayMs),
          attempt: failures + 1,
        });
        if (performance.now() + delayMs >= giveUpAt) return { type: "given_up", reason: describe(error) };
        if (!await this.#wait(delayMs, signal)) return { type: "given_up", reason: endOf(signal) };
      }
    }
  }

  /**
   * Posts one notification event. It is sent again only when that cannot double it (P-132).
   * @throws whatever made the delivery fail, or the signal's reason
   */
  async deliverEvent(command: Command, payload: ResponsePayload, signal: AbortSignal): Promise<void> {
    const body = buildResponseBody(payload);
    const headers = correlationHeaders(command);
    for (let failures = 0;; failures++) {
      try {
        await this.deps.controlPlane.respond(body, headers, signal);
        return;
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
  return {
    request_id: command.requestId,
    cmd_request_id: headerValue(command.headers, HEADER.requestId),
    session_id: headerValue(command.headers, HEADER.mcpSessionId),
    channel: command.channel,
    rpc_method: command.type === "jsonrpc" && command.method !== "" ? command.method : undefined,
    rpc_request_id: command.type === "jsonrpc" ? command.id : undefined,
  };
}

function correlationHeaders(command: Command): [string, string][] {
  const headers: [string, string][] = [[HEADER.shardToken, command.shardToken]];
  const clientRequestId = headerValue(command.headers, HEADER.requestId);
  if (clientRequestId !== undefined) headers.push([HEADER.clientRequestId, clientRequestId]);
  return headers;
}

function isTransient(error: unknown): boolean {
  if (error instanceof ControlPlaneStatusError) return isRetryableResponseStatus(error.status);
  return error instanceof ControlPlaneTimeoutError || error instanceof NetError;
}

function describe(error: unknown): string {
  if (error instanceof NetError) return `${error.kind}: ${error.detail}`;
  return error instanceof Error ? error.message : "unknown error";
}

function endOf(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : "stopped";
}
