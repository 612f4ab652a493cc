/**
 * How long a poll asks the control plane to wait. Companies put things on the way (proxies, gateways, firewalls) that
 * end a request which has been quiet for some time; a poll longer than that never comes back. So when polls are cut
 * again after the same time, shorter ones are asked for, and now and then a longer one is tried.
 */
import { NetError, type NetErrorKind } from "../net/mod.ts";
import { ControlPlaneStatusError } from "./control_plane_error.ts";

/** What ends sooner says nothing about waiting: refusals and failures of a service that is there. */
const MIN_CUT_MS = 1_000;
/** A poll that lasted this share of what it asked for was not cut. */
const WHOLE_SHARE = 0.95;
/** Two cuts belong together when the shorter one lasted at least this share of the longer one. */
const SAME_SHARE = 0.75;
/** Share of a cut poll's duration that is asked for from then on. */
const SAFE_SHARE = 0.75;
/** How much longer a trial is. */
const TRIAL_FACTOR = 1.5;
/** Whole polls before a trial; twice as many after each trial that was cut. */
const MIN_PATIENCE = 8;
const MAX_PATIENCE = 512;

/** How an exchange ends whose connection somebody has closed. */
const CLOSED: ReadonlySet<NetErrorKind> = new Set([
  "eof",
  "unexpected_eof",
  "connection_closed",
  "connection_reset",
  "connection_aborted",
  "closed_pipe",
  "timeout",
]);

/** What a poll's end has changed for those after it, where that is news. */
export type WaitChange = "shortened" | "restored" | undefined;

/** Asks for less where more does not survive. */
export class PollWait {
  readonly #configuredMs: number;
  #waitMs: number;
  /** How long the last poll lasted that was cut. */
  #cutAfterMs: number | undefined;
  /** What survived before the trial that is going on; undefined while there is none. */
  #safeMs: number | undefined;
  #wholePolls = 0;
  #patience = MIN_PATIENCE;

  /** @param configuredMs wait of polls that nothing cuts */
  constructor(configuredMs: number) {
    this.#configuredMs = configuredMs;
    this.#waitMs = configuredMs;
  }

  /** What the next poll asks for. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** What is asked for, and how long the last cut poll had lasted; undefined while the configured wait is in force. */
  get shortened(): { readonly waitMs: number; readonly cutAfterMs: number } | undefined {
    const isShortened = this.#waitMs < this.#configuredMs || this.#safeMs !== undefined;
    if (!isShortened || this.#cutAfterMs === undefined) return undefined;
    return { waitMs: this.#waitMs, cutAfterMs: Math.round(this.#cutAfterMs) };
  }

  /** A poll came back in order. @param askedMs wait that it had asked for */
  returned(durationMs: number, askedMs: number): WaitChange {
    if (this.shortened === undefined) {
      // What once cut a poll has let a longer one pass.
      if (this.#cutAfterMs !== undefined && durationMs > this.#cutAfterMs) this.#cutAfterMs = undefined;
      return undefined;
    }
    if (askedMs < this.#waitMs || durationMs < askedMs * WHOLE_SHARE) return undefined;
    if (this.#safeMs !== undefined) {
      this.#safeMs = undefined;
      this.#patience = MIN_PATIENCE;
      if (this.#waitMs < this.#configuredMs) return undefined;
      this.#cutAfterMs = undefined;
      return "restored";
    }
    if (++this.#wholePolls >= this.#patience) {
      this.#wholePolls = 0;
      this.#safeMs = this.#waitMs;
      this.#waitMs = Math.min(this.#configuredMs, Math.floor(this.#waitMs * TRIAL_FACTOR));
    }
    return undefined;
  }

  /** A poll failed. */
  failed(error: unknown, durationMs: number, askedMs: number): WaitChange {
    if (!isCut(error) || durationMs < MIN_CUT_MS || durationMs >= askedMs * WHOLE_SHARE) return undefined;
    const before = this.#cutAfterMs;
    this.#cutAfterMs = durationMs;
    this.#wholePolls = 0;
    if (this.#safeMs !== undefined && durationMs > this.#safeMs) {
      this.#waitMs = this.#safeMs;
      this.#safeMs = undefined;
      this.#patience = Math.min(MAX_PATIENCE, this.#patience * 2);
      return undefined;
    }
    if (before === undefined || !isSame(before, durationMs)) return undefined;
    const wasShortened = this.#waitMs < this.#configuredMs;
    this.#safeMs = undefined;
    this.#waitMs = Math.floor(Math.min(before, durationMs) * SAFE_SHARE);
    this.#patience = MIN_PATIENCE;
    return wasShortened ? undefined : "shortened";
  }
}

/** Somebody ended a poll that had been sent: by closing its connection, or by a status that speaks of time or of a gateway. */
function isCut(error: unknown): boolean {
  if (error instanceof NetError) return error.requestWritten && CLOSED.has(error.kind);
  if (!(error instanceof ControlPlaneStatusError)) return false;
  return error.status === 408 || (error.status >= 500 && error.status <= 599);
}

function isSame(oneMs: number, otherMs: number): boolean {
  return Math.min(oneMs, otherMs) >= SAME_SHARE * Math.max(oneMs, otherMs);
}
