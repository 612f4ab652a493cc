/** Which header fields go to a target, and which layer wins (HT-3, HD-1 … HD-3, HD-13). */
import type { HeaderPairs } from "../../net/mod.ts";
import type { HeaderMap } from "../channel.ts";

/** What a Streamable HTTP client accepts (HT-2). */
export const ACCEPT_MESSAGES = "application/json, text/event-stream";

/**
 * Fields that describe one hop or its framing. They belong to the connection to the target, never to the connector
 * (HT-5, HT-6, RFC 9110 §7.6.1).
 */
const HOP_FIELDS: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** True when the field belongs to one hop and is not the operator's or the connector's to set. */
export function isHopField(name: string): boolean {
  return HOP_FIELDS.has(name.toLowerCase());
}

/** Puts `upper` over `lower`: a name that occurs above replaces all its values below (HT-3). */
export function layerPairs(lower: HeaderPairs, upper: HeaderPairs): HeaderPairs {
  if (upper.length === 0) return lower;
  const replaced = new Set(upper.map(([name]) => name.toLowerCase()));
  return [...lower.filter(([name]) => !replaced.has(name.toLowerCase())), ...upper];
}

/**
 * Puts the connector's headers over the channel's own. Nothing is written to `forwarded` (P-111).
 * @param own base and static headers
 * @param drops connector fields that do not belong on this request, by lower-case name
 */
export function layerForwarded(
  own: HeaderPairs,
  forwarded: HeaderMap,
  drops: (lowerName: string) => boolean = dropsNothing,
): HeaderPairs {
  const nominated = connectionOptions(forwarded);
  const result: (readonly [string, string])[] = [];
  const taken = new Set<string>();
  for (const name in forwarded) {
    const lowerName = name.toLowerCase();
    if (HOP_FIELDS.has(lowerName) || nominated?.has(lowerName) || drops(lowerName)) continue;
    const values = forwarded[name] ?? [];
    // An empty Accept says nothing; the default stands (LC-2).
    if (lowerName === "accept" && values.every((value) => value.trim() === "")) continue;
    if (values.length === 0) continue;
    for (const value of values) result.push([name, value]);
    taken.add(lowerName);
  }
  for (const pair of own) if (!taken.has(pair[0].toLowerCase())) result.push(pair);
  return result;
}

/** The first value of a response header, by name in lower case. */
export function headerValue(headers: HeaderPairs, lowerName: string): string | undefined {
  for (const [name, value] of headers) {
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return value;
  }
  return undefined;
}

/** Media type of a response without its parameters, in lower case; empty when there is none. */
export function mediaType(headers: HeaderPairs): string {
  const value = headerValue(headers, "content-type") ?? "";
  const end = value.indexOf(";");
  return (end === -1 ? value : value.slice(0, end)).trim().toLowerCase();
}

/** True for fields that repeat what stands in the message itself, and so belong to no other message. */
export function describesMessage(lowerName: string): boolean {
  return lowerName === "mcp-method" || lowerName === "mcp-name" || lowerName.startsWith("mcp-param-");
}

/** Lower-case names that any spelling of `Connection` nominates (HD-6). */
function connectionOptions(forwarded: HeaderMap): ReadonlySet<string> | undefined {
  let options: Set<string> | undefined;
  for (const name in forwarded) {
    if (name.length !== "connection".length || name.toLowerCase() !== "connection") continue;
    for (const value of forwarded[name] ?? []) {
      for (const option of value.split(",")) (options ??= new Set()).add(option.trim().toLowerCase());
    }
  }
  return options;
}

function dropsNothing(): boolean {
  return false;
}
