/** What a request needs to know of its URL, worked out once per URL. */
import type { Endpoint } from "./dial.ts";
import { NetError } from "./net_error.ts";

/** Far more URLs than one agent has targets; beyond it the memory starts anew. */
const REMEMBERED_URLS = 64;

/** The parts of one absolute `http:` or `https:` URL. */
export interface RequestTarget {
  readonly endpoint: Endpoint;
  /** Same for all URLs whose requests may share connections. */
  readonly key: string;
  /** Value of the `Host` field (HT-5). */
  readonly host: string;
  /** Path and query as they go into the request line (HT-1). */
  readonly path: string;
  /** `Authorization` value made of the URL's user info, if it has any (HT-5). */
  readonly authorization: string | undefined;
}

/**
 * Takes a URL apart.
 * @throws {NetError} `unknown` when it is not an absolute http or https URL
 */
export function parseRequestTarget(text: string): RequestTarget {
  const url = URL.parse(text);
  const secure = url?.protocol === "https:";
  if (url === null || (!secure && url.protocol !== "http:")) {
    throw new NetError("unknown", "target is not an absolute http or https URL", false);
  }
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  // An IPv6 address stands in brackets in URLs only.
  const hostname = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
  const hasUserInfo = url.username !== "" || url.password !== "";
  return {
    endpoint: { secure, hostname, port },
    key: url.origin,
    host: url.host,
    path: url.pathname + url.search,
    authorization: hasUserInfo ? basicAuthorization(url.username, url.password) : undefined,
  };
}

/** Remembers what {@link parseRequestTarget} found, because targets are few and requests are many. */
export class RequestTargets {
  readonly #targets = new Map<string, RequestTarget>();

  /** @throws {NetError} as {@link parseRequestTarget} */
  of(url: string): RequestTarget {
    let target = this.#targets.get(url);
    if (target === undefined) {
      target = parseRequestTarget(url);
      if (this.#targets.size >= REMEMBERED_URLS) this.#targets.clear();
      this.#targets.set(url, target);
    }
    return target;
  }
}

function basicAuthorization(username: string, password: string): string {
  const bytes = new TextEncoder().encode(`${percentDecoded(username)}:${percentDecoded(password)}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return text; // a lone percent sign stands for itself
  }
}
