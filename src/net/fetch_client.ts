/** The client for the control plane: `fetch`, because it brings HTTP/2. */
import { FetchAbort } from "./fetch_abort.ts";
import { FetchBody } from "./fetch_body.ts";
import { failureOfFetch } from "./fetch_failure.ts";
import type { HeaderPairs, HttpBody, HttpClient, HttpRequest, HttpResponse } from "./http.ts";

/** What can be set about a fetch client. */
export interface FetchClientOptions {
  /** How long an idle connection is kept, in ms. @default 90000 (P-31) */
  readonly idleTimeoutMs?: number;
  /** How many idle connections are kept per host. @default 100 (P-31) */
  readonly maxIdlePerHost?: number;
}

/**
 * Makes the client for the control plane. Redirects are never followed (P-32). A response resolves when its head has
 * arrived, which is its receipt (P-35). `requestWritten` follows P-132: false only while connecting.
 */
export function createFetchClient(options: FetchClientOptions = {}): HttpClient {
  return new FetchClient(options);
}

class FetchClient implements HttpClient {
  readonly #client: Deno.HttpClient;
  #closed = false;

  constructor({ idleTimeoutMs = 90_000, maxIdlePerHost = 100 }: FetchClientOptions) {
    this.#client = Deno.createHttpClient({
      poolIdleTimeout: idleTimeoutMs,
      poolMaxIdlePerHost: maxIdlePerHost,
    });
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted();
    const abort = new FetchAbort(request.signal);
    try {
      const response = await fetch(request.url, {
        client: this.#client,
        method: request.method,
        headers: request.headers.map(([name, value]): [string, string] => [name, asByteString(value)]),
        body: request.body as BodyInit | undefined,
        redirect: "manual",
        signal: abort.signal,
      });
      return new FetchResponse(response, abort);
    } catch (error) {
      abort.release();
      abort.throwIfAborted();
      throw failureOfFetch(error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.close();
  }
}

const encoder = new TextEncoder();

/** Values are text and travel as UTF-8; `fetch` takes them as bytes, one character each. */
function asByteString(value: string): string {
  if (!/[\u0080-\uffff]/.test(value)) return value;
  return Array.from(encoder.encode(value), (byte) => String.fromCharCode(byte)).join("");
}

class FetchResponse implements HttpResponse {
  readonly status: number;
  readonly body: HttpBody;
  readonly #headers: Headers;

  constructor(response: Response, abort: FetchAbort) {
    this.status = response.status;
    this.body = new FetchBody(response, abort);
    this.#headers = response.headers;
  }

  /** Made when asked for: most answers of the control plane are judged by status and body alone. */
  get headers(): HeaderPairs {
    return [...this.#headers];
  }
}
