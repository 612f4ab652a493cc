/** One step on the way to a connection, with a limit of its own and a name for whom it deals with. */
import { type Failure, failureOfSocketError } from "./failure.ts";
import { NetError, type NetErrorReason } from "./net_error.ts";

/** Whom a step deals with. */
export interface Peer {
  /** As it is shown in errors. */
  readonly shown: string;
  readonly role: "target" | "proxy";
}

/** How a step is bounded and blamed. */
export interface Step {
  readonly peer: Peer;
  readonly limitMs: number;
  /** What has not happened when the limit is over, e.g. `no connection`. */
  readonly awaited: string;
  /** Says more of an error than its code does. */
  readonly classify?: (error: unknown) => Failure | undefined;
}

const UNKNOWN_FAILURE: Failure = { kind: "dial", detail: "could not connect" };
const CLOSED_IN_BETWEEN: Failure = { kind: "eof", detail: "connection closed before it was ready" };
const UNREACHABLE: ReadonlySet<NetErrorReason> = new Set(["dns", "refused", "unreachable", "timeout"]);

/**
 * Does one step.
 * @param work gets a signal that is aborted by the caller's and by the limit; it has to fail then
 * @throws {NetError} that names the peer
 */
export async function step<T>(
  { peer, limitMs, awaited, classify }: Step,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(onAbort, limitMs);
  try {
    return await work(stop.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (stop.signal.aborted) {
      const late: Failure = { kind: "timeout", detail: `${awaited} within ${limitMs} ms` };
      throw netError(late, peer, error);
    }
    if (error instanceof NetError) throw error.at(peer.shown);
    const atEnd = error instanceof Deno.errors.UnexpectedEof ? CLOSED_IN_BETWEEN : UNKNOWN_FAILURE;
    throw netError(classify?.(error) ?? failureOfSocketError(error, atEnd), peer, error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

function netError({ kind, detail, reason }: Failure, peer: Peer, cause: unknown): NetError {
  const error = new NetError(kind, detail, false, { cause, reason, peer: peer.shown });
  if (peer.role === "target" || !UNREACHABLE.has(error.reason)) return error;
  return new NetError(kind, detail, false, { cause, reason: "proxy-unreachable", peer: peer.shown });
}
