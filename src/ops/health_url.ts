/** Where the listener listens: a name or an IP without brackets, empty for all interfaces. */
interface Place {
  readonly hostname: string;
  readonly port: number;
}

const UNSPECIFIED: ReadonlySet<string> = new Set(["", "0.0.0.0", "::"]);

/**
 * Base URL of a TCP listener: the configured host, else the bound one, else `localhost` (P-4).
 * @param configured as in the setting
 * @param bound what the system gave
 */
export function formatHealthUrl(configured: Place, bound: Place): string {
  const names = [configured.hostname, bound.hostname];
  const hostname = names.find((name) => !UNSPECIFIED.has(name)) ?? "localhost";
  return `http://${formatAddress({ hostname, port: bound.port })}`;
}

/** `host:port`, with brackets around an IPv6 host. */
export function formatAddress({ hostname, port }: Place): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** Base URL of a Unix socket: its path in unpadded base64url (P-5). */
export function formatUnixHealthUrl(path: string): string {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(path)));
  return `http+unix://${base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}
