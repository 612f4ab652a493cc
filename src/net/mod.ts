/**
 * net: how does a request leave? In: one {@link HttpRequest}. Out: one {@link HttpResponse}, or a
 * {@link NetError} that says which step failed.
 *
 * {@link createRouteClient} makes the client of a {@link Route}: through proxies, Unix sockets, with roots and client
 * certificates. {@link createTargetClient} goes straight to its targets, {@link createFetchClient} does so by `fetch`;
 * all have one face. {@link resolveProxy} is the one answer to how a request leaves, for traffic and for what is shown.
 */
export { BodyTooLargeError } from "./http.ts";
export type { HeaderPairs, HttpBody, HttpClient, HttpRequest, HttpResponse } from "./http.ts";
export { NetError, nextStepOf } from "./net_error.ts";
export type { NetErrorKind, NetErrorReason } from "./net_error.ts";
export { DIRECT_ROUTE } from "./route.ts";
export type {
  ClientCertificate,
  EnvironmentProxy,
  ProxyChoice,
  ProxyVariable,
  Route,
  RouteTimeouts,
  RouteTls,
} from "./route.ts";
export { createRouteClient } from "./route_client.ts";
export type { RouteClient } from "./route_client.ts";
export {
  describeRoute,
  environmentProxy,
  parseProxy,
  proxyId,
  resolveProxy,
  targetAddress,
} from "./proxy.ts";
export type { Proxy, ProxyDecision, RouteDescription } from "./proxy.ts";
export { createFetchClient } from "./fetch_client.ts";
export type { FetchClientOptions } from "./fetch_client.ts";
export { createTargetClient } from "./target_client.ts";
export type { TargetClientOptions } from "./target_client.ts";
export type { Dial, Endpoint, Wire } from "./dial.ts";
export { originOf } from "./origin.ts";
