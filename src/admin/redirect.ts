import type { HttpResponse } from "../net/mod.ts";

/** Where a call goes on, or why it must not. */
export type Redirect = { readonly url: string } | { readonly refused: string };

/** These let a POST or DELETE be repeated as it was (RFC 9110 §15.4.8, §15.4.9). */
const KEEPS_METHOD = new Set([307, 308]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * What a redirect means for a call that carries a key: it is followed within the origin only, and only where the method
 * stays what it is.
 * @returns undefined when the response is no redirect
 */
export function redirectTarget(method: string, url: string, response: HttpResponse): Redirect | undefined {
  if (!REDIRECTS.has(response.status)) return undefined;
  const location = response.headers.find(([name]) => name.toLowerCase() === "location")?.[1];
  if (location === undefined) return undefined;
  const target = URL.parse(location, url);
  if (target === null) return { refused: "redirects to something that is no URL" };
  if (target.origin !== new URL(url).origin) {
    return {
      refused: `redirects to ${target.origin}, which does not get the key; if that is the control plane, ` +
        "set --control-plane.base-url",
    };
  }
  if (method !== "GET" && !KEEPS_METHOD.has(response.status)) {
    return { refused: `redirects elsewhere in a way that would not be a ${method} any more` };
  }
  return { url: target.href };
}
