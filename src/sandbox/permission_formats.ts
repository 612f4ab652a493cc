/** The sets of rights in the words of a service manager: directives of a hardened systemd unit. */
import { parseListenAddress, type RunConfig } from "../config/mod.ts";
import type { ProcessPermissions } from "./process_permissions.ts";

/** What the directives need besides the set. */
export interface UnitFacts {
  /** Addresses of each host name, as they are now; empty for one that could not be resolved. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Addresses of the name servers that the machine uses. */
  readonly nameServers: readonly string[];
  /** When the names were resolved, for the comment. */
  readonly resolvedAt: Date;
  /** The executable, if it is a binary of ours; undefined when the program is run from source. */
  readonly binary: string | undefined;
}

/** A host of a set without its port, as a name or an address without brackets; undefined for one that is no single host. */
export function hostOf(peer: string): string | undefined {
  if (peer.includes("*")) return undefined;
  const bracketed = /^\[([^\]]+)\]/.exec(peer)?.[1];
  return bracketed ?? peer.replace(/:\d+$/, "");
}

/** Whether a host is written as an address. */
export function isAddress(host: string): boolean {
  return host.includes(":") || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
}

/**
 * Writes a drop-in for the `[Service]` section that lets the process do what the set says and little else.
 * @param config the set was derived from
 */
export function systemdDirectives(config: RunConfig, set: ProcessPermissions, facts: UnitFacts): string {
  return [
    "# Written by: tunnel-client permissions --format systemd",
    "[Service]",
    ...addresses(config, set, facts),
    ...sockets(config, set),
    ...files(set),
    ...programs(set, facts),
    "",
  ].join("\n");
}

function addresses(config: RunConfig, set: ProcessPermissions, facts: UnitFacts): string[] {
  const lines: string[] = [];
  if (set.net.some((peer) => peer.includes("*"))) {
    return [
      "# sandbox.learn lets the agent reach hosts that are not known yet, so addresses cannot be limited here.",
    ];
  }
  const allow = (address: string) => {
    const line = `IPAddressAllow=${address}`;
    if (!lines.includes(line)) lines.push(line);
  };
  lines.push(
    "# systemd knows addresses, not names, and not ports. The addresses behind a name change: write this file anew from",
    "# time to time, or list the provider's published ranges. The agent's own sandbox holds names and ports either way.",
    "IPAddressDeny=any",
  );
  const listening = listenerHost(config);
  const own = new Set(listening === undefined ? [] : [listening]);
  const hosts = [...new Set(set.net.flatMap((peer) => hostOf(peer) ?? []))].filter((host) =>
    host !== "0.0.0.0" && host !== "::"
  );
  const names = hosts.filter((host) => !isAddress(host));
  if (listening === "0.0.0.0") {
    lines.push(
      "# The listener takes requests from other machines: add those that may ask, e.g. IPAddressAllow=10.0.0.0/8",
    );
  }
  if ([...hosts, ...own].some(isLoopback) || listening === "0.0.0.0") allow("localhost");
  if (names.length > 0) {
    lines.push("# Name servers");
    for (const server of facts.nameServers) allow(isLoopback(server) ? "localhost" : server);
  }
  for (const host of hosts) {
    if (isLoopback(host) || own.has(host)) continue;
    const found = isAddress(host) ? [host] : facts.addresses.get(host) ?? [];
    const when = facts.resolvedAt.toISOString().replace(/\.\d+Z$/, "Z");
    if (!isAddress(host)) {
      lines.push(
        found.length > 0
          ? `# ${host}, resolved ${when}`
          : `# ${host} could not be resolved ${when}: add its addresses`,
      );
    }
    for (const address of found) allow(address);
  }
  for (const host of own) if (!isLoopback(host) && host !== "0.0.0.0") allow(host);
  return lines;
}

function sockets({ health }: RunConfig, set: ProcessPermissions): string[] {
  const lines = ["SocketBindDeny=any"];
  if (health.unixSocket === "" && health.listenAddr !== "") {
    const { port } = parseListenAddress(health.listenAddr);
    if (port === 0) lines.push("# The system chooses the listener's port.");
    lines.push(port === 0 ? "SocketBindAllow=tcp" : `SocketBindAllow=tcp:${port}`);
  }
  const hasNames = set.net.some((peer) => peer.includes("*") || !isAddress(hostOf(peer) ?? ""));
  // The runtime wakes itself through AF_UNIX; the C library asks AF_NETLINK which addresses this machine has.
  lines.push(`RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6${hasNames ? " AF_NETLINK" : ""}`);
  return lines;
}

function files(set: ProcessPermissions): string[] {
  const lines = ["ProtectSystem=strict"];
  const paths = [...set.read, ...set.run];
  lines.push(paths.some(isHome) || set.write.some(isHome) ? "ProtectHome=tmpfs" : "ProtectHome=yes");
  const folders = unique(set.write.map(folderOf));
  const isWithinWritable = (path: string) => folders.some((folder) => path.startsWith(`${folder}/`));
  for (const path of unique(paths.filter((path) => !set.write.includes(path)))) {
    // Whatever else there is can be read, and nothing of it be written, where ProtectSystem is strict.
    if (isHome(path)) lines.push(`BindReadOnlyPaths=-${escaped(path)}`);
    else if (isWithinWritable(path)) lines.push(`ReadOnlyPaths=-${escaped(path)}`);
  }
  // Files come and go, and are replaced by way of a sibling: what is writable is their directory.
  for (const folder of folders) {
    lines.push(`${isHome(folder) ? "BindPaths" : "ReadWritePaths"}=-${escaped(folder)}`);
  }
  return lines;
}

function programs(set: ProcessPermissions, { binary }: UnitFacts): string[] {
  if (set.run.length > 0) {
    return ["# No NoExecPaths=: which interpreters and libraries the stdio servers load is not known here."];
  }
  if (binary === undefined) return [];
  return ["NoExecPaths=/", `ExecPaths=${escaped(binary)} -/lib -/lib64 -/usr/lib -/usr/lib64`];
}

function listenerHost({ health }: RunConfig): string | undefined {
  if (health.unixSocket !== "" || health.listenAddr === "") return undefined;
  const { hostname } = parseListenAddress(health.listenAddr);
  return hostname === "" || hostname === "::" ? "0.0.0.0" : hostname;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function isHome(path: string): boolean {
  return /^\/(?:home|root|run\/user)(?:\/|$)/.test(path);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 1));
}

/** As a unit file wants it: `%` begins a specifier, and a blank ends a word. */
function escaped(path: string): string {
  const text = path.replaceAll("%", "%%");
  return /[\s"'\\]/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text;
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)].sort();
}
