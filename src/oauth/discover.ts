import { type Clock, type HttpTarget, type JsonText, systemClock } from "../channels/mod.ts";
import { formatDuration } from "../config/duration.ts";
import { type HeaderPairs, NetError } from "../net/mod.ts";
import type { Log } from "../ops/mod.ts";
import { type Candidate, metadataCandidates } from "./candidates.ts";
import { findResourceMetadataUrl } from "./challenge.ts";
import {
  type Document,
  fetchDocument,
  type FetchFault,
  sendDiscovery,
  TimeLimitError,
  withinTime,
} from "./fetch_document.ts";
import { findMetadataFault } from "./resource_metadata.ts";

/** Both methods of the challenge probe together (OD-10). */
const PROBE_LIMIT_MS = 1_000;
/** The whole search when its command has no deadline (OC-4). */
const UNDATED_LIMIT_MS = 10_000;
/** First look at a candidate; a server that hangs must not use up the time of the next one (OD-34). */
const FIRST_PASS_LIMIT_MS = 2_000;
/** Second look at candidates that were too slow (OD-34). */
const SECOND_PASS_LIMITS_MS = [2_000, 4_000, 8_000];

/** What is searched, for one `oauth_discovery` command. No header of the command plays a part (OC-2). */
export interface DiscoveryOptions {
  /** The main target. */
  readonly target: HttpTarget;
  /** True when the signal also stands for the command's deadline; otherwise a limit of 10 s applies (OC-4). */
  readonly hasDeadline: boolean;
  /** Asked before anything is sent to another origin than the target's; by default none may be contacted (A-171, A-172). */
  readonly judgeOrigin?: JudgeOrigin;
}

/**
 * Says whether metadata may be fetched from an origin.
 * @returns undefined when it may; otherwise what would allow it, in words that are safe to post
 */
export type JudgeOrigin = (origin: string) => Promise<string | undefined>;

/** The document as the target gave it, or why there is none, in words that are safe to post (G-4). */
export type DiscoveryResult =
  | {
    readonly type: "found";
    readonly status: number;
    /** All of them, unfiltered (HD-8). */
    readonly headers: HeaderPairs;
    readonly text: JsonText;
  }
  | { readonly type: "failure"; readonly text: string };

/**
 * Looks for the metadata that says who protects the main target (RFC 9728): where its challenge points, then the
 * well-known places (OD-10 … OD-34).
 * @throws the signal's `reason` when it was aborted
 */
export async function discoverProtectedResource(
  options: DiscoveryOptions,
  log: Log,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<DiscoveryResult> {
  const search = new Search(options, log, clock);
  if (options.hasDeadline) return await search.run(signal);
  try {
    return await withinTime(UNDATED_LIMIT_MS, signal, clock, (limited) => search.run(limited));
  } catch (error) {
    if (signal.aborted || !(error instanceof TimeLimitError)) throw error;
    const text = `no protected resource metadata within ${formatDuration(UNDATED_LIMIT_MS)}`;
    return { type: "failure", text };
  }
}

/** How trying one candidate ended: with the document, or with why it gave none and whether that ends the search. */
type Trial =
  | Extract<DiscoveryResult, { type: "found" }>
  | { readonly type: "next" | "stop"; readonly timedOut: boolean; readonly text: string };

class Search {
  readonly #target: HttpTarget;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #judgeOrigin: JudgeOrigin;

  constructor({ target, judgeOrigin = refuseOrigin }: DiscoveryOptions, log: Log, clock: Clock) {
    this.#target = target;
    this.#judgeOrigin = judgeOrigin;
    this.#log = log;
    this.#clock = clock;
  }

  async run(signal: AbortSignal): Promise<DiscoveryResult> {
    const candidates = metadataCandidates(this.#target.url, await this.#advertisedUrl(signal));
    const reasons = new Map<Candidate, string>();
    const slow: Candidate[] = [];
    for (const [index, candidate] of candidates.entries()) {
      const distrust = await this.#distrust(candidate);
      if (distrust !== undefined) {
        reasons.set(candidate, distrust);
        continue;
      }
      const fetched = await fetchDocument(
        this.#target,
        candidate.url,
        FIRST_PASS_LIMIT_MS,
        signal,
        this.#clock,
      );
      const trial = judge(fetched, index < candidates.length - 1);
      if (trial.type === "found") return trial;
      reasons.set(candidate, trial.text);
      if (trial.type === "stop") return failure(reasons);
      if (trial.timedOut) slow.push(candidate);
    }
    if (slow.length > 0) {
      const sources = slow.map(({ source }) => source);
      this.#log.warn("oauth discovery tries slow candidates again", { candidates: sources });
    }
    for (const [index, candidate] of slow.entries()) {
      const trial = await this.#tryAgain(candidate, index < slow.length - 1, signal);
      if (trial.type === "found") return trial;
      reasons.set(candidate, trial.text);
      if (trial.type === "stop") break;
    }
    return failure(reasons);
  }

  /** One slow candidate, with more patience every time; any other error ends it (OD-34). */
  async #tryAgain(candidate: Candidate, hasNext: boolean, signal: AbortSignal): Promise<Trial> {
    let trial: Trial = { type: "next", timedOut: true, text: "timed out" };
    for (const limitMs of SECOND_PASS_LIMITS_MS) {
      const fetched = await fetchDocument(this.#target, candidate.url, limitMs, signal, this.#clock);
      trial = judge(fetched, hasNext);
      if (trial.type !== "next" || !trial.timedOut) return trial;
    }
    return trial;
  }

  /** Why nothing may be sent to a candidate; undefined when it may. */
  async #distrust({ url }: Candidate): Promise<string | undefined> {
    const origin = URL.parse(url)?.origin;
    // One that is not http(s) is told of where it would be fetched.
    if (origin === undefined || origin === "null" || origin === URL.parse(this.#target.url)?.origin) {
      return undefined;
    }
    const advice = await this.#judgeOrigin(origin);
    return advice === undefined ? undefined : `origin is not trusted${advice === "" ? "" : `: ${advice}`}`;
  }

  /** Where a 401 of the target itself points (OD-10 … OD-14); not finding out is never fatal. */
  async #advertisedUrl(signal: AbortSignal): Promise<string | undefined> {
    try {
      return await withinTime(PROBE_LIMIT_MS, signal, this.#clock, async (limited) => {
        return await this.#challengeOf("POST", limited) ?? await this.#challengeOf("GET", limited);
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof TimeLimitError) return undefined;
      throw error;
    }
  }

  async #challengeOf(method: "GET" | "POST", signal: AbortSignal): Promise<string | undefined> {
    try {
      const { response } = await sendDiscovery(this.#target, method, this.#target.url, signal);
      response.body.cancel();
      return response.status === 401 ? findResourceMetadataUrl(response.headers) : undefined;
    } catch (error) {
      const isLimit = error instanceof TimeLimitError;
      if (!isLimit && !(error instanceof NetError)) throw error;
      const cause = isLimit ? `timed out after ${formatDuration(PROBE_LIMIT_MS)}` : error.detail;
      this.#log.warn("oauth discovery WWW-Authenticate probe failed", { method, error: cause });
      if (isLimit) throw error;
      return undefined;
    }
  }
}

/** Decides what one answer means (OD-31). @param hasNext true when another candidate follows */
function judge(fetched: Document | FetchFault, hasNext: boolean): Trial {
  if (fetched.type === "fault") {
    const { status, timedOut, text } = fetched;
    const goesOn = status === 0 || (hasNext && isMissing(status));
    return { type: goesOn ? "next" : "stop", timedOut, text };
  }
  const { status, headers, bytes } = fetched;
  if (hasNext && isMissing(status)) return { type: "next", timedOut: false, text: `status ${status}` };
  const fault = findMetadataFault(bytes);
  if (fault === undefined) return { type: "found", status, headers, text: bytes };
  // A guard in front of the well-known path says nothing about the root (OD-32).
  const type = hasNext && isDenied(status) ? "next" : "stop";
  return { type, timedOut: false, text: `status ${status}, invalid metadata: ${fault}` };
}

function refuseOrigin(): Promise<string | undefined> {
  return Promise.resolve("");
}

function failure(reasons: ReadonlyMap<Candidate, string>): DiscoveryResult {
  const texts = [...reasons].map(([{ source }, text]) => `${source}: ${text}`);
  return { type: "failure", text: `no protected resource metadata found (${texts.join("; ")})` };
}

function isMissing(status: number): boolean {
  return status === 404 || status >= 500;
}

function isDenied(status: number): boolean {
  return status === 401 || status === 403 || status === 405;
}
