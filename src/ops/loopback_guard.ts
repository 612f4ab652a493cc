/** Who may see the page and its data: this machine only, and no web page that a browser on it has open (G-1 … G-4). */

const LOOPBACK_V4 = /^127(?:\.\d{1,3}){3}$/;

/** True for 127.0.0.0/8, `::1` and their IPv4-mapped forms (G-2). */
export function isLoopbackIp(ip: string): boolean {
  const bare = ip.toLowerCase();
  return bare === "::1" || LOOPBACK_V4.test(bare.startsWith("::ffff:") ? bare.slice(7) : bare);
}

/** True when a request came over a Unix socket or from a loopback address (H-6, G-2); forwarding headers do not count. */
export function isLoopbackPeer(peer: Deno.Addr): boolean {
  return peer.transport === "unix" || (peer.transport === "tcp" && isLoopbackIp(peer.hostname));
}

/**
 * True when a `Host` header names this machine. A page of another site that pointed its name here (DNS rebinding)
 * sends its own name. A request without the header is no browser's.
 * @param configured host of the setting; it is a name of ours as well
 */
export function isLocalHost(host: string | undefined, configured: string): boolean {
  if (host === undefined) return true;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host)?.[1];
  const name = (bracketed ?? host.replace(/:\d+$/, "")).toLowerCase().replace(/\.$/, "");
  return name === "localhost" || isLoopbackIp(name) ||
    (configured !== "" && name === configured.toLowerCase());
}
