import type { Command } from "./command.ts";

/** Commands that have ended and are still remembered. */
const MAX_ENDED = 4096;
/** Characters that their names may hold together: their length is the control plane's choice. */
const MAX_ENDED_CHARS = 1_000_000;

/**
 * Which commands are here, and which were here lately. The published client executes a command twice that is delivered
 * twice (P-66). This one does so deliberately not: a control plane that cannot tell whether a poll reply got through may
 * then deliver its commands again, and no tool runs twice because of it. The answer to the first one serves both.
 */
export class SeenCommands {
  readonly #present = new Set<string>();
  readonly #ended = new Set<string>();
  #endedChars = 0;

  /** @returns false when a command with the same request id and shard token is here, or has ended lately */
  admit(command: Command): boolean {
    const name = nameOf(command);
    if (this.#present.has(name) || this.#ended.has(name)) return false;
    this.#present.add(name);
    return true;
  }

  /** Notes the end of a command that was admitted; the oldest ends are forgotten. */
  ended(command: Command): void {
    const name = nameOf(command);
    this.#present.delete(name);
    this.#ended.add(name);
    this.#endedChars += name.length;
    for (const oldest of this.#ended) {
      if (this.#ended.size <= MAX_ENDED && this.#endedChars <= MAX_ENDED_CHARS) return;
      this.#ended.delete(oldest);
      this.#endedChars -= oldest.length;
    }
  }
}

/** Both ids in one text that no other two ids make. */
function nameOf({ requestId, shardToken }: Command): string {
  return `${requestId.length}:${requestId}${shardToken}`;
}
