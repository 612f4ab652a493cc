import {
  canonicalOrigin,
  type Clock,
  type FollowedResponse,
  type HttpTarget,
  layerPairs,
  type RedirectRefusal,
  requestFollowing,
} from "../channels/mod.ts";
import { BodyTooLargeError, type HeaderPairs, NetError } from "../net/mod.ts";
import { CLIENT_NAME, VERSION } from "../version.ts";

const MAX_DOCUMENT_BYTES = 1_048_576;
const BASE_HEADERS: HeaderPairs = [
  ["Accept", "application/json"],
  ["User-Agent", `${CLIENT_NAME}/${VERSION}`],
];

/** One document as it was answered. */
export interface Document {
  readonly type: "document";
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly bytes: Uint8Array;
}

/** Why there is no document; the text names no URL (G-4). */
export interface FetchFault {
  readonly type: "fault";
  /** Status of the answer whose body could not be used; 0 when there was none. */
  readonly status: number;
  readonly timedOut: boolean;
  readonly text: string;
}

/** A time limit of ours ran out; never leaves this room. */
export class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

/**
 * Runs some work under a time limit.
 * @param limitMs the work's signal is aborted with a {@link TimeLimitError} after that
 * @throws what the work throws
 */
export async function withinTime<T>(
  limitMs: number,
  signal: AbortSignal,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const done = new AbortController();
  const watch = clock.limit(limitMs, AbortSignal.any([signal, done.signal])).then(
    () => limit.abort(new TimeLimitError()),
    () => undefined, // the work has ended, or everything is being stopped
  );
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } finally {
    done.abort();
    await watch;
  }
}

/** Sends one discovery request and follows same-origin redirects (OD-7, OD-12, OD-30). */
export function sendDiscovery(
  target: HttpTarget,
  method: "GET" | "POST",
  url: string,
  signal: AbortSignal,
): Promise<FollowedResponse> {
  return requestFollowing(target.client, {
    method,
    url,
    headers: (hopUrl) => layerPairs(BASE_HEADERS, target.staticHeaders(hopUrl, "discovery")),
    body: method === "POST" ? "" : undefined,
    signal,
  });
}

/**
 * Fetches one document. The time limit stands until the whole body has been read.
 * @throws the signal's `reason` when it was aborted
 */
export async function fetchDocument(
  target: HttpTarget,
  url: string,
  limitMs: number,
  signal: AbortSignal,
  clock: Clock,
): Promise<Document | FetchFault> {
  if (canonicalOrigin(url) === undefined) return fault(0, "not an http(s) URL");
  let status = 0;
  try {
    return await withinTime(limitMs, signal, clock, async (limited) => {
      const { response, refusal } = await sendDiscovery(target, "GET", url, limited);
      if (refusal !== undefined) {
        response.body.cancel();
        return fault(0, REFUSAL_TEXT[refusal]);
      }
      status = response.status;
      const bytes = await response.body.bytes(MAX_DOCUMENT_BYTES);
      if (bytes.length === 0) return fault(status, `status ${status} with empty body`);
      return { type: "document", status, headers: response.headers, bytes };
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof TimeLimitError) return { ...fault(status, "timed out"), timedOut: status === 0 };
    if (error instanceof BodyTooLargeError) {
      return fault(status, `the body exceeds ${MAX_DOCUMENT_BYTES} bytes`);
    }
    if (error instanceof NetError) {
      return { ...fault(status, error.detail), timedOut: error.kind === "timeout" };
    }
    throw error;
  }
}

function fault(status: number, text: string): FetchFault {
  return { type: "fault", status, timedOut: false, text };
}

const REFUSAL_TEXT: Readonly<Record<RedirectRefusal, string>> = {
  "cross-origin": "redirect blocked",
  "limit": "redirect limit exceeded",
  "method": "redirect blocked",
  "invalid-location": "redirect blocked",
};
