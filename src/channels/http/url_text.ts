/** URLs as they are written (G-1): the WHATWG parser rewrites them, comparisons and requests must not. */

/** The pieces of an absolute URL, spelled as they were. */
export interface UrlText {
  readonly scheme: string;
  /** Without the `@`; undefined when there is none. */
  readonly userinfo: string | undefined;
  /** `host[:port]`. */
  readonly authority: string;
  /** Empty or starting with `/`. */
  readonly path: string;
  /** With its `?`; empty when there is none. */
  readonly query: string;
}

const ABSOLUTE_URL = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:([^/?#]*)@)?([^/?#]*)([^?#]*)(\?[^#]*)?/;

/** Cuts an absolute URL into its pieces; undefined when it is not one or has no host. */
export function splitUrl(url: string): UrlText | undefined {
  const match = ABSOLUTE_URL.exec(url);
  if (match === null) return undefined;
  const [, scheme = "", userinfo, authority = "", path = "", query = ""] = match;
  return authority === "" ? undefined : { scheme, userinfo, authority, path, query };
}

/**
 * Who is really dialled for a URL, in one comparable form (G-3): scheme, host without trailing dot, effective port.
 * @returns undefined when the URL is not http(s)
 */
export function canonicalOrigin(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) return undefined;
  const host = parsed.hostname.replace(/\.$/, "");
  const port = parsed.port || (parsed.protocol === "https:" ? "443" : "80");
  return `${parsed.protocol}//${host}:${port}`;
}

/** The only form in which a URL is shown (G-2): `scheme://host[:port]`, empty when it cannot be derived. */
export function displayOrigin(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null || parsed.host === "" ? "" : `${parsed.protocol}//${parsed.host}`;
}
