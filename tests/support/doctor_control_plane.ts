/** A control plane that answers only the metadata call, as a test says. */
import type { Certificate } from "./net_certificates.ts";

export class MetadataPlane implements AsyncDisposable {
  readonly arrivals: { readonly method: string; readonly path: string; readonly headers: Headers }[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;

  /** @param answer by default the metadata of whatever tunnel is asked for */
  constructor(answer?: () => Response | Promise<Response>, tls?: Certificate) {
    this.#scheme = tls === undefined ? "http" : "https";
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => undefined };
    const handle = async (request: Request) => {
      const { method, url, headers } = request;
      this.arrivals.push({ method, path: new URL(url).pathname, headers: new Headers(headers) });
      return await (answer ?? metadata)();
    };
    this.#server = Deno.serve(tls === undefined ? options : { ...options, ...tls }, handle);
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `${this.#scheme}://localhost:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A good answer. @param headers beside its type */
export function metadata(headers: Record<string, string> = {}): Response {
  return Response.json({ id: "tunnel", name: "Wiki", description: "" }, { headers });
}

/** A refusal in the published shape. */
export function refusal(status: number, code: string, message: string): Response {
  return Response.json({ error: { code, message } }, { status });
}
