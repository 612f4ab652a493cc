/**
 * net: how does a request leave? In: one {@link HttpRequest}. Out: one {@link HttpResponse}, or a
 * {@link NetError} that says which step failed.
 *
 * Two clients with one face: {@link createFetchClient} for the control plane, {@link createTargetClient} for MCP
 * targets. How the latter's connections come about is a {@link Dial}.
 */
export { BodyTooLargeError } from "./http.ts";
export type { HeaderPairs, HttpBody, HttpClient, HttpRequest, HttpResponse } from "./http.ts";
export { NetError } from "./net_error.ts";
export type { NetErrorKind } from "./net_error.ts";
export { createFetchClient } from "./fetch_client.ts";
export type { FetchClientOptions } from "./fetch_client.ts";
export { createTargetClient } from "./target_client.ts";
export type { TargetClientOptions } from "./target_client.ts";
export type { Dial, Endpoint, Wire } from "./dial.ts";
export { originOf } from "./origin.ts";
