/** A tunnel through an HTTP proxy: `CONNECT` (RFC 9110 §9.3.6). */
import type { Wire } from "./dial.ts";
import { NetError } from "./net_error.ts";
import type { Proxy } from "./proxy.ts";
import { proxyMisunderstood, proxyRefuses, proxyWantsCredentials } from "./proxy_failure.ts";
import { HeadEnd, parseResponseHead } from "./response_head.ts";

const MAX_HEAD_BYTES = 16 * 1024;

/** How a proxy is called in errors. */
export const proxyPeer = (proxy: Proxy): string => `proxy ${proxy.shown}`;

/**
 * Asks the proxy at the other end of the wire for a tunnel. Sends only `Host`, `User-Agent` and the proxy's own
 * credentials (PX-8).
 * @param address `host:port` of the target
 * @throws {NetError} when it refuses; the wire is of no more use then
 */
export async function openTunnel(
  wire: Wire,
  address: string,
  options: { readonly proxy: Proxy; readonly userAgent: string },
): Promise<void> {
  const { proxy } = options;
  const status = await askForTunnel(wire, address, options);
  if (status >= 200 && status <= 299) return;
  const peer = proxyPeer(proxy);
  if (status === 407) {
    throw proxyWantsCredentials({ peer, authorization: proxy.authorization }, { requestWritten: false });
  }
  throw proxyRefuses(peer, status);
}

/** Sends `CONNECT` and reads the status of the answer. @throws {NetError} when there is none that can be read */
async function askForTunnel(
  wire: Wire,
  address: string,
  { proxy, userAgent }: { readonly proxy: Proxy; readonly userAgent: string },
): Promise<number> {
  const credentials = proxy.authorization === undefined
    ? ""
    : `Proxy-Authorization: ${proxy.authorization}\r\n`;
  const head =
    `CONNECT ${address} HTTP/1.1\r\nHost: ${address}\r\nUser-Agent: ${userAgent}\r\n${credentials}\r\n`;
  await writeAll(wire, new TextEncoder().encode(head));
  const peer = proxyPeer(proxy);
  const buffer = new Uint8Array(MAX_HEAD_BYTES);
  const headEnd = new HeadEnd();
  let length = 0;
  for (;;) {
    const count = await wire.read(buffer.subarray(length));
    if (count === null) {
      throw new NetError("eof", "proxy closed the connection", false, { reason: "proxy-refused", peer });
    }
    const end = headEnd.find(buffer, length, length + count);
    length += count;
    if (end >= 0) return statusOf(buffer.subarray(0, length), end, peer);
    if (length === buffer.length) throw proxyMisunderstood(peer, "the head is too large");
  }
}

function statusOf(bytes: Uint8Array, headEnd: number, peer: string): number {
  let status: number;
  try {
    status = parseResponseHead(new TextDecoder().decode(bytes.subarray(0, headEnd))).status;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw proxyMisunderstood(peer, "it is not HTTP");
  }
  // A target that speaks TLS waits for the client: bytes behind the head are the proxy's.
  if (status >= 200 && status <= 299 && bytes.length > headEnd) {
    throw proxyMisunderstood(peer, "bytes behind the head");
  }
  return status;
}

/** Writes all of it. */
export async function writeAll(wire: Wire, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await wire.write(bytes.subarray(written));
}
