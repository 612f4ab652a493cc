import type { AgentResponse } from "./agent_response.ts";
import { nominatedNames } from "./forwarded_headers.ts";

/** Never handed to a connector: they belong to one hop (P-175). */
const BLOCKED = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "trailer",
  "transfer-encoding",
  "upgrade",
  // The relay's own, on every reply (P-165).
  "x-request-id",
]);

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// A field value may hold visible bytes, blanks and tabs (RFC 9110 §5.5).
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const QUOTED_METADATA = /(?<![\w-])resource_metadata\s*=\s*"[^"]*"/i;
const BARE_METADATA = /(?<![\w-])resource_metadata\s*=\s*[^,\s]*/i;

/**
 * The headers of a target's answer that a connector may see, repeated ones apart.
 * @param metadataUrl what `resource_metadata` of a `WWW-Authenticate` challenge is replaced with (P-176)
 */
export function connectorHeaders(
  response: Pick<AgentResponse, "headers">,
  metadataUrl: () => string,
): [string, string][] {
  const pairs: [string, string][] = [];
  const nominated = nominatedByAgent(response);
  for (const name in response.headers) {
    const lower = name.toLowerCase();
    if (BLOCKED.has(lower) || nominated?.has(lower) || !NAME.test(name)) continue;
    for (const value of response.headers[name] ?? []) {
      if (value === "" || !VALUE.test(value)) continue;
      pairs.push([name, lower === "www-authenticate" ? rewriteChallenge(value, metadataUrl()) : value]);
    }
  }
  return pairs;
}

/** The first `Content-Type` of an answer that survives the filter, in lower case; empty when there is none. */
export function contentTypeOf(headers: readonly (readonly [string, string])[]): string {
  return headers.find(([name]) => name.toLowerCase() === "content-type")?.[1].trim().toLowerCase() ?? "";
}

/** Replaces the first `resource_metadata` parameter of a challenge, a quoted one first; all other text stays (P-176). */
export function rewriteChallenge(value: string, metadataUrl: string): string {
  const pattern = QUOTED_METADATA.test(value) ? QUOTED_METADATA : BARE_METADATA;
  return value.replace(pattern, () => `resource_metadata="${metadataUrl}"`);
}

function nominatedByAgent(response: Pick<AgentResponse, "headers">): ReadonlySet<string> | undefined {
  let all: string | undefined;
  for (const name in response.headers) {
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    for (const value of response.headers[name] ?? []) all = all === undefined ? value : `${all},${value}`;
  }
  return nominatedNames(all);
}
