import { randomText } from "./random_text.ts";

/** Marks ids that a relay has issued, so that one of an earlier run is known to be over (MCP 2025-11-25, sessions). */
const ISSUED_PREFIX = "relay-";
const ISSUED = /^relay-[a-z0-9]{32}$/;
/** Ids of ended sessions that are remembered; what is older is left to the target to judge. */
const MAX_ENDED = 10_000;

/** One MCP session of a connector, of the protocol revisions that have sessions. */
export interface Session {
  readonly id: string;
  readonly channel: string;
  /** `relay`: the target has no sessions of its own and never sees the id. */
  readonly issuer: "target" | "relay";
  /** Revision that was agreed on; empty when the answer did not say. */
  readonly protocolVersion: string;
}

/** The sessions of one tunnel that this relay has seen begin; bounded, those that were not used longest go first. */
export class SessionTable {
  readonly #maxSessions: number;
  readonly #onGone: (session: Session) => void;
  readonly #sessions = new Map<string, Session>();
  readonly #ended = new Set<string>();

  /** @param onGone told when a session has ended or made room for others */
  constructor(maxSessions: number, onGone: (session: Session) => void) {
    this.#maxSessions = maxSessions;
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Makes an id that nobody can guess: about 165 bits, visible ASCII. */
  static newId(): string {
    return ISSUED_PREFIX + randomText(32);
  }

  /** True for ids that only a relay can have made. */
  static isIssued(id: string): boolean {
    return ISSUED.test(id);
  }

  begin(session: Session): void {
    const key = keyOf(session.channel, session.id);
    this.#ended.delete(key);
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    if (this.#sessions.size <= this.#maxSessions) return;
    for (const oldest of this.#sessions.keys()) return this.#remove(oldest);
  }

  /** The open session of this id, which counts as used now. */
  find(channel: string, id: string): Session | undefined {
    const key = keyOf(channel, id);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    return session;
  }

  /** True for an id that is known to be over, or can only have been issued by an earlier run. */
  isOver(channel: string, id: string): boolean {
    const key = keyOf(channel, id);
    return this.#ended.has(key) || (SessionTable.isIssued(id) && !this.#sessions.has(key));
  }

  /** Ends a session, also one that began before this relay did. */
  end(channel: string, id: string): void {
    const key = keyOf(channel, id);
    this.#ended.delete(key);
    this.#ended.add(key);
    if (this.#ended.size > MAX_ENDED) {
      for (const oldest of this.#ended) {
        this.#ended.delete(oldest);
        break;
      }
    }
    this.#remove(key);
  }

  #remove(key: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined) return;
    this.#sessions.delete(key);
    this.#onGone(session);
  }
}

/** A channel name holds no blank. */
function keyOf(channel: string, id: string): string {
  return `${channel} ${id}`;
}
