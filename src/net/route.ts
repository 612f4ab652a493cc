/** What stands between this program and the places its requests go to: plain data, which can be handed to a Worker. */

/** One of the conventional proxy variables, with what it held. */
export interface ProxyVariable {
  /** As spelled in the environment, e.g. `https_proxy`. */
  readonly variable: string;
  /** A proxy URL with scheme; `http://` has been put before a value that had none. May hold secrets. */
  readonly url: string;
}

/** The conventional proxy variables; made by `environmentProxy`. */
export interface EnvironmentProxy {
  readonly kind: "environment";
  /** For http targets and for https targets; undefined when not set. There is no fallback from one to the other. */
  readonly httpProxy: ProxyVariable | undefined;
  readonly httpsProxy: ProxyVariable | undefined;
  /** Value of `NO_PROXY`, empty when not set. */
  readonly noProxy: string;
  /** `REQUEST_METHOD` is set, so `HTTP_PROXY` may be a caller's request header (CFG-61). */
  readonly isCgi: boolean;
}

/** Which proxy a route takes. An explicit one is used for every request and knows no exceptions (CFG-59). */
export type ProxyChoice =
  | { readonly kind: "none" }
  | { readonly kind: "explicit"; readonly url: string }
  | EnvironmentProxy;

/** A client certificate, and the only origin that gets to see it (TL-6, CFG-57). */
export interface ClientCertificate {
  /** PEM: the certificate, and what leads from it to an authority. */
  readonly certPem: string;
  /** PEM, not encrypted. Secret. */
  readonly keyPem: string;
  /** URL whose origin may ask for it. */
  readonly origin: string;
}

/** What a route's TLS connections trust and show. */
export interface RouteTls {
  /** PEM of roots that are trusted besides those of the process (CFG-55). */
  readonly caPem?: string;
  readonly clientCertificate?: ClientCertificate;
}

/** Limits of the steps to a connection, in ms. */
export interface RouteTimeouts {
  /** One TCP or socket connection. @default 30000 (HT-8) */
  readonly connectMs?: number;
  /** One TLS handshake, or one answer of a proxy to a request to connect. @default 10000 (HT-8) */
  readonly handshakeMs?: number;
}

/** How the requests of one scope leave. */
export interface Route {
  readonly proxy: ProxyChoice;
  /** Every connection dials this socket, whatever the URL says, and no proxy is used (CFG-64). */
  readonly unixSocket?: string;
  readonly tls: RouteTls;
  readonly timeouts?: RouteTimeouts;
}

/** Straight there, with the roots of the process. */
export const DIRECT_ROUTE: Route = { proxy: { kind: "none" }, tls: {} };
