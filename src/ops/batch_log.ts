import { createBatch } from "./batch.ts";
import { createFieldLog, LEVEL_RANK } from "./field_log.ts";
import type { Log, LogLevel, LogRecord, Metrics } from "./observe.ts";

const CAPACITY = 1000;
const MAX_WAIT_MS = 50;
/** A warning goes out at once unless another flush was this recent: a storm of them must not cost a message each. */
const STORM_MS = 5;

/** Settings of {@link createBatchLog}. */
export interface BatchLogOptions {
  readonly level: LogLevel;
  /** Takes a batch on its way to the thread that writes it. Called with at least one record, in order. */
  readonly flush: (records: LogRecord[]) => void;
  /** Counts what was dropped, as `log_records_dropped_total`. */
  readonly metrics?: Pick<Metrics, "count">;
  /** How many records may wait; by default 1000, which is 20,000 a second. */
  readonly capacity?: number;
}

/** The log of a thread that does not write itself. */
export interface BatchLog {
  readonly log: Log;
  setLevel(level: LogLevel): void;
  /** Hands on what waits, now; to be called before the thread ends. */
  flush(): void;
}

/**
 * Makes a log that collects records for at most 50 ms. Errors leave at once, warnings too unless they come in a storm.
 * When too many wait, further records are dropped, counted, and the loss is a record of its own.
 */
export function createBatchLog(options: BatchLogOptions): BatchLog {
  let threshold = LEVEL_RANK[options.level];
  let dropped = 0;
  let flushedAt = -Infinity;

  const batch = createBatch<LogRecord>({
    capacity: options.capacity ?? CAPACITY,
    maxWaitMs: MAX_WAIT_MS,
    flush(records) {
      flushedAt = performance.now();
      if (dropped > 0) {
        records.push({
          timeMs: Date.now(),
          level: "warn",
          event: "log records dropped",
          fields: { count: dropped },
        });
        options.metrics?.count("log_records_dropped_total", undefined, dropped);
        dropped = 0;
      }
      options.flush(records);
    },
  });

  const log = createFieldLog({
    enabled: (level) => LEVEL_RANK[level] >= threshold,
    take(level, event, fields) {
      const record = { timeMs: Date.now(), level, event, fields };
      if (!batch.add(record)) {
        if (level !== "error") {
          dropped++;
          return;
        }
        batch.flush();
        batch.add(record);
      }
      if (level === "error") batch.flush();
      else if (level === "warn") {
        if (performance.now() - flushedAt >= STORM_MS) batch.flush();
        else batch.flushWithin(STORM_MS);
      }
    },
  });

  return {
    log,
    setLevel(level) {
      threshold = LEVEL_RANK[level];
    },
    flush: () => batch.flush(),
  };
}
