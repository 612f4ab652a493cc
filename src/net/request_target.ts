/** What a request needs to know of its URL, worked out once per URL. */
import type { Dial, Endpoint } from "./dial.ts";
import { NetError } from "./net_error.ts";
import { bareHostname, basicAuthorization, percentDecoded } from "./url_parts.ts";

/** Far more URLs than one agent has targets; beyond it the memory starts anew. */
const REMEMBERED_URLS = 64;

/** The parts of one absolute `http:` or `https:` URL. */
export interface RequestTarget {
  readonly endpoint: Endpoint;
  /** Same for all URLs whose requests may share connections. */
  readonly key: string;
  /** Value of the `Host` field (HT-5). */
  readonly host: string;
  /** Path and query as they go into the request line (HT-1); the whole URL for a proxy that passes requests on. */
  readonly path: string;
  /** `Authorization` value made of the URL's user info, if it has any (HT-5). */
  readonly authorization: string | undefined;
  /** Set when the connection ends at a proxy that reads the requests (RFC 9112 §3.2.2). */
  readonly forwardProxy?: ForwardProxy;
  /** How its connections come about, where that is not the client's own way. */
  readonly dial?: Dial;
}

/** A proxy that gets requests in absolute form. */
export interface ForwardProxy {
  /** As it is shown. */
  readonly peer: string;
  /** Value of `Proxy-Authorization`, if it wants one. Secret. */
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
  const hostname = bareHostname(url);
  const hasUserInfo = url.username !== "" || url.password !== "";
  return {
    endpoint: { secure, hostname, port },
    key: url.origin,
    host: url.host,
    path: url.pathname + url.search,
    authorization: hasUserInfo
      ? basicAuthorization(percentDecoded(url.username), percentDecoded(url.password))
      : undefined,
  };
}

/** Remembers what {@link parseRequestTarget} found, because targets are few and requests are many. */
export class RequestTargets {
  readonly #targets = new Map<string, RequestTarget>();
  readonly #parse: (url: string) => RequestTarget;

  /** @param parse works a URL out */
  constructor(parse: (url: string) => RequestTarget = parseRequestTarget) {
    this.#parse = parse;
  }

  /** @throws {NetError} as {@link parseRequestTarget} */
  of(url: string): RequestTarget {
    let target = this.#targets.get(url);
    if (target === undefined) {
      target = this.#parse(url);
      if (this.#targets.size >= REMEMBERED_URLS) this.#targets.clear();
      this.#targets.set(url, target);
    }
    return target;
  }

  /** Forgets everything, because what {@link RequestTargets.of} found no longer holds. */
  clear(): void {
    this.#targets.clear();
  }
}
