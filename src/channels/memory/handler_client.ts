import {
  BodyTooLargeError,
  type HttpBody,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
  NetError,
} from "../../net/mod.ts";

/** A fetch-style MCP server in this process. It must heed `request.signal` to be cancellable. */
export type McpHandler = (request: Request) => Promise<Response>;

/** Makes HTTP exchanges with a handler in this process; no socket is involved (IM-1). */
export class HandlerClient implements HttpClient {
  readonly #handler: McpHandler;

  constructor(handler: McpHandler) {
    this.#handler = handler;
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const { signal } = request;
    signal?.throwIfAborted();
    const cancelling = new AbortController();
    const abort = () => cancelling.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const release = () => signal?.removeEventListener("abort", abort);
    let response: Response;
    try {
      response = await this.#respond(toFetchRequest(request, cancelling.signal), cancelling.signal);
    } catch (error) {
      release();
      if (cancelling.signal.aborted) throw cancelling.signal.reason;
      throw new NetError("unknown", "the in-process MCP server failed", true, { cause: error });
    }
    const body = new HandlerBody(response.body, cancelling, release);
    return { status: response.status, headers: [...response.headers], body };
  }

  close(): void {}

  /** Settles with the abort, too: a handler may never notice it. */
  #respond(request: Request, signal: AbortSignal): Promise<Response> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#handler(request).then((response) => {
        if (signal.aborted) response.body?.cancel(signal.reason).catch(ignoreLateFailure);
        resolve(response);
      }, reject);
    });
  }
}

function toFetchRequest(request: HttpRequest, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of request.headers) headers.append(name, value);
  const body = request.body as BodyInit | undefined;
  return new Request(request.url, { method: request.method, headers, body, signal });
}

class HandlerBody implements HttpBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #cancelling: AbortController;
  readonly #release: () => void;
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array> | null, cancelling: AbortController, release: () => void) {
    this.#cancelling = cancelling;
    this.#release = release;
    if (stream === null) {
      this.#end();
      return;
    }
    this.#reader = stream.getReader();
    cancelling.signal.addEventListener("abort", () => this.#stopReading(), { once: true });
  }

  async bytes(limitBytes = Infinity): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of this.chunks()) {
      length += piece.length;
      if (length > limitBytes) throw new BodyTooLargeError(limitBytes);
      pieces.push(piece);
    }
    const [only] = pieces;
    if (only !== undefined && pieces.length === 1) return only;
    const whole = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  async text(limitBytes?: number): Promise<string> {
    return new TextDecoder().decode(await this.bytes(limitBytes));
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    try {
      while (!this.#ended) {
        const next = await this.#read();
        if (next === undefined) return;
        yield next;
      }
    } finally {
      this.cancel();
    }
  }

  cancel(): void {
    if (this.#ended) return;
    this.#end();
    this.#stopReading();
    // A handler that still works on an answer that nobody wants is told so.
    this.#cancelling.abort(new DOMException("the rest of the answer is not wanted", "AbortError"));
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { signal } = this.#cancelling;
    try {
      const next = await this.#reader?.read();
      if (signal.aborted && !this.#ended) throw signal.reason;
      if (next?.done === false) return next.value;
    } catch (error) {
      this.#end();
      if (signal.aborted) throw signal.reason;
      throw new NetError("unexpected_eof", "the in-process MCP server broke off its answer", true, {
        cause: error,
      });
    }
    this.#end();
    return undefined;
  }

  #end(): void {
    this.#ended = true;
    this.#release();
  }

  #stopReading(): void {
    this.#reader?.cancel(this.#cancelling.signal.reason).catch(ignoreLateFailure);
  }
}

/** What a stream that is being thrown away has to say about it changes nothing. */
function ignoreLateFailure(): void {}
