/** Collects items that are handed on together, so that one message crosses the threads instead of hundreds. */
export interface Batch<T> {
  /** Adds an item. False when there was no room for it. */
  add(item: T): boolean;
  /** Hands on what waits, now. */
  flush(): void;
  /** Hands on what waits within `withinMs`, or sooner when that was due already. */
  flushWithin(withinMs: number): void;
  readonly size: number;
}

/** Settings of {@link createBatch}. */
export interface BatchOptions<T> {
  /** More than this many items do not wait. */
  readonly capacity: number;
  /** How long the first item of a batch may wait, in ms. A timer runs only while items wait. */
  readonly maxWaitMs: number;
  readonly flush: (items: T[]) => void;
}

/** Makes an empty {@link Batch}. */
export function createBatch<T>(options: BatchOptions<T>): Batch<T> {
  let items: T[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueAt = 0;

  function flush(): void {
    if (timer !== undefined) {
      clearTimeout(timer);
      timer = undefined;
    }
    if (items.length === 0) return;
    const full = items;
    items = [];
    options.flush(full);
  }

  function flushWithin(withinMs: number): void {
    const at = performance.now() + withinMs;
    if (timer !== undefined) {
      if (dueAt <= at) return;
      clearTimeout(timer);
    }
    dueAt = at;
    timer = setTimeout(flush, withinMs);
  }

  return {
    add(item) {
      if (items.length >= options.capacity) return false;
      items.push(item);
      if (timer === undefined) flushWithin(options.maxWaitMs);
      return true;
    },
    flush,
    flushWithin,
    get size() {
      return items.length;
    },
  };
}
