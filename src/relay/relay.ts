import type { Log } from "../ops/mod.ts";
import { HostGuard, isLoopbackName } from "./host_guard.ts";
import { type ListenAddress, type Listener, type ListenTarget, startListener } from "./listener.ts";
import { type RelayOptions, RelayOptionsError } from "./options.ts";
import { RelayCore } from "./relay_core.ts";
import type { RelayCounts } from "./relay_counts.ts";
import { RelayError } from "./relay_error.ts";
import { relayRoutes } from "./routes.ts";

/** A running relay. */
export interface Relay {
  /** Handles one request, as a listener on loopback would. */
  fetch(request: Request, info: Deno.ServeHandlerInfo): Response | Promise<Response>;
  /**
   * Opens a listener; a relay may have several, which all serve the same routes.
   * @throws {RelayOptionsError} beyond loopback when a tunnel has no connector key
   * @throws {SocketPathError} when something exists at the Unix path
   */
  listen(target: ListenTarget): Promise<ListenAddress>;
  /** Resolves at the first poll of a tunnel (P-164). @throws {Error} when the relay stops before, or the id is unknown */
  firstPollSeen(tunnelId: string): Promise<void>;
  /** What happened so far. @throws {Error} when the id is unknown */
  counts(tunnelId: string): RelayCounts;
  /** Ends open requests and closes all listeners at once (P-157). Idempotent. */
  stop(): Promise<void>;
}

/**
 * Makes a relay; it serves nobody before {@link Relay.listen}.
 * @throws {RelayOptionsError} for options that cannot work
 */
export function createRelay(options: RelayOptions, log: Log): Relay {
  const core = new RelayCore(options, log.with({ component: "relay" }));
  const routes = relayRoutes(core);
  const guard = new HostGuard(allowedNames(core));
  const listeners: Listener[] = [];
  let stopped: Promise<void> | undefined;

  const guarded = (request: Request, info: Deno.ServeHandlerInfo) => {
    const refusal = guard.check(request.headers);
    return refusal ? core.replies.error(refusal) : routes.fetch(request, { info, isPrivate: true });
  };
  const unixSocket = (request: Request, info: Deno.ServeHandlerInfo) =>
    routes.fetch(request, { info, isPrivate: true });
  const open = (request: Request, info: Deno.ServeHandlerInfo) =>
    routes.fetch(request, { info, isPrivate: false });

  function handlerFor(target: ListenTarget): Deno.ServeHandler {
    if ("path" in target) return unixSocket;
    const name = target.hostname.includes(":") ? `[${target.hostname}]` : target.hostname;
    if (isLoopbackName(name)) return guarded;
    const bare = [...core.tunnels.values()].find(({ connectorKeys }) => connectorKeys.length === 0);
    if (bare === undefined) return open;
    throw new RelayOptionsError(
      `tunnel ${bare.id} has no connector key, so the relay may not listen on ${target.hostname}, which other ` +
        "machines can reach; give it a connector key or listen on 127.0.0.1",
    );
  }

  function tunnelOf(tunnelId: string) {
    const tunnel = core.tunnels.get(tunnelId);
    if (tunnel === undefined) throw new Error(`the relay has no tunnel ${tunnelId}`);
    return tunnel;
  }

  return {
    fetch: guarded,
    listen: async (target) => {
      if (core.stopped) throw new Error("the relay has been stopped");
      const listener = await startListener(target, handlerFor(target), (error) => {
        core.log.error("relay request failed", {
          error: error instanceof Error ? error.message : String(error),
        });
        return core.replies.error(
          new RelayError("internal_error", "The relay failed to handle this request."),
        );
      });
      listeners.push(listener);
      const { address } = listener;
      core.log.info("relay listening", { address: address.transport === "tcp" ? address.url : address.path });
      return address;
    },
    firstPollSeen: async (tunnelId) => await tunnelOf(tunnelId).firstPollSeen,
    counts: (tunnelId) => tunnelOf(tunnelId).counts,
    stop: () =>
      stopped ??= (async () => {
        core.stop();
        await Promise.all(listeners.map((listener) => listener.stop()));
      })(),
  };
}

function allowedNames({ settings }: RelayCore): string[] {
  const { allowedHosts, publicBaseUrl } = settings;
  return publicBaseUrl === undefined ? [...allowedHosts] : [...allowedHosts, new URL(publicBaseUrl).hostname];
}
