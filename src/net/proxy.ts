/** Which proxy a request takes: one answer for traffic, health checks and everything that is shown (CFG-58 … CFG-63). */
import { isLoopback, parseNoProxy } from "./no_proxy.ts";
import { nodeCrypto } from "./node_modules.ts";
import type { EnvironmentProxy, ProxyVariable, Route } from "./route.ts";
import { bareHostname, basicAuthorization, percentDecoded } from "./url_parts.ts";

/** Proxies that only environment variables may name are the SOCKS ones. */
export type ProxyScheme = "http" | "https" | "socks5" | "socks5h";

/** A proxy, taken apart. */
export interface Proxy {
  readonly scheme: ProxyScheme;
  /** Name or address, an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** `scheme://host[:port]` in lower case; the only form in which a proxy is shown (CFG-63). */
  readonly shown: string;
  /** Percent-decoded; empty when there is none. Secrets. */
  readonly username: string;
  readonly password: string;
  /** Value of `Proxy-Authorization`. Secret. */
  readonly authorization: string | undefined;
}

/** What becomes of a request to one URL. */
export type ProxyDecision =
  | { readonly kind: "direct" }
  | { readonly kind: "unix"; readonly path: string }
  | {
    readonly kind: "proxy";
    readonly proxy: Proxy;
    /** The environment variable that named it; undefined for an explicit proxy. */
    readonly variable: string | undefined;
  }
  /** It must not be sent at all. */
  | { readonly kind: "refused"; readonly reason: string };

const DEFAULT_PORTS: Readonly<Record<ProxyScheme, number>> = {
  http: 80,
  https: 443,
  socks5: 1080,
  socks5h: 1080,
};

/**
 * Takes the proxy variables out of an environment: upper case before lower case, empty counts as not set, a value
 * without scheme gets `http://`, one that is no URL is ignored (CFG-61). `ALL_PROXY` is not read.
 * @param variables the environment of the process
 */
export function environmentProxy(variables: Readonly<Record<string, string | undefined>>): EnvironmentProxy {
  return {
    kind: "environment",
    httpProxy: proxyVariable(variables, "HTTP_PROXY"),
    httpsProxy: proxyVariable(variables, "HTTPS_PROXY"),
    noProxy: variables.NO_PROXY || variables.no_proxy || "",
    isCgi: (variables.REQUEST_METHOD ?? "") !== "",
  };
}

function proxyVariable(
  variables: Readonly<Record<string, string | undefined>>,
  name: string,
): ProxyVariable | undefined {
  for (const variable of [name, name.toLowerCase()]) {
    const value = variables[variable]?.trim() ?? "";
    if (value === "") continue;
    const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(value) ? value : `http://${value}`;
    return (URL.parse(url)?.hostname ?? "") === "" ? undefined : { variable, url };
  }
  return undefined;
}

/**
 * Takes a proxy URL apart.
 * @returns undefined when it is not a URL with host, or its scheme is none of those that are spoken
 */
export function parseProxy(text: string): Proxy | undefined {
  const scheme = /^(https?|socks5h?):\/\//i.exec(text)?.[1]?.toLowerCase() as ProxyScheme | undefined;
  if (scheme === undefined) return undefined;
  // As http URL, because only of such ones host names are normalised and default ports told.
  const url = URL.parse(`http${text.slice(scheme.length)}`);
  if (url === null || url.hostname === "") return undefined;
  const writtenPort = /:([0-9]+)$/.exec(text.slice(scheme.length + 3).split(/[/?#]/)[0] ?? "")?.[1];
  const port = writtenPort === undefined ? DEFAULT_PORTS[scheme] : Number(writtenPort);
  const suffix = writtenPort === undefined ? "" : `:${port}`;
  const username = percentDecoded(url.username);
  const password = percentDecoded(url.password);
  const hasUserInfo = username !== "" || password !== "";
  return {
    scheme,
    hostname: bareHostname(url),
    port,
    shown: `${scheme}://${url.hostname}${suffix}`,
    username,
    password,
    authorization: hasUserInfo ? basicAuthorization(username, password) : undefined,
  };
}

/** Id of a proxy in metrics and routes: hex SHA-256 of its shown form (CFG-63). */
export function proxyId(proxy: Pick<Proxy, "shown">): string {
  return nodeCrypto().createHash("sha256").update(proxy.shown).digest("hex");
}

/**
 * Says how a request to a URL leaves. The URL's path plays no part.
 * @param url absolute http or https URL
 */
export function resolveProxy(route: Route, url: string | URL): ProxyDecision {
  if (route.unixSocket !== undefined) return { kind: "unix", path: route.unixSocket };
  const { proxy } = route;
  if (proxy.kind === "none") return { kind: "direct" };
  if (proxy.kind === "explicit") return decision(proxy.url, undefined, "explicit");
  const target = typeof url === "string" ? URL.parse(url) : url;
  if (target === null) return { kind: "refused", reason: "target is not an absolute http or https URL" };
  const secure = target.protocol === "https:";
  const chosen = secure ? proxy.httpsProxy : proxy.httpProxy;
  if (chosen === undefined) return { kind: "direct" };
  if (!secure && proxy.isCgi) {
    return {
      kind: "refused",
      reason:
        `${chosen.variable} is not used where REQUEST_METHOD is set, because a caller could have set it`,
    };
  }
  const hostname = bareHostname(target).replace(/\.$/, "");
  const port = Number(target.port) || (secure ? 443 : 80);
  if (isLoopback(hostname) || parseNoProxy(proxy.noProxy).matches(hostname, port)) return { kind: "direct" };
  return decision(chosen.url, chosen.variable, "environment");
}

function decision(
  url: string,
  variable: string | undefined,
  kind: "explicit" | "environment",
): ProxyDecision {
  const proxy = parseProxy(url);
  const named = variable ?? "the configured proxy";
  if (proxy === undefined) return { kind: "refused", reason: `${named} is not a proxy URL that can be used` };
  if (kind === "explicit" && proxy.scheme.startsWith("socks")) {
    return { kind: "refused", reason: "the configured proxy must be an http or https URL" };
  }
  return { kind: "proxy", proxy, variable };
}

/** A route in the words of logs and the admin API (PX-9). */
export interface RouteDescription {
  /** `host:port` of the target, 443 or 80 filled in. */
  readonly target: string;
  readonly routeMode: "direct" | "proxy";
  /** `env:HTTPS_PROXY`, or what the caller said of an explicit proxy; `none` for direct routes. */
  readonly proxySource: string;
  /** Lower-case `scheme://host[:port]`; absent for direct routes. */
  readonly proxyUrl?: string;
  readonly proxyId?: string;
}

/**
 * Describes how requests to a URL really leave; same resolver as the traffic.
 * @param explicitSource label of the setting that an explicit proxy came from (CFG-60)
 */
export function describeRoute(route: Route, url: string, explicitSource: string): RouteDescription {
  const target = targetAddress(url);
  const resolved = resolveProxy(route, url);
  if (resolved.kind !== "proxy") return { target, routeMode: "direct", proxySource: "none" };
  const { proxy, variable } = resolved;
  return {
    target,
    routeMode: "proxy",
    proxySource: variable === undefined ? explicitSource : `env:${variable}`,
    proxyUrl: proxy.shown,
    proxyId: proxyId(proxy),
  };
}

/** `host:port` of a URL, with the scheme's port where none is written; empty when it is not an http or https URL. */
export function targetAddress(url: string | URL): string {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  if (parsed === null || parsed.hostname === "") return "";
  return `${parsed.hostname}:${parsed.port || (parsed.protocol === "https:" ? 443 : 80)}`;
}
