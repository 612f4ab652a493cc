/** Peers for tests of the net room: raw servers that answer, misbehave or keep silent, byte by byte as a test says. */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import type { HttpResponse } from "../../src/net/mod.ts";
import type { Certificate } from "./net_certificates.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface ReceivedRequest {
  /** Request line and header lines. */
  readonly lines: readonly string[];
  readonly body: Uint8Array;
  /** Number of the connection, from 1. */
  readonly connection: number;
}

/** The server's end of one connection. */
export class Peer {
  #unread = new Uint8Array();

  constructor(readonly conn: Deno.Conn, readonly number: number) {}

  /** Reads one request with its body; undefined when the client has closed. */
  async request(): Promise<ReceivedRequest | undefined> {
    let headEnd = -1;
    while ((headEnd = indexOfHeadEnd(this.#unread)) < 0) {
      if (!await this.#readMore()) return undefined;
    }
    const lines = decoder.decode(this.#unread.subarray(0, headEnd - 4)).split("\r\n");
    this.#unread = this.#unread.slice(headEnd);
    const length = lines.map((line) => /^content-length: ([0-9]+)$/i.exec(line)?.[1]).find((value) => value);
    const body = await this.bytes(Number(length ?? 0));
    return { lines, body, connection: this.number };
  }

  /** Reads exactly this many bytes. */
  async bytes(count: number): Promise<Uint8Array> {
    while (this.#unread.length < count) assert.ok(await this.#readMore(), "client closed within a request");
    const taken = this.#unread.slice(0, count);
    this.#unread = this.#unread.slice(count);
    return taken;
  }

  /** Reads until the client has closed the connection; returns how many bytes came. */
  async end(): Promise<number> {
    let count = 0;
    while (await this.#readMore()) {
      count += this.#unread.length;
      this.#unread = new Uint8Array();
    }
    return count;
  }

  async send(...parts: (string | Uint8Array)[]): Promise<void> {
    for (const part of parts) {
      const bytes = typeof part === "string" ? encoder.encode(part) : part;
      for (let sent = 0; sent < bytes.length;) sent += await this.conn.write(bytes.subarray(sent));
    }
  }

  /** Answers 200 with a body of known length. */
  ok(body: string | Uint8Array, ...fields: string[]): Promise<void> {
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    const lines = [`HTTP/1.1 200 OK`, ...fields, `Content-Length: ${bytes.length}`, "", ""];
    return this.send(lines.join("\r\n"), bytes);
  }

  async #readMore(): Promise<boolean> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await this.conn.read(buffer);
    if (count === null) return false;
    const joined = new Uint8Array(this.#unread.length + count);
    joined.set(this.#unread);
    joined.set(buffer.subarray(0, count), this.#unread.length);
    this.#unread = joined;
    return true;
  }
}

export interface RawServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port` or `https://localhost:port`. */
  readonly origin: string;
  /** Connections so far, and those that neither side has closed. */
  readonly accepted: number;
  readonly open: number;
  /** Resolves as soon as exactly this many connections are open. */
  whenOpen(count: number): Promise<void>;
}

/** Starts a server that runs `serve` for each connection and closes it when that returns. */
export function startServer(serve: (peer: Peer) => Promise<unknown>, tls?: Certificate): RawServer {
  const listener = tls === undefined
    ? Deno.listen({ hostname: "127.0.0.1", port: 0 })
    : Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: tls.cert, key: tls.key });
  const { port } = listener.addr as Deno.NetAddr;
  const peers = new Set<Peer>();
  const running = new Set<Promise<void>>();
  const waiting = new Set<() => void>();
  let accepted = 0;
  const changed = () => waiting.forEach((check) => check());
  const serveOne = async (peer: Peer) => {
    try {
      await serve(peer);
    } catch (error) {
      if (!isSocketError(error)) throw error;
    } finally {
      peers.delete(peer);
      closeConn(peer.conn);
      changed();
    }
  };
  const accepting = (async () => {
    for await (const conn of listener) {
      // Otherwise a second small write waits for the other side's acknowledgement, 40 ms.
      if ("setNoDelay" in conn) conn.setNoDelay(true);
      const peer = new Peer(conn, ++accepted);
      peers.add(peer);
      changed();
      const served = serveOne(peer).finally(() => running.delete(served));
      running.add(served);
    }
  })();
  return {
    port,
    origin: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    get accepted() {
      return accepted;
    },
    get open() {
      return peers.size;
    },
    whenOpen: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (peers.size !== count) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const peer of peers) closeConn(peer.conn);
      await Promise.all(running);
    },
  };
}

/** Serves request after request on each connection. */
export function startAnswering(
  answer: (peer: Peer, request: ReceivedRequest) => Promise<void>,
  tls?: Certificate,
): RawServer {
  return startServer(async (peer) => {
    for (let request = await peer.request(); request !== undefined; request = await peer.request()) {
      await answer(peer, request);
    }
  }, tls);
}

/** A server that resets the connection (RST, not FIN) where `reset` says so. */
export async function startResetting(
  reset: (socket: Socket) => void,
): Promise<{ origin: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    reset(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A port of 127.0.0.1 on which nobody listens. */
export function unusedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/** Values of a response's header field, in order. */
export function valuesOf(response: HttpResponse, name: string): string[] {
  return response.headers.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value);
}

/** A signal that knows who listens to it. */
export function watchedSignal(): {
  signal: AbortSignal;
  listeners: ReadonlySet<unknown>;
  added: () => number;
} {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  let added = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    added++;
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  return { signal, listeners, added: () => added };
}

/** The chunked form of some data. */
export function chunk(data: string): string {
  return `${encoder.encode(data).length.toString(16)}\r\n${data}\r\n`;
}

function indexOfHeadEnd(bytes: Uint8Array): number {
  for (let index = 3; index < bytes.length; index++) {
    if (bytes[index] === 10 && bytes[index - 1] === 13 && bytes[index - 2] === 10) return index + 1;
  }
  return -1;
}

function closeConn(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

function isSocketError(error: unknown): boolean {
  const { BadResource, BrokenPipe, ConnectionReset, Interrupted, InvalidData, UnexpectedEof } = Deno.errors;
  const kinds = [BadResource, BrokenPipe, ConnectionReset, Interrupted, InvalidData, UnexpectedEof];
  return kinds.some((kind) => error instanceof kind);
}
