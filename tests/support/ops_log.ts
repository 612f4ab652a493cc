import { type ByteStream, createBatchLog, type Log, type LogRecord } from "../../src/ops/mod.ts";

/** A log that keeps what it is told. */
export interface RecordedLog {
  readonly log: Log;
  /** Every record so far. */
  records(): readonly LogRecord[];
  /** The first record of an event. */
  find(event: string): LogRecord | undefined;
}

export function recordLog(): RecordedLog {
  const records: LogRecord[] = [];
  const batch = createBatchLog({ level: "debug", flush: (batched) => records.push(...batched) });
  const flushed = () => {
    batch.flush();
    return records;
  };
  return {
    log: batch.log,
    records: flushed,
    find: (event) => flushed().find((record) => record.event === event),
  };
}

/** A stream that keeps its text; each write takes at most `maxBytes`, as a pipe may. */
export function memoryStream(
  maxBytes = Infinity,
): ByteStream & { readonly text: () => string; writes: number } {
  const decoder = new TextDecoder();
  let text = "";
  const stream = {
    writes: 0,
    writeSync(bytes: Uint8Array): number {
      const taken = bytes.subarray(0, Math.min(bytes.length, maxBytes));
      text += decoder.decode(taken, { stream: true });
      stream.writes++;
      return taken.length;
    },
    text: () => text,
  };
  return stream;
}
