/** What the agent thread may touch, derived from the finished configuration and from nothing else. */
import type { Binding, RunConfig } from "../config/mod.ts";

/** The agent thread's whole set of rights; what is not listed is refused by the runtime. */
export interface PermissionSet {
  /** `host:port` of every peer, sorted, without duplicates. */
  readonly net: readonly string[];
  /** Absolute paths of the programs it may start, sorted, without duplicates. */
  readonly run: readonly string[];
}

/**
 * Derives the set.
 * @param programs absolute paths of the stdio children's executables and of the program that ends process groups
 */
export function derivePermissions(config: RunConfig, programs: readonly string[]): PermissionSet {
  const net = new Set([hostAndPort(config.controlPlane.baseUrl)]);
  for (const binding of activeBindings(config)) {
    if (binding.transport === "http-streamable") net.add(hostAndPort(binding.url));
  }
  return { net: [...net].sort(), run: [...new Set(programs)].sort() };
}

/** The bindings that are served: all of them, or those of the poll-channel allowlist (CH-9). */
export function activeBindings(config: RunConfig): readonly Binding[] {
  const { pollChannels } = config.controlPlane;
  const { bindings } = config.mcp;
  return pollChannels === undefined
    ? bindings
    : bindings.filter(({ channel }) => pollChannels.includes(channel));
}

/** The set in the form that a Worker takes. */
export function workerPermissions(set: PermissionSet): Deno.PermissionOptionsObject {
  return {
    net: set.net.length > 0 ? [...set.net] : false,
    run: set.run.length > 0 ? [...set.run] : false,
    env: false,
    read: false,
    write: false,
    sys: false,
    ffi: false,
    import: false,
  };
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

function hostAndPort(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (DEFAULT_PORTS[protocol] ?? "443")}`;
}
