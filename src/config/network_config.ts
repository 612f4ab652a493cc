/** The parts of the finished configuration that say how requests leave. */

/** Where the two halves of a client certificate are; what is in them is for the network to judge (CFG-56). */
export interface CertificatePaths {
  readonly certPath: string;
  readonly keyPath: string;
}

/**
 * Which proxy the requests of one scope take (CFG-59). `environment`: whatever {@link EnvironmentProxies} says for the URL;
 * also stands for "none" where a Unix socket rules proxies out.
 */
export type ProxyChoice =
  | {
    readonly kind: "explicit";
    /** As configured, scheme http or https. May hold a password: show nothing but scheme, host and port. */
    readonly url: string;
    /** Where it came from, safe to show (CFG-60). */
    readonly source: string;
  }
  | { readonly kind: "environment" };

/** Value of a variable, and how its name was spelled. */
export interface EnvironmentValue {
  readonly value: string;
  readonly variable: string;
}

/** The conventional proxy variables, read once (CFG-61). Values as they are; they may hold passwords. */
export interface EnvironmentProxies {
  readonly httpProxy: EnvironmentValue | undefined;
  readonly httpsProxy: EnvironmentValue | undefined;
  readonly noProxy: EnvironmentValue | undefined;
  /** `REQUEST_METHOD` is set: then `HTTP_PROXY` may have come from a caller of a CGI script. */
  readonly isCgi: boolean;
}

export interface TlsConfig {
  /** Path of a PEM file whose certificates are trusted in addition (CFG-55); empty when not configured. */
  readonly caBundle: string;
}
