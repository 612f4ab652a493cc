/** How the agent's requests leave, per peer: the configuration's words turned into the network's. Plain data. */
import type { CertificatePaths, HttpBinding, ProxyChoice, RunConfig } from "../config/mod.ts";
import { type ClientCertificate, type EnvironmentProxy, environmentProxy, type Route } from "../net/ways.ts";

/** PEM texts of one certificate and its key. */
export interface CertificateText {
  readonly certPem: string;
  /** Secret. */
  readonly keyPem: string;
}

/** What the files of the configuration hold; read on the main thread, for the agent can read none. */
export interface TlsTexts {
  /** PEM of roots trusted besides those of the process. */
  readonly caPem: string | undefined;
  /** By path of the certificate file. */
  readonly certificates: Readonly<Record<string, CertificateText>>;
}

export const NO_TLS_TEXTS: TlsTexts = { caPem: undefined, certificates: {} };

/** The routes of one agent. */
export interface Routes {
  readonly controlPlane: Route;
  /** By channel, for bindings over HTTP. */
  readonly channels: Readonly<Record<string, Route>>;
}

/**
 * Works out every route.
 * @param texts contents of the certificate files that the configuration names
 */
export function routesOf(config: RunConfig, texts: TlsTexts): Routes {
  const environment = environmentOf(config);
  const proxyOf = (choice: ProxyChoice) =>
    choice.kind === "explicit" ? { kind: "explicit" as const, url: choice.url } : environment;
  const route = (choice: ProxyChoice, origin: string, paths: CertificatePaths | undefined): Route => ({
    proxy: proxyOf(choice),
    tls: {
      ...(texts.caPem === undefined ? {} : { caPem: texts.caPem }),
      ...certificateOf(texts, origin, paths),
    },
  });
  const { baseUrl, proxy, clientCertificate, unixSocket: controlSocket } = config.controlPlane;
  const channels: Record<string, Route> = {};
  for (const binding of httpBindings(config)) {
    const { channel, url, unixSocket } = binding;
    channels[channel] = {
      ...route(binding.proxy, url, binding.clientCertificate),
      ...(unixSocket === undefined ? {} : { unixSocket }),
    };
  }
  return {
    controlPlane: {
      ...route(proxy, baseUrl, clientCertificate),
      ...(controlSocket === undefined ? {} : { unixSocket: controlSocket }),
    },
    channels,
  };
}

/** Paths of the certificates that are in use, each pair once. */
export function certificatePathsOf(config: RunConfig): CertificatePaths[] {
  const pairs = [config.controlPlane, ...httpBindings(config)].map(({ clientCertificate }) =>
    clientCertificate
  );
  const byPath = new Map<string, CertificatePaths>();
  for (const pair of pairs) if (pair !== undefined) byPath.set(pair.certPath, pair);
  return [...byPath.values()];
}

function httpBindings({ mcp }: RunConfig): HttpBinding[] {
  return mcp.bindings.filter((binding) => binding.transport === "http-streamable");
}

function certificateOf(
  texts: TlsTexts,
  origin: string,
  paths: CertificatePaths | undefined,
): { readonly clientCertificate?: ClientCertificate } {
  const pair = paths === undefined ? undefined : texts.certificates[paths.certPath];
  return pair === undefined ? {} : { clientCertificate: { ...pair, origin } };
}

function environmentOf({ environmentProxies }: RunConfig): EnvironmentProxy {
  const { httpProxy, httpsProxy, noProxy, isCgi } = environmentProxies;
  const variables: Record<string, string> = isCgi ? { REQUEST_METHOD: "set" } : {};
  for (const found of [httpProxy, httpsProxy, noProxy]) {
    if (found !== undefined) variables[found.variable] = found.value;
  }
  return environmentProxy(variables);
}
