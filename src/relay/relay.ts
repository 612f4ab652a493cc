import type { Log } from "../ops/mod.ts";
import { HostGuard, isLoopbackName } from "./host_guard.ts";
import type { HttpServerOptions } from "./http1/http_server.ts";
import { type ListenAddress, type Listener, type ListenTarget, startListener } from "./listener.ts";
import { type RelayOptions, RelayOptionsError } from "./options.ts";
import { RelayCore } from "./relay_core.ts";
import type { RelayCounts } from "./relay_counts.ts";
import { RelayError } from "./relay_error.ts";
import { relayRoutes } from "./routes.ts";

/** A running relay. */
export interface Relay {
  /**
   * Opens a listener; a relay may have several, which all serve the same routes.
   * @param access `keyless` lets other machines call tunnels without a connector key; somebody has asked for that
   * @throws {RelayOptionsError} beyond loopback when a tunnel has no connector key
   * @throws {SocketPathError} when something exists at the Unix path
   */
  listen(target: ListenTarget, access?: "guarded" | "keyless"): Promise<ListenAddress>;
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
  const dispatch = relayRoutes(core);
  const guard = new HostGuard(allowedNames(core));
  const listeners: Listener[] = [];
  let stopped: Promise<void> | undefined;

  function handlerFor(target: ListenTarget, access: "guarded" | "keyless"): HttpServerOptions["handle"] {
    // No page can make a browser speak to a Unix socket.
    if ("path" in target) return (request) => dispatch(request, true);
    const name = target.hostname.includes(":") ? `[${target.hostname}]` : target.hostname;
    if (isLoopbackName(name)) {
      return (request) => {
        const refusal = guard.check(request);
        return refusal ? core.replies.error(refusal) : dispatch(request, true);
      };
    }
    if (access === "keyless") return (request) => dispatch(request, false);
    if (core.management?.connectorKeys.length === 0) {
      throw new RelayOptionsError(
        "tunnels that are created would have no connector key, so the relay may not listen on " +
          `${target.hostname}, which other machines can reach; give it a connector key or listen on 127.0.0.1`,
      );
    }
    const bare = [...core.tunnels.values()].find(({ connectorKeys }) => connectorKeys.length === 0);
    if (bare === undefined) return (request) => dispatch(request, false);
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
    listen: async (target, access = "guarded") => {
      if (core.stopped) throw new Error("the relay has been stopped");
      const listener = await startListener(target, {
        handle: handlerFor(target, access),
        refuse: ({ message, status }) =>
          core.replies.error(new RelayError("malformed_request", message, { status })),
        onError: (error) => core.log.error("relay connection failed", { error: String(error) }),
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
