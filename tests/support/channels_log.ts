/** A log that keeps what it is told. */
import type { Log, LogFields, LogLevel } from "../../src/ops/mod.ts";

export interface KeptRecord {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

export interface RecordingLog extends Log {
  readonly records: KeptRecord[];
}

export function recordingLog(records: KeptRecord[] = [], base: LogFields = {}): RecordingLog {
  const write = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
    records.push({ level, event, fields: { ...base, ...fields } });
  };
  return {
    records,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    enabled: () => true,
    with: (fields) => recordingLog(records, { ...base, ...fields }),
  };
}
