/** A connection through a SOCKS 5 proxy (RFC 1928), with user and password if it asks for them (RFC 1929). */
import type { Endpoint, Wire } from "./dial.ts";
import { NetError } from "./net_error.ts";
import { nodeNet } from "./node_modules.ts";
import type { Proxy } from "./proxy.ts";
import { proxyMisunderstood, proxyRefuses } from "./proxy_failure.ts";
import { proxyPeer, writeAll } from "./tunnel.ts";

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USERNAME_PASSWORD = 2;
const CONNECT = 1;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 4, 4: 16 };
const MAX_FIELD_BYTES = 255;

/** RFC 1928 §6. */
const REPLIES: Readonly<Record<number, string>> = {
  1: "general failure",
  2: "not allowed by its rules",
  3: "network unreachable",
  4: "host unreachable",
  5: "connection refused by the target",
  6: "time to live expired",
  7: "command not supported",
  8: "address type not supported",
};

/**
 * Asks the proxy at the other end of the wire for a connection. Names are resolved by the proxy, whether it is written
 * `socks5` or `socks5h` (PX-6).
 * @throws {NetError} when it refuses; the wire is of no more use then
 */
export async function connectSocks5(
  wire: Wire,
  endpoint: Pick<Endpoint, "hostname" | "port">,
  proxy: Proxy,
): Promise<void> {
  const peer = proxyPeer(proxy);
  const hasCredentials = proxy.authorization !== undefined;
  const methods = hasCredentials ? [NO_AUTHENTICATION, USERNAME_PASSWORD] : [NO_AUTHENTICATION];
  await writeAll(wire, Uint8Array.of(VERSION, methods.length, ...methods));
  const [version, method] = await readExactly(wire, 2, peer);
  if (version !== VERSION) throw proxyMisunderstood(peer, "it does not speak SOCKS 5");
  if (method === USERNAME_PASSWORD && hasCredentials) await authenticate(wire, proxy, peer);
  else if (method !== NO_AUTHENTICATION) throw refusesCredentials(peer, hasCredentials);

  const port = [endpoint.port >> 8, endpoint.port & 0xff];
  await writeAll(wire, Uint8Array.of(VERSION, CONNECT, 0, ...addressOf(endpoint.hostname), ...port));
  const [, reply = 0, , type = 0] = await readExactly(wire, 4, peer);
  if (reply !== 0) throw proxyRefuses(peer, REPLIES[reply] ?? `reply ${reply}`);
  const addressBytes = type === 3 ? (await readExactly(wire, 1, peer))[0] : ADDRESS_BYTES[type];
  if (addressBytes === undefined) throw proxyMisunderstood(peer, "an unknown type of address");
  await readExactly(wire, addressBytes + 2, peer);
}

async function authenticate(wire: Wire, proxy: Proxy, peer: string): Promise<void> {
  const [username, password] = [field(proxy.username, peer), field(proxy.password, peer)];
  await writeAll(wire, Uint8Array.of(1, username.length, ...username, password.length, ...password));
  const [, status] = await readExactly(wire, 2, peer);
  if (status !== 0) throw refusesCredentials(peer, true);
}

function refusesCredentials(peer: string, had: boolean): NetError {
  const detail = had ? "proxy does not accept the credentials" : "proxy wants credentials";
  return new NetError("dial", detail, false, { reason: "proxy-auth", peer });
}

/** Type, then the address, or the length of a name and the name. */
function addressOf(hostname: string): number[] {
  const family = nodeNet().isIP(hostname);
  if (family === 4) return [1, ...hostname.split(".").map(Number)];
  if (family === 6) return [4, ...ipv6Bytes(hostname)];
  const name = new TextEncoder().encode(hostname);
  return [3, name.length, ...name];
}

/** @param address as in a parsed URL: no embedded IPv4 form */
function ipv6Bytes(address: string): number[] {
  const [before = "", after] = address.split("::");
  const groups = (text: string) => text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
  const [head, tail] = [groups(before), groups(after ?? "")];
  const gap = after === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<number>(gap).fill(0), ...tail].flatMap((group) => [group >> 8, group & 0xff]);
}

function field(text: string, peer: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_FIELD_BYTES) return bytes;
  throw new NetError("dial", "user or password is too long for SOCKS", false, { reason: "proxy-auth", peer });
}

/** Not a byte more than that: what follows belongs to the target. */
async function readExactly(wire: Wire, count: number, peer: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let length = 0; length < count;) {
    const read = await wire.read(bytes.subarray(length));
    if (read === null) {
      throw new NetError("eof", "proxy closed the connection", false, { reason: "proxy-refused", peer });
    }
    length += read;
  }
  return bytes;
}
