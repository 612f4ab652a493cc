import { canonicalChannel, MAX_POLL_LIMIT, ONLY_ASIDES } from "../agent/wire.ts";
import type { RelaySettings } from "./options.ts";
import { RelayError } from "./relay_error.ts";

/** What a poll asks for. */
export interface PollQuery {
  /** 1–25. */
  readonly limit: number;
  readonly waitMs: number;
  /** undefined means all channels. */
  readonly channels: ReadonlySet<string> | undefined;
  /** Only messages that wait for nothing (feature `asides`). */
  readonly asidesOnly: boolean;
}

const DEFAULT_LIMIT = 1;
const DEFAULT_WAIT_MS = 500;

/**
 * Reads the query of a poll (P-160, P-163). Unknown parameters are ignored.
 * @param query without question mark
 * @throws {RelayError} 400 for a value outside its range (strict only) or an invalid channel name
 */
export function parsePollQuery(
  query: string,
  { strictness, maxPollWaitMs }: Pick<RelaySettings, "strictness" | "maxPollWaitMs">,
): PollQuery {
  const strict = strictness === "strict";
  let limit = DEFAULT_LIMIT;
  let waitMs = DEFAULT_WAIT_MS;
  let channels: Set<string> | undefined;
  let asidesOnly = false;
  for (const pair of query.split("&")) {
    const at = pair.indexOf("=");
    const name = at === -1 ? pair : pair.slice(0, at);
    if (name === "limit") {
      limit = wholeNumber(name, valueOf(pair, at), MAX_POLL_LIMIT, strict) ?? DEFAULT_LIMIT;
    } else if (name === "timeout_ms") {
      waitMs = wholeNumber(name, valueOf(pair, at), Number.MAX_SAFE_INTEGER, strict) ?? DEFAULT_WAIT_MS;
    } else if (name === "channel") (channels ??= new Set()).add(channelOf(valueOf(pair, at)));
    else if (name === ONLY_ASIDES.name) asidesOnly = valueOf(pair, at) === ONLY_ASIDES.value;
  }
  return { limit, waitMs: Math.min(waitMs, maxPollWaitMs), channels, asidesOnly };
}

function wholeNumber(param: string, text: string, max: number, strict: boolean): number | undefined {
  const value = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  if (!strict) return undefined;
  const range = max === Number.MAX_SAFE_INTEGER ? "at least 1" : `from 1 to ${max}`;
  throw new RelayError("invalid_parameter", `Parameter ${param} must be a whole number ${range}.`, { param });
}

function channelOf(name: string): string {
  const channel = canonicalChannel(name);
  if (channel !== undefined) return channel;
  throw new RelayError(
    "invalid_channel_format",
    "A channel name has 1 to 64 lower-case letters, digits, hyphens or underscores.",
    { param: "channel" },
  );
}

function valueOf(pair: string, at: number): string {
  const value = at === -1 ? "" : pair.slice(at + 1);
  if (!value.includes("%") && !value.includes("+")) return value;
  try {
    return decodeURIComponent(value.replaceAll("+", " "));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return value;
  }
}
