import type { CallResult, TransportKind } from "../channels/mod.ts";

/** Longest time that may be told, in µs: a day. */
const MAX_ELAPSED_US = 86_400_000_000;

/** How long the target took; goes with the answer and stays the same however often that is posted. */
export interface ResponseTiming {
  readonly transport: "stdio" | "streamable_http";
  readonly targetElapsedUs: number;
}

/** The timing of a call's answer; undefined where nothing was measured, or nothing that can be told. */
export function timingOf(transport: TransportKind, result: CallResult): ResponseTiming | undefined {
  if (result.type === "failure" || result.targetElapsedMs === undefined || transport === "in-memory") {
    return undefined;
  }
  const elapsedUs = result.targetElapsedMs * 1000;
  if (!(elapsedUs >= 0 && elapsedUs <= MAX_ELAPSED_US)) return undefined;
  return {
    transport: transport === "stdio" ? "stdio" : "streamable_http",
    targetElapsedUs: Math.floor(elapsedUs),
  };
}
