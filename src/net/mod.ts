/**
 * net: how does a request leave? In: one {@link HttpRequest}. Out: one {@link HttpResponse}, or a
 * {@link NetError} that says which step failed.
 *
 * {@link createRouteClient} makes the client of a {@link Route}: through proxies, Unix sockets, with roots and client
 * certificates. {@link createTargetClient} goes straight to its targets; both have one face. {@link resolveProxy} is
 * the one answer to how a request leaves, for traffic and for what is shown.
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
export { checkProxy } from "./proxy_check.ts";
export type { ProxyCheck, ProxyCheckFailure, ProxyCheckReason } from "./proxy_check.ts";
export { TlsMaterialError } from "./pem.ts";
export type { ReadFile } from "./pem.ts";
export { loadCaBundle, loadClientCertificate } from "./tls_material.ts";
export type { CaBundle, ClientCertificateFiles, ExtraBundle, TrustedCertificate } from "./tls_material.ts";
export { loadSystemRoots } from "./system_roots.ts";
export type { ListFolder, SystemRoots, SystemTrust } from "./system_roots.ts";
export { waited } from "./waited.ts";
export { watchMaterial } from "./watch_material.ts";
export type { MaterialWatch } from "./watch_material.ts";
export { createTargetClient } from "./target_client.ts";
export type { TargetClientOptions } from "./target_client.ts";
export type { Dial, Endpoint, Wire } from "./dial.ts";
export { originOf } from "./origin.ts";
