/**
 * net: how does a request leave? In: one {@link HttpRequest}. Out: one {@link HttpResponse}, or a
 * {@link NetError} that says which step failed.
 */
export { BodyTooLargeError } from "./http.ts";
export type { HeaderPairs, HttpBody, HttpClient, HttpRequest, HttpResponse } from "./http.ts";
export { NetError } from "./net_error.ts";
export type { NetErrorKind } from "./net_error.ts";
