/** Proxies that count: what they were asked, by whom, and every byte that passed in the clear. */
import type { Certificate } from "./net_certificates.ts";
import { type Peer, type RawServer, startServer } from "./net_servers.ts";

export interface ProxyOptions {
  readonly kind?: "http" | "https" | "socks5";
  /** For https. */
  readonly certificate?: Certificate;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Refuses everything with this status (or SOCKS reply). */
  readonly deny?: number;
  /** Answers nothing. */
  readonly silent?: boolean;
  /** Closes the connection in place of an answer. */
  readonly drops?: boolean;
  /** Port of 127.0.0.1 that stands for every target; the target's own port when missing. */
  readonly leadsTo?: number;
}

export interface CountingProxy extends AsyncDisposable {
  readonly port: number;
  /** Without credentials. */
  readonly url: string;
  /** Connections so far. */
  readonly accepted: number;
  /** `host:port` of each tunnel that was asked for, names as they came. */
  readonly tunnels: readonly string[];
  /** Request lines of requests in absolute form. */
  readonly forwarded: readonly string[];
  /** Header lines of all requests to the proxy itself. */
  readonly headers: readonly string[];
}

export function startProxy(options: ProxyOptions = {}): CountingProxy {
  const { kind = "http", certificate } = options;
  const tunnels: string[] = [];
  const forwarded: string[] = [];
  const headers: string[] = [];
  const serveHttp = async (peer: Peer) => {
    for (let request = await peer.request(); request !== undefined; request = await peer.request()) {
      const [requestLine = "", ...lines] = request.lines;
      const [method, url = ""] = requestLine.split(" ");
      headers.push(...lines);
      if (method === "CONNECT") tunnels.push(url);
      else forwarded.push(requestLine);
      if (options.silent) return void await peer.end();
      if (options.drops) return;
      if (!mayPass(lines, options)) {
        await peer.send("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno");
        continue;
      }
      if (options.deny !== undefined) {
        await peer.send(`HTTP/1.1 ${options.deny} No\r\nContent-Length: 2\r\n\r\nno`);
        continue;
      }
      if (method === "CONNECT") {
        const upstream = await dial(options.leadsTo ?? Number(url.split(":").at(-1)));
        if (upstream === undefined) {
          return void await peer.send("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n");
        }
        await peer.send("HTTP/1.1 200 Established\r\n\r\n");
        return await join(peer.conn, upstream);
      }
      const { port, pathname, search } = new URL(url);
      const upstream = await dial(options.leadsTo ?? Number(port || 80));
      if (upstream === undefined) return void await peer.send("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n");
      const passed = lines.filter((line) => !/^(proxy-authorization|connection):/i.test(line));
      const head = [`${method} ${pathname}${search} HTTP/1.1`, ...passed, "Connection: close", "", ""].join(
        "\r\n",
      );
      await write(upstream, new TextEncoder().encode(head));
      await write(upstream, request.body);
      // One exchange per connection: the target closes it behind its answer.
      return await copy(upstream, peer.conn).finally(() => close(upstream));
    }
  };
  const serveSocks = async (peer: Peer) => {
    const [, count = 0] = await peer.bytes(2);
    const methods = [...await peer.bytes(count)];
    const { credentials } = options;
    if (options.silent) return void await peer.end();
    const method = credentials === undefined ? 0 : methods.includes(2) ? 2 : 0xff;
    await peer.send(Uint8Array.of(5, method));
    if (method === 0xff) return;
    if (method === 2) {
      const text = async () => new TextDecoder().decode(await peer.bytes((await peer.bytes(1))[0]!));
      await peer.bytes(1);
      const fits = await text() === credentials?.username && await text() === credentials?.password;
      await peer.send(Uint8Array.of(1, fits ? 0 : 1));
      if (!fits) return;
    }
    const [, , , type] = await peer.bytes(4);
    const host = type === 3
      ? new TextDecoder().decode(await peer.bytes((await peer.bytes(1))[0]!))
      : [...await peer.bytes(type === 1 ? 4 : 16)].join(type === 1 ? "." : ",");
    const [high = 0, low = 0] = await peer.bytes(2);
    tunnels.push(`${host}:${high * 256 + low}`);
    const upstream = options.deny === undefined ? await dial(options.leadsTo ?? high * 256 + low) : undefined;
    await peer.send(
      Uint8Array.of(5, options.deny ?? (upstream === undefined ? 5 : 0), 0, 1, 0, 0, 0, 0, 0, 0),
    );
    if (upstream !== undefined) await join(peer.conn, upstream);
  };
  const server: RawServer = startServer(
    kind === "socks5" ? serveSocks : serveHttp,
    kind === "https" ? certificate : undefined,
  );
  return {
    port: server.port,
    url: `${kind}://${kind === "https" ? "localhost" : "127.0.0.1"}:${server.port}`,
    get accepted() {
      return server.accepted;
    },
    tunnels,
    forwarded,
    headers,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function mayPass(lines: readonly string[], { credentials }: ProxyOptions): boolean {
  if (credentials === undefined) return true;
  const expected = `Basic ${btoa(`${credentials.username}:${credentials.password}`)}`;
  return lines.some((line) => line.toLowerCase() === `proxy-authorization: ${expected}`.toLowerCase());
}

async function dial(port: number): Promise<Deno.Conn | undefined> {
  try {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return conn;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return undefined;
    throw error;
  }
}

/** Passes bytes both ways until one side ends. */
export async function join(one: Deno.Conn, other: Deno.Conn): Promise<void> {
  const both = [copy(one, other), copy(other, one)].map((copying) =>
    copying.finally(() => {
      close(one);
      close(other);
    })
  );
  await Promise.allSettled(both);
}

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const memory = new Uint8Array(64 * 1024);
  for (let count = await from.read(memory); count !== null; count = await from.read(memory)) {
    await write(to, memory.subarray(0, count));
  }
}

async function write(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await to.write(bytes.subarray(written));
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
