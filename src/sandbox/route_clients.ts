/** The clients of one agent: one per peer, each with its own connections, proxies and certificates (CH-7). */
import { createRouteClient, DIRECT_ROUTE, type HttpClient, type RouteClient } from "../net/mod.ts";
import type { Routes } from "./routes.ts";

/** Makes the clients and renews their certificates. */
export class RouteClients {
  #routes: Routes;
  readonly #controlPlane: RouteClient;
  readonly #channels = new Map<string, RouteClient>();

  constructor(routes: Routes) {
    this.#routes = routes;
    this.#controlPlane = createRouteClient(routes.controlPlane);
  }

  get routes(): Routes {
    return this.#routes;
  }

  get controlPlane(): HttpClient {
    return this.#controlPlane;
  }

  /** The client of a channel over HTTP. */
  channel(name: string): HttpClient {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const client = createRouteClient(this.#routes.channels[name] ?? DIRECT_ROUTE);
    this.#channels.set(name, client);
    return client;
  }

  /** New connections trust and show what these routes say; nothing else about a route changes. */
  renew(routes: Routes): void {
    this.#routes = routes;
    this.#controlPlane.replaceTls(routes.controlPlane.tls);
    for (const [name, client] of this.#channels) client.replaceTls(routes.channels[name]?.tls ?? {});
  }
}
