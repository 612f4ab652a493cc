import { createBatch } from "./batch.ts";
import type { Timeline, TimelineEntry } from "./observe.ts";

const BATCH_CAPACITY = 1000;
const BATCH_MAX_WAIT_MS = 100;

/** The timeline of a thread that does not keep it. */
export interface BatchTimeline {
  readonly timeline: Timeline;
  /** Hands on what waits, now; to be called before the thread ends. */
  flush(): void;
}

/**
 * Makes a timeline that hands its entries on in batches, at most 100 ms late. A full batch leaves early, so no entry
 * is lost.
 * @param flush takes a batch on its way to the thread that keeps the entries; never empty
 */
export function createBatchTimeline(flush: (entries: TimelineEntry[]) => void): BatchTimeline {
  const batch = createBatch<TimelineEntry>({ capacity: BATCH_CAPACITY, maxWaitMs: BATCH_MAX_WAIT_MS, flush });
  return {
    timeline: {
      add(entry) {
        if (batch.add(entry)) return;
        batch.flush();
        batch.add(entry);
      },
    },
    flush: () => batch.flush(),
  };
}

/** The newest entries, for the page. */
export interface TimelineRing extends Timeline {
  /** At most `limit` entries, newest first. */
  latest(limit: number): readonly TimelineEntry[];
}

/** Makes a ring that keeps the newest `capacity` entries. */
export function createTimelineRing(capacity: number): TimelineRing {
  const entries: TimelineEntry[] = [];
  return {
    add(entry) {
      entries.push(entry);
      if (entries.length > capacity) entries.shift();
    },
    latest: (limit) => entries.slice(-limit).reverse(),
  };
}
