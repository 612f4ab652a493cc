import type { ChannelFailure, ResponseHead } from "../channel.ts";

/** A pipe has neither status nor headers: 200 and none (P-89, ST-16). */
export const STDIO_HEAD: ResponseHead = { status: 200, headers: [] };

/** A failure of this transport: 502, nothing received (P-89). */
export function stdioFailure(kind: ChannelFailure["kind"], detail: string): ChannelFailure {
  return { type: "failure", kind, upstreamStatus: 0, statusCode: 502, headers: [], detail };
}
