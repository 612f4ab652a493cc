import type { HeaderPairs, HttpClient, HttpResponse } from "../../net/mod.ts";
import { headerValue } from "./headers.ts";
import { canonicalOrigin } from "./url_text.ts";

/** Requests that are sent at most for one message (HT-31). */
const MAX_REQUESTS = 10;

/** Why a redirect was not followed. `method`: following it would have changed the method or lost the body. */
export type RedirectRefusal = "cross-origin" | "limit" | "method" | "invalid-location";

/** The last response of a chain of redirects. */
export interface FollowedResponse {
  readonly response: HttpResponse;
  /** Set when the response is a redirect that was not followed; it is then the final answer. */
  readonly refusal: RedirectRefusal | undefined;
}

/** A request whose headers depend on where a redirect leads. */
export interface FollowableRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: (url: string) => HeaderPairs;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/**
 * Sends a request and follows redirects that are safe: same canonical origin, and neither method nor body change
 * (307 and 308, and 301 to 303 for GET). Any other redirect is the final answer with its own status, and nothing
 * is sent where it points, so no credential can leave the origin (HT-31, HT-32).
 * @throws what {@link HttpClient.request} throws
 */
export async function requestFollowing(
  client: HttpClient,
  request: FollowableRequest,
): Promise<FollowedResponse> {
  const { method, body, signal } = request;
  const send = (url: string) => client.request({ method, url, headers: request.headers(url), body, signal });
  let url = request.url;
  let response = await send(url);
  for (let sent = 1; isRedirect(response); sent++) {
    const next = redirectTarget(response, url, method);
    if ("refusal" in next) return { response, refusal: next.refusal };
    if (sent === MAX_REQUESTS) return { response, refusal: "limit" };
    response.body.cancel();
    url = next.url;
    response = await send(url);
  }
  return { response, refusal: undefined };
}

function isRedirect(response: HttpResponse): boolean {
  const { status } = response;
  if (status < 300 || status > 399) return false;
  const isRedirectStatus = status === 301 || status === 302 || status === 303 || status === 307 ||
    status === 308;
  return isRedirectStatus && headerValue(response.headers, "location") !== undefined;
}

function redirectTarget(
  response: HttpResponse,
  url: string,
  method: string,
): { readonly url: string } | { readonly refusal: RedirectRefusal } {
  const location = URL.parse(headerValue(response.headers, "location") ?? "", url);
  if (location === null) return { refusal: "invalid-location" };
  if (canonicalOrigin(location.href) !== canonicalOrigin(url)) return { refusal: "cross-origin" };
  const keepsRequest = response.status === 307 || response.status === 308 || method === "GET";
  if (!keepsRequest) return { refusal: "method" };
  location.username = "";
  location.password = "";
  location.hash = "";
  return { url: location.href };
}
