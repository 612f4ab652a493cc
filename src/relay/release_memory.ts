/** How long a release waits for a poll that it has overtaken. */
const MEMORY_MS = 2_000;
/** More instances than this do not drain at once; older ones are forgotten first. */
const MAX_REMEMBERED = 256;

/**
 * Releases that found no open poll. Poll and release travel on different connections, so the release may arrive
 * first; it then counts for the next poll of its instance, once, and only for a moment: an instance that polls on
 * later is served as ever.
 */
export class ReleaseMemory {
  readonly #releasedAt = new Map<string, number>();

  remember(instanceId: string, now: number): void {
    this.#releasedAt.delete(instanceId);
    this.#releasedAt.set(instanceId, now);
    for (const [oldest, at] of this.#releasedAt) {
      if (this.#releasedAt.size <= MAX_REMEMBERED && now - at <= MEMORY_MS) break;
      this.#releasedAt.delete(oldest);
    }
  }

  /** True once per remembered release. */
  take(instanceId: string, now: number): boolean {
    const at = this.#releasedAt.get(instanceId);
    if (at === undefined) return false;
    this.#releasedAt.delete(instanceId);
    return now - at <= MEMORY_MS;
  }
}
