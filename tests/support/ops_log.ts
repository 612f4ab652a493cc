import { createFieldLog } from "../../src/ops/field_log.ts";
import type { ByteStream, Log, LogRecord } from "../../src/ops/mod.ts";

/** A log that keeps what it is told. */
export interface RecordedLog {
  readonly log: Log;
  /** Every record so far. */
  readonly records: readonly LogRecord[];
  /** The first record of an event. */
  find(event: string): LogRecord | undefined;
}

export function recordLog(): RecordedLog {
  const records: LogRecord[] = [];
  const log = createFieldLog({
    enabled: () => true,
    take: (level, event, fields) => records.push({ timeMs: Date.now(), level, event, fields }),
  });
  return { log, records, find: (event) => records.find((record) => record.event === event) };
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
