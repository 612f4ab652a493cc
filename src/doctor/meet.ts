import { type Channel, ExecutableNotFoundError, StdioStartError } from "../channels/mod.ts";
import type { Binding } from "../config/mod.ts";
import { type Context, shortened } from "./context.ts";
import { CheckTimeoutError, withinLimit } from "./deadline.ts";
import { type HandshakeResult, shakeHands } from "./handshake.ts";
import { openHttp, openStdio } from "./open_channel.ts";

/** How long a child may take to end by itself. */
const GRACE_MS = 2_000;
/** What a channel says of a child that has ended, behind all else. */
const LAST_STDERR = /; last stderr: (.*)$/s;

/** What became of one binding, with what its child said last. */
export type Outcome = HandshakeResult & { readonly lastWords?: string };

/** What a meeting needs. */
export type MeetingPlace = Pick<Context, "config" | "env" | "secretNames" | "routes" | "redact">;

/**
 * Opens a binding, shakes hands and takes it down again, whatever happens.
 * @param limitMs of the handshake
 * @throws the signal's `reason` when it was aborted
 */
export async function meet(
  place: MeetingPlace,
  binding: Binding,
  signal: AbortSignal,
  limitMs: number,
): Promise<Outcome> {
  let channel: Channel | undefined;
  const lastWords = () => {
    const reason = channel?.transport === "stdio" ? channel.health().reason : "";
    const words = LAST_STDERR.exec(reason)?.[1] ?? "";
    return words === "" ? {} : { lastWords: `last words on stderr: ${shortened(place.redact(words))}` };
  };
  try {
    channel = await open(place, binding);
    if (channel === undefined) return failed("not asked: the certificates cannot be used");
    const started = channel;
    await started.start();
    const result = await withinLimit(limitMs, signal, (limited) => shakeHands(started, limited));
    return result.type === "failed"
      ? { ...result, detail: shortened(place.redact(result.detail)), ...lastWords() }
      : result;
  } catch (error) {
    if (error instanceof CheckTimeoutError) {
      return { ...failed(`did not complete the handshake within ${limitMs / 1000} s`), ...lastWords() };
    }
    if (error instanceof ExecutableNotFoundError || error instanceof StdioStartError) {
      return failed(shortened(place.redact(error.message)));
    }
    throw error;
  } finally {
    await channel?.stop(GRACE_MS);
  }
}

function failed(detail: string): Extract<HandshakeResult, { type: "failed" }> {
  return { type: "failed", detail, cause: "way", hops: [] };
}

async function open(place: MeetingPlace, binding: Binding): Promise<Channel | undefined> {
  if (binding.transport === "stdio") return await openStdio(place, binding);
  const route = place.routes?.channels[binding.channel];
  return route === undefined ? undefined : openHttp(place, binding, route);
}
