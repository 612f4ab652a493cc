/** What the agent thread may touch, derived from the finished configuration and from nothing else. */
import type { Binding, RunConfig } from "../config/mod.ts";
import { resolveProxy, type Route, targetAddress } from "../net/ways.ts";
import { NO_TLS_TEXTS, routesOf } from "./routes.ts";

/** The agent thread's whole set of rights; what is not listed is refused by the runtime. */
export interface PermissionSet {
  /** `host:port` of every peer that is dialled, sorted, without duplicates: the proxy where there is one. */
  readonly net: readonly string[];
  /** Absolute paths of the Unix sockets that are dialled, sorted, without duplicates. */
  readonly sockets: readonly string[];
  /** Absolute paths of the programs it may start, sorted, without duplicates. */
  readonly run: readonly string[];
}

/**
 * Derives the set.
 * @param programs absolute paths of the stdio children's executables and of the program that ends process groups
 * @param learned origins that were named at run time and are allowed by policy
 */
export function derivePermissions(
  config: RunConfig,
  programs: readonly string[],
  learned: readonly string[] = [],
): PermissionSet {
  const net = new Set<string>();
  const sockets = new Set<string>();
  const { controlPlane, channels } = routesOf(config, NO_TLS_TEXTS);
  const add = (route: Route | undefined, url: string) => {
    if (route === undefined) return;
    const decision = resolveProxy(route, url);
    if (decision.kind === "direct") net.add(targetAddress(url));
    else if (decision.kind === "unix") sockets.add(decision.path);
    else if (decision.kind === "proxy") net.add(hostAndPort(decision.proxy));
  };
  add(controlPlane, config.controlPlane.baseUrl);
  for (const binding of activeBindings(config)) {
    if (binding.transport !== "http-streamable") continue;
    const route = channels[binding.channel];
    add(route, binding.url);
    // Metadata is searched for the main channel only, by the way that its own requests take.
    if (binding.channel === "main") {
      for (const origin of [...config.mcp.oauthTrustedOrigins, ...learned]) add(route, origin);
    }
  }
  return { net: [...net].sort(), sockets: [...sockets].sort(), run: [...new Set(programs)].sort() };
}

/** The bindings that are served: all of them, or those of the poll-channel allowlist (CH-9). */
export function activeBindings(config: RunConfig): readonly Binding[] {
  const { pollChannels } = config.controlPlane;
  const { bindings } = config.mcp;
  return pollChannels === undefined
    ? bindings
    : bindings.filter(({ channel }) => pollChannels.includes(channel));
}

/**
 * The set in the form that a Worker takes.
 * @param denoVersion that of the runtime; before 2.9 it knows no network rights for sockets and throws on them
 */
export function workerPermissions(
  set: PermissionSet,
  denoVersion: string = Deno.version.deno,
): Deno.PermissionOptionsObject {
  const net = [
    ...set.net,
    ...(knowsSocketRights(denoVersion) ? set.sockets.map((path) => `unix:${path}`) : []),
  ];
  const sockets = set.sockets.length > 0 ? [...set.sockets] : false;
  return {
    net: net.length > 0 ? net : false,
    run: set.run.length > 0 ? [...set.run] : false,
    env: false,
    read: sockets,
    write: sockets,
    sys: false,
    ffi: false,
    import: false,
  };
}

/** Whether `unix:/path` is a network right of this runtime. */
export function knowsSocketRights(denoVersion: string): boolean {
  const [major = 0, minor = 0] = denoVersion.split(".").map(Number);
  return major > 2 || minor >= 9;
}

function hostAndPort({ hostname, port }: { readonly hostname: string; readonly port: number }): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
