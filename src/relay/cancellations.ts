/** Cancellations that wait for their agents; with more, the oldest are forgotten: their commands end by themselves. */
const MAX_WAITING = 10_000;

interface Later {
  readonly instanceId: string;
  readonly dueAt: number;
}

/** Commands that nobody waits for any more, until the agent that has them polls (feature `cancel`). */
export class Cancellations {
  readonly #onDue: (instanceId: string) => void;
  /** Request ids by instance, oldest first. */
  readonly #ready = new Map<string, Set<string>>();
  #readyCount = 0;
  /** Those that are not due yet; all wait equally long, so the first is the next. */
  readonly #later = new Map<string, Later>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onDue told when there is a cancellation for an instance */
  constructor(onDue: (instanceId: string) => void) {
    this.#onDue = onDue;
  }

  add(requestId: string, instanceId: string): void {
    let ready = this.#ready.get(instanceId);
    if (ready === undefined) this.#ready.set(instanceId, ready = new Set());
    if (!ready.has(requestId)) this.#readyCount++;
    ready.add(requestId);
    if (this.#readyCount > MAX_WAITING) this.#forgetOldest();
    this.#onDue(instanceId);
  }

  /** @param delayMs the same at every call */
  addLater(requestId: string, instanceId: string, delayMs: number): void {
    this.#later.set(requestId, { instanceId, dueAt: performance.now() + delayMs });
    if (this.#later.size > MAX_WAITING) deleteFirst(this.#later);
    this.#timer ??= setTimeout(() => this.#due(), delayMs);
  }

  has(instanceId: string): boolean {
    return this.#ready.has(instanceId);
  }

  /** Request ids for an instance; they are handed over with it. */
  take(instanceId: string): string[] {
    const taken = [...this.#ready.get(instanceId) ?? []];
    this.#ready.delete(instanceId);
    this.#readyCount -= taken.length;
    return taken;
  }

  /** The agent has ended the command by itself. */
  forget(requestId: string): void {
    this.#later.delete(requestId);
    for (const [instanceId, ready] of this.#ready) {
      if (!ready.delete(requestId)) continue;
      this.#readyCount--;
      if (ready.size === 0) this.#ready.delete(instanceId);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#later.clear();
    this.#ready.clear();
    this.#readyCount = 0;
  }

  #forgetOldest(): void {
    for (const ready of this.#ready.values()) {
      for (const oldest of ready) return this.forget(oldest);
    }
  }

  #due(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [requestId, { instanceId, dueAt }] of this.#later) {
      if (dueAt > now) {
        this.#timer = setTimeout(() => this.#due(), dueAt - now + 1);
        return;
      }
      this.#later.delete(requestId);
      this.add(requestId, instanceId);
    }
  }
}

function deleteFirst<Key>(map: Map<Key, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
