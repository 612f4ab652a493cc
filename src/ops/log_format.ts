import type { LogFields, LogRecord, LogValue } from "./observe.ts";
import { rfc3339Local, slashedLocal } from "./time_text.ts";

/** How a log line looks: `plain` for people, `struct-text` (logfmt) and `json` for machines (L-1). */
export type LogFormat = "plain" | "struct-text" | "json";

/** Turns one record, already free of secrets, into one line with its line feed. */
export type LineFormatter = (record: LogRecord) => string;

/** Names that every line has already; a field of that name would make two of them (L-4). */
const TAKEN_NAMES: ReadonlySet<string> = new Set(["time", "level", "msg"]);

/** What a terminal would obey or what would look like another line: controls, separators, direction marks. */
// deno-lint-ignore no-control-regex -- these are the very characters to find
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
// deno-lint-ignore no-control-regex -- as above
const UNPRINTABLE_ALL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const NEEDS_QUOTES = /^$|[\s="]/;

/** The formatter of a {@link LogFormat}. */
export function lineFormatter(format: LogFormat): LineFormatter {
  switch (format) {
    case "plain":
      return plainLine;
    case "struct-text":
      return structTextLine;
    case "json":
      return jsonLine;
  }
}

/** `YYYY/MM/DD HH:MM:SS LEVEL message key=value` (L-1, CFG-92). */
function plainLine(record: LogRecord): string {
  const event = UNPRINTABLE.test(record.event) ? escapeUnprintable(record.event) : record.event;
  return `${slashedLocal(record.timeMs)} ${record.level.toUpperCase()} ${event}${pairs(record.fields)}\n`;
}

/** `time=… level=INFO msg="…" key=value` (L-5, CFG-93). */
function structTextLine(record: LogRecord): string {
  const time = rfc3339Local(record.timeMs);
  return `time=${time} level=${record.level.toUpperCase()} msg=${quoted(record.event)}${
    pairs(record.fields)
  }\n`;
}

/** One object per line; `time`, `level`, `msg`, then the fields, flat and in order (L-4, CFG-93). */
function jsonLine(record: LogRecord): string {
  const line: Record<string, LogValue> = {
    time: rfc3339Local(record.timeMs),
    level: record.level.toUpperCase(),
    msg: record.event,
  };
  for (const [key, value] of Object.entries(record.fields)) {
    line[TAKEN_NAMES.has(key) ? `${key}_` : key] = value;
  }
  return JSON.stringify(line).replace(UNPRINTABLE_ALL, unicodeEscape) + "\n";
}

function pairs(fields: LogFields): string {
  let text = "";
  for (const [key, value] of Object.entries(fields)) {
    text += pair(TAKEN_NAMES.has(key) ? `${key}_` : key, value);
  }
  return text;
}

/** Objects become dotted names, lists stay one value in JSON. */
function pair(name: string, value: LogValue): string {
  if (value === undefined) return "";
  if (typeof value === "string") return ` ${quoted(name)}=${quoted(value)}`;
  if (typeof value !== "object") return ` ${quoted(name)}=${value}`;
  if (Array.isArray(value)) return ` ${quoted(name)}=${quoted(JSON.stringify(value))}`;
  return Object.entries(value).map(([key, inner]) => pair(`${name}.${key}`, inner)).join("");
}

function quoted(text: string): string {
  if (!NEEDS_QUOTES.test(text) && !UNPRINTABLE.test(text)) return text;
  return escapeUnprintable(JSON.stringify(text));
}

function escapeUnprintable(text: string): string {
  return text.replace(
    UNPRINTABLE_ALL,
    (char) => char === "\n" ? "\\n" : char === "\r" ? "\\r" : unicodeEscape(char),
  );
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
