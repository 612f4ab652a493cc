/** The clients of one agent: one per peer, each with its own connections, proxies and certificates (CH-7). */
import { createRouteClient, DIRECT_ROUTE, type HttpClient, type RouteClient } from "../net/mod.ts";
import type { Routes } from "./routes.ts";

/** Makes the clients and renews their certificates. */
export class RouteClients {
  #routes: Routes;
  readonly #controlPlane: RouteClient;
  readonly #channels: Map<string, RouteClient>;

  /** @param before clients of the same agent whose peers are still reached in the same way */
  constructor(routes: Routes, before?: RouteClients) {
    this.#routes = routes;
    this.#controlPlane = before === undefined ? createRouteClient(routes.controlPlane) : before.#controlPlane;
    const kept = before === undefined ? [] : [...before.#channels];
    this.#channels = new Map(kept.filter(([name]) => routes.channels[name] !== undefined));
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

  /** The next client of this channel is a new one; the one before belongs to whoever uses it. */
  forget(name: string): void {
    this.#channels.delete(name);
  }

  /** New connections trust and show what these routes say; nothing else about a route changes. */
  renew(routes: Routes): void {
    this.#routes = routes;
    this.#controlPlane.replaceTls(routes.controlPlane.tls);
    for (const [name, client] of this.#channels) client.replaceTls(routes.channels[name]?.tls ?? {});
  }
}
