/**
 * A scripted target: a real TCP server that reads HTTP/1.1 requests and answers with exactly the bytes a test wants,
 * right or wrong.
 */
import type { HeaderPairs } from "../../src/net/mod.ts";

export interface TargetRequest {
  readonly method: string;
  /** Request target as it stood in the request line. */
  readonly path: string;
  readonly headers: HeaderPairs;
  readonly body: string;
  /** Number of the connection it came in on, from 1. */
  readonly connection: number;
  /** All values of a header, by lower-case name. */
  values(name: string): string[];
  /** The body, parsed. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  json(): any;
}

export class TargetReply {
  /** Resolves when the peer has closed the connection, or this side has. */
  readonly closed: Promise<void>;
  readonly #connection: Deno.Conn;
  #writes: Promise<unknown> = Promise.resolve();

  constructor(connection: Deno.Conn, closed: Promise<void>) {
    this.#connection = connection;
    this.closed = closed;
  }

  /** Writes bytes as they are. */
  send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const write = this.#writes.then(() => writeAll(this.#connection, bytes));
    this.#writes = write.catch(() => {});
    return write.catch(() => {});
  }

  /** A whole response with Content-Length. */
  respond(status: number, headers: HeaderPairs, body: string | Uint8Array = ""): Promise<void> {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const framing: HeaderPairs = status === 204 ? [] : [["Content-Length", String(bytes.length)]];
    const head = new TextEncoder().encode(headText(status, [...headers, ...framing]));
    const whole = new Uint8Array(head.length + bytes.length);
    whole.set(head);
    whole.set(bytes, head.length);
    return this.send(whole);
  }

  json(status: number, value: unknown, headers: HeaderPairs = []): Promise<void> {
    const body = typeof value === "string" ? value : JSON.stringify(value);
    return this.respond(status, [["Content-Type", "application/json"], ...headers], body);
  }

  /** Head of a chunked response. */
  head(status: number, headers: HeaderPairs): Promise<void> {
    return this.send(headText(status, [...headers, ["Transfer-Encoding", "chunked"]]));
  }

  /** Head of an event stream. */
  sse(headers: HeaderPairs = []): Promise<void> {
    return this.head(200, [["Content-Type", "text/event-stream"], ...headers]);
  }

  /** One chunk of a chunked body. */
  chunk(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const size = new TextEncoder().encode(`${bytes.length.toString(16)}\r\n`);
    const whole = new Uint8Array(size.length + bytes.length + 2);
    whole.set(size);
    whole.set(bytes, size.length);
    whole.set([13, 10], size.length + bytes.length);
    return this.send(whole);
  }

  /** One message event. */
  event(value: unknown, extra = ""): Promise<void> {
    return this.chunk(`${extra}data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`);
  }

  /** Ends a chunked body. */
  end(): Promise<void> {
    return this.send("0\r\n\r\n");
  }

  /** Closes the connection after what has been sent. */
  async close(): Promise<void> {
    await this.#writes;
    closeQuietly(this.#connection);
  }
}

export type TargetHandler = (request: TargetRequest, reply: TargetReply) => Promise<void> | void;

export interface ScriptedTarget extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** `<origin>/mcp` */
  readonly url: string;
  readonly requests: TargetRequest[];
  readonly connections: number;
}

/** Starts a target on a port chosen by the system, or on the given one. */
export function startTarget(handler: TargetHandler, port = 0): ScriptedTarget {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const requests: TargetRequest[] = [];
  const open = new Set<Deno.Conn>();
  const serving = new Set<Promise<void>>();
  let connections = 0;
  let failure: unknown;
  const accepting = (async () => {
    for await (const connection of listener) {
      connection.setNoDelay(true);
      open.add(connection);
      const serve = serveConnection(connection, ++connections, requests, handler)
        .catch((error) => {
          failure ??= error;
        })
        .finally(() => {
          closeQuietly(connection);
          open.delete(connection);
          serving.delete(serve);
        });
      serving.add(serve);
    }
  })();
  const origin = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  return {
    origin,
    url: `${origin}/mcp`,
    requests,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) closeQuietly(connection);
      await accepting;
      await Promise.all(serving);
      if (failure !== undefined) throw failure;
    },
  };
}

/** A port on which nobody listens, and that the system gives to nobody who asks for any port. */
export function unusedPort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

async function serveConnection(
  connection: Deno.Conn,
  number: number,
  requests: TargetRequest[],
  handler: TargetHandler,
): Promise<void> {
  const input = new Input(connection);
  for (;;) {
    const request = await readRequest(input, number);
    if (request === undefined) return;
    requests.push(request);
    await handler(request, new TargetReply(connection, input.closed));
  }
}

/** Reads ahead all the time, so that a close of the peer is seen at once. */
class Input {
  readonly closed: Promise<void>;
  #buffered = new Uint8Array(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(connection: Deno.Conn) {
    this.closed = this.#pump(connection);
  }

  async #pump(connection: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const length = await connection.read(buffer);
        if (length === null) return;
        const grown = new Uint8Array(this.#buffered.length + length);
        grown.set(this.#buffered);
        grown.set(buffer.subarray(0, length), this.#buffered.length);
        this.#buffered = grown;
        this.#wake();
      }
    } catch {
      // reset by the peer or closed by the test: both are the end of the connection
    } finally {
      this.#ended = true;
      this.#wake();
    }
  }

  /** The first `length` bytes once they are there; undefined when the connection ends before. */
  async take(length: number): Promise<Uint8Array | undefined> {
    while (this.#buffered.length < length) {
      if (this.#ended) return undefined;
      await this.#more();
    }
    const taken = this.#buffered.slice(0, length);
    this.#buffered = this.#buffered.slice(length);
    return taken;
  }

  /** Everything up to and with the marker. */
  async takeUntil(marker: string): Promise<string | undefined> {
    for (;;) {
      const at = new TextDecoder("latin1").decode(this.#buffered).indexOf(marker);
      if (at !== -1) return new TextDecoder().decode(await this.take(at + marker.length));
      if (this.#ended) return undefined;
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

async function readRequest(input: Input, connection: number): Promise<TargetRequest | undefined> {
  const head = await input.takeUntil("\r\n\r\n");
  if (head === undefined) return undefined;
  const [requestLine = "", ...lines] = head.trimEnd().split("\r\n");
  const [method = "", path = ""] = requestLine.split(" ");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const values = (name: string) =>
    headers.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value);
  let body = "";
  if (values("transfer-encoding").length > 0) {
    for (;;) {
      const size = parseInt(await input.takeUntil("\r\n") ?? "0", 16);
      const piece = await input.take(size + 2);
      if (size === 0 || piece === undefined) break;
      body += new TextDecoder().decode(piece.subarray(0, size));
    }
  } else {
    const bytes = await input.take(Number(values("content-length")[0] ?? "0"));
    if (bytes === undefined) return undefined;
    body = new TextDecoder().decode(bytes);
  }
  return { method, path, headers, body, connection, values, json: () => JSON.parse(body) };
}

function headText(status: number, headers: HeaderPairs): string {
  return `HTTP/1.1 ${status} Some Reason\r\n${headers.map(([n, v]) => `${n}: ${v}\r\n`).join("")}\r\n`;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += await connection.write(bytes.subarray(at));
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
