/** The client for everything that may not, or not only, go straight to its target. */
import type { Dial } from "./dial.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "./http.ts";
import { NetError } from "./net_error.ts";
import { resolveProxy } from "./proxy.ts";
import { parseRequestTarget, type RequestTarget } from "./request_target.ts";
import type { Route, RouteTls } from "./route.ts";
import { RouteDialer } from "./route_dial.ts";
import { TargetClient, type TargetClientOptions, USER_AGENT } from "./target_client.ts";
import { proxyPeer } from "./tunnel.ts";

const CONNECT_MS = 30_000;
const HANDSHAKE_MS = 10_000;
/** A TCP connection to the proxy, its TLS, its answer, the target's TLS, and two more looks at a certificate. */
const MOST_HANDSHAKES = 8;

/** A client whose certificates and roots can be replaced while it lives. */
export interface RouteClient extends HttpClient {
  /**
   * New connections use this material from now on, idle ones are closed, and what runs ends on its old connection.
   * Does nothing when the material is the same.
   */
  replaceTls(tls: RouteTls): void;
}

/**
 * Makes the client of a route. It speaks HTTP/1.1 over connections of its own, as `createTargetClient` does, and
 * reaches the target as {@link resolveProxy} says. A proxied target is neither resolved nor dialled here. Proxy
 * credentials never reach a target, a client certificate reaches nobody but its origin, and a refusal of a proxy
 * (407 also where the proxy passes requests on) is a {@link NetError}, never a status (PX-8).
 * Close it when it is no longer used: idle connections keep the process alive.
 */
export function createRouteClient(
  route: Route,
  options: Omit<TargetClientOptions, "connectTimeoutMs"> = {},
): RouteClient {
  return new RoutedClient(route, options);
}

class RoutedClient implements RouteClient {
  readonly #client: TargetClient;
  readonly #options: { readonly connectMs: number; readonly handshakeMs: number; readonly userAgent: string };
  #route: Route;
  #dialer: RouteDialer;

  constructor(route: Route, options: Omit<TargetClientOptions, "connectTimeoutMs">) {
    const { connectMs = CONNECT_MS, handshakeMs = HANDSHAKE_MS } = route.timeouts ?? {};
    this.#route = route;
    this.#options = { connectMs, handshakeMs, userAgent: options.userAgent ?? USER_AGENT };
    this.#dialer = this.#newDialer();
    const connectTimeoutMs = 3 * connectMs + MOST_HANDSHAKES * handshakeMs;
    this.#client = new TargetClient({ ...options, connectTimeoutMs }, NO_DIAL, (url) => this.#targetOf(url));
  }

  request(request: HttpRequest): Promise<HttpResponse> {
    return this.#client.request(request);
  }

  close(): void {
    this.#client.close();
  }

  replaceTls(tls: RouteTls): void {
    if (sameTls(this.#route.tls, tls)) return;
    this.#route = { ...this.#route, tls };
    this.#dialer = this.#newDialer();
    this.#client.renewConnections();
  }

  #newDialer(): RouteDialer {
    return new RouteDialer({ ...this.#options, caPem: this.#route.tls.caPem });
  }

  #targetOf(text: string): RequestTarget {
    const target = parseRequestTarget(text);
    const url = new URL(text);
    const decision = resolveProxy(this.#route, url);
    const { clientCertificate } = this.#route.tls;
    const isItsOrigin = clientCertificate !== undefined &&
      URL.parse(clientCertificate.origin)?.origin === url.origin;
    const certificate = isItsOrigin ? clientCertificate : undefined;
    switch (decision.kind) {
      case "direct":
        return { ...target, dial: this.#dialer.direct(certificate) };
      case "unix":
        return { ...target, dial: this.#dialer.unix(decision.path, certificate) };
      case "refused":
        throw new NetError("dial", decision.reason, false);
      case "proxy": {
        const { proxy } = decision;
        const forwards = !target.endpoint.secure && !proxy.scheme.startsWith("socks");
        if (!forwards) return { ...target, dial: this.#dialer.through(proxy, certificate) };
        return {
          ...target,
          key: `forward ${proxy.shown}`,
          path: `${url.origin}${target.path}`,
          forwardProxy: { peer: proxyPeer(proxy), authorization: proxy.authorization },
          dial: this.#dialer.forward(proxy),
        };
      }
    }
  }
}

/** Every target of a route brings a dial of its own. */
const NO_DIAL: Dial = () => Promise.reject(new NetError("dial", "no way to the target", false));

function sameTls(one: RouteTls, other: RouteTls): boolean {
  const [a, b] = [one.clientCertificate, other.clientCertificate];
  return one.caPem === other.caPem && a?.certPem === b?.certPem && a?.keyPem === b?.keyPem &&
    a?.origin === b?.origin;
}
