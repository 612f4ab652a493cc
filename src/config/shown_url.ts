const REDACTED = "[REDACTED]";
/** A path segment behind one of these is a secret (CFG-143). */
const SECRET_SEGMENTS =
  /^(?:api_?key|access_token|refresh_token|id_token|client_secret|code|password|secret|token|authorization|cookie|key)$/i;

/**
 * A URL as operators may see it: without user info, query and fragment, path segments that look like secrets masked
 * (CFG-143). A text that is no absolute URL becomes a placeholder.
 */
export function shownUrl(text: string): string {
  if (text === "") return "";
  const [, scheme, authority, path] = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)([^/?#\\]*)([^?#]*)/.exec(text) ?? [];
  if (scheme === undefined || authority === undefined || path === undefined) return REDACTED;
  // A slash in a password ends the authority too soon; then nothing behind the scheme is safe.
  if (path.includes("@")) return scheme + REDACTED;
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  let isMasked = false;
  const segments = path.split("/").map((segment) => {
    const mask = isMasked || looksSecret(segment);
    isMasked = SECRET_SEGMENTS.test(segment);
    return mask && segment !== "" ? REDACTED : segment;
  });
  return scheme + host + segments.join("/");
}

function looksSecret(segment: string): boolean {
  return /secret/i.test(segment) && !SECRET_SEGMENTS.test(segment) || segment.startsWith("sk-") ||
    segment.length >= 40 && segment.split(".").length > 2;
}

/** `scheme://host[:port]` in lower case, the only form a proxy is shown in (CFG-63). */
export function shownProxy(url: string): string {
  const [, scheme, authority] = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)([^/?#\\]*)/.exec(url) ?? [];
  if (scheme === undefined || authority === undefined) return REDACTED;
  return (scheme + authority.slice(authority.lastIndexOf("@") + 1)).toLowerCase();
}
