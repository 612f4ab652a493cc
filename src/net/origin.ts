/**
 * The part of a URL that may be shown: scheme, host and port. User info, path and query may hold secrets.
 * @param url absolute URL; text that is none gives a fixed phrase, never the text itself
 */
export function originOf(url: string | URL): string {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  if (parsed === null) return "(not a URL)";
  return `${parsed.protocol}//${parsed.host}`;
}
