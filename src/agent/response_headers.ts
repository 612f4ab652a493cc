/** Which headers of the target go back to the control plane (P-112 … P-115). */
import type { HeaderPairs } from "../net/mod.ts";
import type { HeaderMap } from "./wire.ts";

/** Exact spellings that are sent (P-113). */
const ALLOWED = new Map(
  [
    "Access-Control-Expose-Headers",
    "Content-Type",
    "Last-Event-Id",
    "Mcp-Protocol-Version",
    "Mcp-Session-Id",
    "Www-Authenticate",
  ].map((name) => [name.toLowerCase(), name]),
);
const CONTENT_TYPE = "Content-Type";
const JSON_TYPE = "application/json";
const EVENT_STREAM = "text/event-stream";

/**
 * How the content type of the answer is shown: `keep` what the target sent, `message` keeps an event stream and
 * makes everything else JSON (P-112), `event` adds the event-stream type where there is none (P-99), `json` always
 * says JSON.
 */
type ContentTypeRule = "keep" | "message" | "event" | "json";

/** A content-type rule for filtered headers; or `all` of them as they came (P-108), or `none`. */
export type HeaderRule = ContentTypeRule | "all" | "none";

/**
 * Filters the headers of a target's answer.
 * @param pairs headers in wire order
 * @returns undefined when nothing remains, so that the member is left out (P-115)
 */
export function responseHeaders(pairs: HeaderPairs, rule: HeaderRule): HeaderMap | undefined {
  if (rule === "none") return undefined;
  if (rule === "all") return allHeaders(pairs);
  const nominated = connectionOptions(pairs);
  const kept: Record<string, string[]> = {};
  for (const [rawName, rawValue] of pairs) {
    const lower = rawName.toLowerCase();
    const name = ALLOWED.get(lower);
    if (name === undefined || nominated.has(lower) || rawValue === "") continue;
    (kept[name] ??= []).push(rawValue);
  }
  applyContentType(kept, rule);
  return Object.keys(kept).length > 0 ? kept : undefined;
}

function applyContentType(headers: Record<string, string[]>, rule: ContentTypeRule): void {
  const current = headers[CONTENT_TYPE]?.[0];
  if (rule === "json") headers[CONTENT_TYPE] = [JSON_TYPE];
  else if (rule === "event") headers[CONTENT_TYPE] ??= [EVENT_STREAM];
  else if (rule === "message" && !current?.trim().toLowerCase().startsWith(EVENT_STREAM)) {
    headers[CONTENT_TYPE] = [JSON_TYPE];
  }
}

/** Lower-case names that `Connection` fields declare hop-by-hop (RFC 9110 §7.6.1). */
function connectionOptions(pairs: HeaderPairs): ReadonlySet<string> {
  let options: Set<string> | undefined;
  for (const [name, value] of pairs) {
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    options ??= new Set();
    for (const option of value.split(",")) options.add(option.trim().toLowerCase());
  }
  return options ?? NONE;
}

const NONE: ReadonlySet<string> = new Set();

function allHeaders(pairs: HeaderPairs): HeaderMap | undefined {
  const headers = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const values = headers.get(name);
    if (values) values.push(value);
    else headers.set(name, [value]);
  }
  // Not by assignment: a header may be called `__proto__`.
  return headers.size > 0 ? Object.fromEntries(headers) : undefined;
}
