import type { HeaderPairs } from "../net/mod.ts";
import { splitUrl } from "../channels/mod.ts";

const SCHEME = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]+(?!=)(.*))?$/s;
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/gs;

/**
 * Finds where a server says that its metadata is: the `resource_metadata` parameter of a Bearer challenge in any
 * `WWW-Authenticate` field (OD-11, OD-13, RFC 9728 §5.1).
 * @returns the first absolute URL that is given, spelled as it was
 */
export function findResourceMetadataUrl(headers: HeaderPairs): string | undefined {
  for (const [name, value] of headers) {
    if (name.toLowerCase() !== "www-authenticate") continue;
    const url = findInChallenges(value);
    if (url !== undefined) return url;
  }
  return undefined;
}

function findInChallenges(value: string): string | undefined {
  let scheme = "";
  for (const segment of splitOutsideQuotes(value)) {
    let parameters = segment;
    const start = SCHEME.exec(segment);
    if (start !== null) {
      scheme = (start[1] ?? "").toLowerCase();
      parameters = start[2] ?? "";
    }
    if (scheme !== "bearer") continue;
    for (const [, name = "", quoted, bare = ""] of parameters.matchAll(PARAMETER)) {
      if (name.toLowerCase() !== "resource_metadata") continue;
      const url = quoted === undefined ? bare : quoted.replace(/\\(.)/gs, "$1");
      if (splitUrl(url) !== undefined) return url;
    }
  }
  return undefined;
}

/** Segments between commas that stand outside quoted strings, trimmed (RFC 9110 §11.6.1). */
function splitOutsideQuotes(value: string): string[] {
  const segments: string[] = [];
  let start = 0;
  let inQuotes = false;
  for (let at = 0; at < value.length; at++) {
    const char = value[at];
    if (inQuotes && char === "\\") at++;
    else if (char === '"') inQuotes = !inQuotes;
    else if (char === "," && !inQuotes) {
      segments.push(value.slice(start, at).trim());
      start = at + 1;
    }
  }
  segments.push(value.slice(start).trim());
  return segments;
}
