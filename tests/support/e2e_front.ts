/** A gateway before a relay: it notes every request, and may meddle with some. */

export interface FrontOptions {
  /** Where requests go to. */
  readonly upstream: string;
  readonly port?: number;
  /** A reply of its own instead of the relay's. */
  readonly meddle?: (request: Request) => Response | undefined;
  /** Header of replies that is withheld. */
  readonly without?: string;
}

/** Headers that belong to one hop (RFC 9110 §7.6.1), or that `fetch` makes itself. */
const HOP = ["connection", "host", "content-length", "transfer-encoding", "keep-alive"];

export class Front implements AsyncDisposable {
  /** Method and path of every request. */
  readonly requests: string[] = [];
  /** May be exchanged at any time. */
  upstream: string;
  readonly #closing = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor({ upstream, port = 0, meddle, without }: FrontOptions) {
    this.upstream = upstream;
    const { signal } = this.#closing;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, signal, onListen: () => {} },
      async (request) => {
        const { pathname, search } = new URL(request.url);
        this.requests.push(`${request.method} ${pathname}`);
        const own = meddle?.(request);
        if (own !== undefined) return own;
        const body = request.method === "POST" ? await request.arrayBuffer() : null;
        const headers = new Headers(request.headers);
        for (const name of HOP) headers.delete(name);
        try {
          const reply = await fetch(this.upstream + pathname + search, {
            method: request.method,
            headers,
            body,
            signal: AbortSignal.any([request.signal, signal]),
          });
          const kept = new Headers(reply.headers);
          for (const name of HOP) kept.delete(name);
          if (without !== undefined) kept.delete(without);
          const text = reply.status === 204 ? null : await reply.arrayBuffer();
          return new Response(text, { status: reply.status, headers: kept });
        } catch (error) {
          if (request.signal.aborted || signal.aborted || error instanceof TypeError) {
            return new Response("the relay is not there\n", { status: 502 });
          }
          throw error;
        }
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#server.finished;
  }
}
