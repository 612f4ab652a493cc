/** What stands between an agent and its peers in the end-to-end tests of the network. */
import { type Certificate } from "./net_certificates.ts";
import { type Peer, type RawServer, startServer } from "./net_servers.ts";

/** Host name that only a proxy of the tests can resolve: whatever gets there has taken the proxy. */
export const BEHIND = "target.invalid";
/** Reaches the listeners of 127.0.0.1 and is no loopback address by the rules, so proxies of the environment apply to it. */
export const HERE = "0.0.0.0";

export interface PipeOptions {
  /** Speaks TLS to whoever comes. */
  readonly tls?: Certificate;
  /** Ends connections on which nothing has moved for this long. */
  readonly cutAfterMs?: number;
}

export interface Pipe extends AsyncDisposable {
  readonly port: number;
  /** Connections so far. */
  readonly accepted: number;
  /** Connections ended for being quiet. */
  readonly cut: number;
}

/** Passes every connection on to a port of this machine. */
export function startPipe(port: number, { tls, cutAfterMs = Infinity }: PipeOptions = {}): Pipe {
  let cut = 0;
  const server: RawServer = startServer(async (peer: Peer) => {
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port });
    upstream.setNoDelay(true);
    const both = [peer.conn, upstream];
    const end = () => both.forEach(closeConn);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const moved = () => {
      clearTimeout(timer);
      if (cutAfterMs === Infinity) return;
      timer = setTimeout(() => {
        cut++;
        end();
      }, cutAfterMs);
    };
    moved();
    await Promise.allSettled([
      copy(peer.conn, upstream, moved).finally(end),
      copy(upstream, peer.conn, moved).finally(end),
    ]);
    clearTimeout(timer);
  }, tls);
  return {
    port: server.port,
    get accepted() {
      return server.accepted;
    },
    get cut() {
      return cut;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function copy(from: Deno.Conn, to: Deno.Conn, moved: () => void): Promise<void> {
  const memory = new Uint8Array(64 * 1024);
  for (let count = await from.read(memory); count !== null; count = await from.read(memory)) {
    moved();
    for (let written = 0; written < count;) written += await to.write(memory.subarray(written, count));
  }
}

function closeConn(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** A server that takes connections and requests and never answers. */
export function startSilent(): RawServer {
  return startServer(async (peer) => void await peer.end());
}

/** A relay or target behind a Unix socket. */
export async function startSocketPipe(
  path: string,
  port: number,
): Promise<AsyncDisposable & { readonly accepted: number }> {
  const listener = Deno.listen({ transport: "unix", path });
  const running = new Set<Promise<void>>();
  const open = new Set<Deno.Conn>();
  let accepted = 0;
  const serve = async (conn: Deno.Conn) => {
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port });
    const both = [conn, upstream];
    both.forEach((each) => open.add(each));
    const end = () => both.forEach(closeConn);
    await Promise.allSettled([
      copy(conn, upstream, () => {}).finally(end),
      copy(upstream, conn, () => {}).finally(end),
    ]);
    both.forEach((each) => open.delete(each));
  };
  const accepting = (async () => {
    for await (const conn of listener) {
      accepted++;
      const served = serve(conn).finally(() => running.delete(served));
      running.add(served);
    }
  })();
  await Promise.resolve();
  return {
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      open.forEach(closeConn);
      await Promise.all(running);
    },
  };
}
