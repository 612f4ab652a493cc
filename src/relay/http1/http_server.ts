import { Connection, type ConnectionHost, type ConnectionLimits, DEFAULT_LIMITS } from "./connection.ts";
import type { HttpError } from "./http_error.ts";
import type { HttpReply } from "./http_reply.ts";
import type { HttpRequest } from "./http_request.ts";

export interface HttpServerOptions {
  /** Answers a request; must not throw. */
  readonly handle: (request: HttpRequest) => HttpReply | Promise<HttpReply>;
  /** Reply to what is no proper request. */
  readonly refuse: (error: HttpError) => HttpReply;
  /** How long connections may stand still; each has its default. */
  readonly limits?: Partial<ConnectionLimits>;
  /** Told of a failure to accept connections, and of defects. */
  readonly onError: (error: unknown) => void;
}

/** How often clocks are looked at, at most; also their resolution, in ms. */
const TICK_MS = 1_000;
/** Pause when the system has no more connections to give, in ms. */
const ACCEPT_PAUSE_MS = 50;
/** Connections at once; further ones are closed unheard. */
const MAX_CONNECTIONS = 16_384;

/**
 * A server for HTTP/1.0 and HTTP/1.1 over plain connections.
 *
 * The relay has one of its own because it must know three things that the runtime's servers do not tell reliably: that
 * a caller has hung up, that a reply could not be written, and which header fields came more than once
 * (docs/relay-protocol.md, "Why the relay has its own HTTP server").
 */
export class HttpServer {
  readonly #listener: Deno.Listener;
  readonly #options: HttpServerOptions;
  readonly #host: ConnectionHost & { date: string; now: number };
  readonly #connections = new Set<Connection>();
  readonly #accepting: Promise<void>;
  readonly #ticker: ReturnType<typeof setInterval>;
  #stopped = false;

  constructor(listener: Deno.Listener, options: HttpServerOptions) {
    this.#listener = listener;
    this.#options = options;
    const { handle, refuse } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#host = { handle, refuse, limits, date: new Date().toUTCString(), now: performance.now() };
    this.#ticker = setInterval(() => this.#tick(), Math.min(TICK_MS, ...Object.values(limits)));
    this.#accepting = this.#accept();
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#connections.size;
  }

  /** Closes the listener and every connection at once (P-157). Idempotent. */
  async stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      clearInterval(this.#ticker);
      this.#listener.close();
      for (const connection of this.#connections) connection.close();
    }
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#take(await this.#listener.accept());
      } catch (error) {
        if (this.#stopped) return;
        this.#options.onError(error);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #take(conn: Deno.Conn): void {
    if (this.#connections.size >= MAX_CONNECTIONS) return conn.close();
    if ("setNoDelay" in conn && typeof conn.setNoDelay === "function") conn.setNoDelay(true);
    const connection = new Connection(conn, this.#host);
    this.#connections.add(connection);
    connection.serve().catch(this.#options.onError).finally(() => this.#connections.delete(connection));
  }

  #tick(): void {
    this.#host.now = performance.now();
    this.#host.date = new Date().toUTCString();
    for (const connection of this.#connections) {
      if (connection.expiresAt <= this.#host.now) connection.close();
    }
  }
}
