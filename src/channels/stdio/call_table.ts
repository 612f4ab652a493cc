import type { ChannelCall, JsonRpcId } from "../channel.ts";
import { asId, findPath, isPlainId, LISTEN_METHOD, memberAt } from "./wire_text.ts";
import { claimedRevision, eraOf } from "./revision.ts";
import type { RunningCall, WireNames } from "./running_call.ts";

/** Most ids that are remembered for answers nobody waits for any more (P-75). */
const MAX_OWED = 1024;
/** Where private ids begin next to connectors' own ids; small enough for 32 bits, and unlikely to be met. */
const FIRST_PRIVATE_ID_AMONG_OTHERS = 1_000_000_001;
/** How long a server may take to fall silent about a call that is cancelled. */
const SILENT_AFTER_MS = 2000;
const TOKEN_PATH = ["params", "_meta", "progressToken"] as const;

/** What is remembered of a call whose caller has gone. */
export interface OwedCall {
  readonly token: JsonRpcId | undefined;
  /** The request if it was an `initialize`: its answer still counts. */
  readonly initialize: ChannelCall | undefined;
  /** Until then a message without an address may be this call's. */
  readonly doubtfulUntilMs: number;
}

/**
 * Who is known to one child under which id: the calls that run, and those whose answers are still owed although their
 * callers have gone (P-75). Ids are compared by type and value (LC-8).
 */
export class CallTable {
  readonly #concurrent: boolean;
  readonly #running = new Map<JsonRpcId, RunningCall>();
  readonly #byToken = new Map<JsonRpcId, RunningCall>();
  /** Those of the running calls that are subscriptions. */
  readonly #listens = new Set<RunningCall>();
  readonly #owed = new Map<JsonRpcId, OwedCall>();
  readonly #owedTokens = new Set<JsonRpcId>();
  #nextPrivateId: number;
  /** Once an owed id has been forgotten, ids of connectors cannot be trusted to be free any more. */
  #forgetful = false;

  readonly #nowMs: () => number;

  /** @param concurrency calls that may run at once; above 1 every call gets a private id */
  constructor(concurrency: number, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#concurrent = concurrency > 1;
    this.#nextPrivateId = this.#concurrent ? 1 : FIRST_PRIVATE_ID_AMONG_OTHERS;
  }

  /** True when every call has a private id, so that an unknown id cannot belong to anybody. */
  get concurrent(): boolean {
    return this.#concurrent;
  }

  /**
   * Chooses the names under which the child will know a call: the caller's own where they are free, else private ones
   * . Numbers that many servers cannot read, or do not give back as they were, are exchanged too.
   * @param wish `private` for calls of our own
   */
  namesFor(call: ChannelCall, wish: "own" | "private"): WireNames {
    const token = asId(memberAt(call.message, TOKEN_PATH));
    const privateId = wish === "private" || this.#concurrent || this.#forgetful || !isPlainId(call.id) ||
      this.isTaken(call.id);
    const privateToken = token !== undefined &&
      (this.#concurrent || !isPlainId(token) || this.#byToken.has(token) || this.#owedTokens.has(token));
    const name = privateId || privateToken ? this.#freshName() : 0;
    return {
      id: privateId ? name : call.id,
      originalId: privateId ? textAt(call.text, ["id"]) : undefined,
      token: privateToken ? name : token,
      originalToken: privateToken ? textAt(call.text, TOKEN_PATH) : undefined,
    };
  }

  /** True when a running or owed call is known to the child by this id. */
  isTaken(id: JsonRpcId): boolean {
    return this.#running.has(id) || this.#owed.has(id);
  }

  add(running: RunningCall): void {
    const { id, token } = running.names;
    this.#running.set(id, running);
    if (token !== undefined) this.#byToken.set(token, running);
    if (isListen(running)) this.#listens.add(running);
  }

  has(running: RunningCall): boolean {
    return this.#running.get(running.names.id) === running;
  }

  remove(running: RunningCall): void {
    const { id, token } = running.names;
    this.#running.delete(id);
    if (token !== undefined) this.#byToken.delete(token);
    if (isListen(running)) this.#listens.delete(running);
  }

  /** The caller has gone, the answer may still come. With too many of these the oldest is forgotten. */
  owe(running: RunningCall): void {
    this.remove(running);
    const { id, token } = running.names;
    const initialize = running.call.method === "initialize" ? running.call : undefined;
    this.#owed.set(id, { token, initialize, doubtfulUntilMs: this.#doubtfulUntilMs(running) });
    if (token !== undefined) this.#owedTokens.add(token);
    if (this.#owed.size <= MAX_OWED) return;
    for (const oldest of this.#owed.keys()) {
      this.settleOwed(oldest);
      break;
    }
    this.#forgetful = true;
  }

  /** The answer of an owed call has come. @returns undefined when none was owed under this id */
  settleOwed(id: JsonRpcId): OwedCall | undefined {
    const owed = this.#owed.get(id);
    this.#owed.delete(id);
    if (owed?.token !== undefined) this.#owedTokens.delete(owed.token);
    return owed;
  }

  get(id: JsonRpcId): RunningCall | undefined {
    return this.#running.get(id);
  }

  byToken(token: JsonRpcId): RunningCall | undefined {
    return this.#byToken.get(token);
  }

  /**
   * The running call, if it is the only one that a message without an address can belong to (SE-7). A subscription is
   * none: what belongs to it names it.
   */
  only(): RunningCall | undefined {
    if (this.#running.size - this.#listens.size !== 1 || this.#inDoubt()) return undefined;
    for (const running of this.#running.values()) {
      if (!this.#listens.has(running)) return running;
    }
    return undefined;
  }

  /** The running subscription with this id. */
  listen(id: JsonRpcId): RunningCall | undefined {
    const running = this.#running.get(id);
    return running !== undefined && isListen(running) ? running : undefined;
  }

  /** The running subscription, if there is one and nothing else runs or is owed. */
  onlyListen(): RunningCall | undefined {
    if (this.#running.size !== 1 || this.#listens.size !== 1 || this.#inDoubt()) return undefined;
    for (const running of this.#listens) return running;
    return undefined;
  }

  /** How many calls run that are no subscriptions. */
  get ordinaryCount(): number {
    return this.#running.size - this.#listens.size;
  }

  /** The running calls that their callers know by this id. */
  calledBy(id: JsonRpcId): RunningCall[] {
    return [...this.#running.values()].filter((running) => running.call.id === id);
  }

  all(): RunningCall[] {
    return [...this.#running.values()];
  }

  /** Since 2026-07-28 a server falls silent about a call that is cancelled; before, it may say whatever it likes. */
  #doubtfulUntilMs(running: RunningCall): number {
    if (isListen(running)) return -Infinity;
    return eraOf(claimedRevision(running.call)) === "stateless" ? this.#nowMs() + SILENT_AFTER_MS : Infinity;
  }

  #inDoubt(): boolean {
    if (this.#owed.size === 0) return false;
    const nowMs = this.#nowMs();
    for (const { doubtfulUntilMs } of this.#owed.values()) {
      if (doubtfulUntilMs > nowMs) return true;
    }
    return false;
  }

  #freshName(): number {
    for (;;) {
      const name = this.#nextPrivateId++;
      if (!this.isTaken(name) && !this.#byToken.has(name) && !this.#owedTokens.has(name)) return name;
    }
  }
}

function isListen({ call }: RunningCall): boolean {
  return call.method === LISTEN_METHOD;
}

function textAt(text: string, path: readonly string[]): string | undefined {
  const span = findPath(text, path);
  return span === undefined ? undefined : text.slice(span.start, span.end);
}
