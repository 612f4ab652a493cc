/** A control plane of which a test decides every answer, and that remembers every request. */

/** One request as it arrived. */
export interface Arrival {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

export type Answer = Response | ((arrival: Arrival) => Response | Promise<Response>);

export class AdminService implements AsyncDisposable {
  readonly arrivals: Arrival[] = [];
  readonly #answers: Answer[];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  readonly #scheme: "http" | "https";
  #disposed = false;

  /**
   * @param answers given in order; the last one again and again
   * @param tls makes it speak TLS
   */
  constructor(answers: readonly Answer[], tls?: { readonly cert: string; readonly key: string }) {
    this.#answers = [...answers];
    this.#scheme = tls === undefined ? "http" : "https";
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls };
    this.#server = Deno.serve(options, async (request) => {
      const { pathname, search } = new URL(request.url);
      const arrival = {
        method: request.method,
        target: pathname + search,
        headers: request.headers,
        body: await request.text(),
      };
      this.arrivals.push(arrival);
      const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
      if (answer === undefined) return new Response(null, { status: 500 });
      return answer instanceof Response ? answer.clone() : await answer(arrival);
    });
  }

  get origin(): string {
    return `${this.#scheme}://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#server.shutdown();
  }
}

/** A JSON reply. */
export function reply(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
