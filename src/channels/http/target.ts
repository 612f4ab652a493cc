import type { HeaderPairs, HttpClient } from "../../net/mod.ts";
import { isHopField, layerPairs } from "./headers.ts";
import { canonicalOrigin, displayOrigin, splitUrl, type UrlText } from "./url_text.ts";

/** Where one HTTP binding points, as configured. */
export interface HttpTargetOptions {
  /** MCP URL, used verbatim, query included (HT-1). */
  readonly url: string;
  /** Static headers for every request to exactly this URL (HD-9). */
  readonly extraHeaders: HeaderPairs;
  /** Static headers on top of those for probe and discovery requests anywhere on its origin (HD-12). */
  readonly discoveryExtraHeaders: HeaderPairs;
}

/** `message`: traffic of the connector. `discovery`: the probe and the search for OAuth metadata (HD-12). */
export type HeaderScope = "message" | "discovery";

/** One HTTP binding: its URL, its client and its static headers. What the probe and the OAuth room need of a channel. */
export interface HttpTarget {
  /** MCP URL as configured. May hold secrets; show only {@link HttpTarget.origin}. */
  readonly url: string;
  /** `scheme://host[:port]`, the only form that is shown (G-2). */
  readonly origin: string;
  readonly client: HttpClient;
  /** Static headers that apply to one outgoing request (HD-10, HD-11); hop-by-hop fields are left out (HT-5). */
  staticHeaders(requestUrl: string, scope: HeaderScope): HeaderPairs;
}

/**
 * Binds a URL and its static headers to a client.
 * @throws {TypeError} when the URL is not an absolute http(s) URL (CH-18)
 */
export function createHttpTarget(options: HttpTargetOptions, client: HttpClient): HttpTarget {
  const parts = splitUrl(options.url);
  const origin = canonicalOrigin(options.url);
  if (parts === undefined || origin === undefined) {
    throw new TypeError("the MCP server URL must be absolute and start with http:// or https://");
  }
  const place = placeOf(parts);
  const { url } = options;
  const message = options.extraHeaders.filter(isSettable);
  const discovery = layerPairs(message, options.discoveryExtraHeaders.filter(isSettable));
  return {
    url,
    origin: displayOrigin(options.url),
    client,
    staticHeaders(requestUrl, scope) {
      if (requestUrl === url) return scope === "message" ? message : discovery;
      const request = splitUrl(requestUrl);
      // Both forms must agree: the text is the rule (HD-10), the parsed origin is who will be dialled.
      if (request === undefined || canonicalOrigin(requestUrl) !== origin) return [];
      const requestPlace = placeOf(request);
      if (requestPlace.origin !== place.origin) return [];
      if (scope === "discovery") return discovery;
      return requestPlace.path === place.path ? message : [];
    },
  };
}

function isSettable([name]: readonly [string, string]): boolean {
  return !isHopField(name);
}

function placeOf(parts: UrlText): { origin: string; path: string } {
  const path = parts.path.replace(/\/$/, "");
  return {
    origin: `${parts.scheme}://${parts.authority}`.toLowerCase(),
    path: path === "" ? "/" : path,
  };
}
