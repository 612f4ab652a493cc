/** What is kept of a command that has ended: one outcome, one timeline entry, its latencies. */
import type { Metrics, Outcome, Timeline } from "../ops/mod.ts";
import { type Command, commandKind } from "./command.ts";
import { shownText } from "./shown_text.ts";

/** How a command ended, and why. */
export interface RunEnd {
  readonly outcome: Outcome;
  /** Status that was posted, 0 when nothing was. */
  readonly statusCode: number;
  readonly reason: string;
}

export interface RecordDeps {
  readonly tunnelId: string;
  readonly metrics: Metrics;
  readonly timeline: Timeline;
}

const LATENCY = "command_end_to_end_latency_milliseconds";

/**
 * Records the end of a command.
 * @param startedAt instant of the monotonic clock at which work on it began
 */
export function recordEnd(command: Command, end: RunEnd, startedAt: number, deps: RecordDeps): void {
  const now = performance.now();
  deps.metrics.count("commands_outcome_total", { outcome: end.outcome });
  const method = command.type === "jsonrpc" && command.method !== "" ? shownText(command.method) : undefined;
  deps.timeline.add({
    timeMs: Date.now(),
    requestId: shownText(command.requestId),
    channel: command.channel,
    kind: commandKind(command),
    method,
    outcome: end.outcome,
    statusCode: end.statusCode,
    queuedMs: startedAt - command.receivedAt,
    totalMs: now - command.receivedAt,
    reason: end.reason,
  });
  if (end.statusCode === 0 || end.reason === "unsupported_channel") return;
  observeLatency(command, end.statusCode, method, now, deps);
}

/** Whole milliseconds from queueing and from polling to the delivered response (P-151). */
function observeLatency(
  command: Command,
  statusCode: number,
  method: string | undefined,
  now: number,
  { metrics, tunnelId }: RecordDeps,
): void {
  const labels = {
    request_kind: commandKind(command),
    ...(method === undefined ? {} : { request_method: method }),
    channel: command.channel,
    tunnel_id: tunnelId,
    tunnel_service_status: String(statusCode),
  };
  const sincePolledMs = Math.trunc(now - command.receivedAt);
  metrics.observe(LATENCY, sincePolledMs, { ...labels, latency_type: "poll_to_response" });
  const sinceCreatedMs = command.createdAtMs === undefined ? -1 : Date.now() - command.createdAtMs;
  if (sinceCreatedMs < 0) return;
  metrics.observe(LATENCY, Math.trunc(sinceCreatedMs), { ...labels, latency_type: "enqueue_to_response" });
}
