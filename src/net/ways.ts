/**
 * The main thread's way into this room: it decides which way requests take, for rights and for display, and never goes
 * one. Loads neither clients nor TLS.
 */
export { environmentProxy, resolveProxy, targetAddress } from "./proxy.ts";
export type { ClientCertificate, EnvironmentProxy, Route, RouteTls } from "./route.ts";
export { waited } from "./waited.ts";
