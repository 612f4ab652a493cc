import type { Log, LogFields, LogLevel } from "./observe.ts";

/** Severity as a number, for comparisons. */
export const LEVEL_RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Where the records of a {@link Log} go. */
export interface RecordTarget {
  enabled(level: LogLevel): boolean;
  /** Takes one record that passed {@link RecordTarget.enabled}. */
  take(level: LogLevel, event: string, fields: LogFields): void;
}

const NO_FIELDS: LogFields = {};

/** Makes the {@link Log} that other rooms call from a place where records go. */
export function createFieldLog(target: RecordTarget, bound: LogFields = NO_FIELDS): Log {
  const put = (level: LogLevel, event: string, fields: LogFields | undefined): void => {
    if (!target.enabled(level)) return;
    target.take(level, event, fields === undefined ? bound : withBound(bound, fields));
  };
  return {
    debug: (event, fields) => put("debug", event, fields),
    info: (event, fields) => put("info", event, fields),
    warn: (event, fields) => put("warn", event, fields),
    error: (event, fields) => put("error", event, fields),
    enabled: (level) => target.enabled(level),
    with: (fields) => createFieldLog(target, withBound(bound, fields)),
  };
}

/** Bound fields come first and win over fields of the same name (L-4, L-21); unknown ones are left out (L-7). */
export function withBound(bound: LogFields, fields: LogFields): LogFields {
  const merged: Record<string, LogFields[string]> = { ...bound };
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined && !Object.hasOwn(bound, key)) merged[key] = value;
  }
  return merged;
}
