/** An HTTP/1.1 server on a bare socket: it keeps headers as they came, and it misbehaves on demand. */

export type RawHeaders = readonly (readonly [name: string, value: string])[];

/** One request as it stood on the wire. */
export interface RawRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** In wire order, spelled as received, duplicates included. */
  readonly headers: RawHeaders;
  readonly body: Uint8Array;
  readonly bodyText: string;
  /** Instant of the monotonic clock. */
  readonly at: number;
  /** Connections are numbered from 0. */
  readonly connection: number;
  /** Resolves when the peer hangs up before the reply was complete. */
  readonly hungUp: Promise<void>;
}

/** What is sent back. */
export interface RawReply {
  readonly status: number;
  readonly headers?: RawHeaders;
  readonly body?: string | Uint8Array;
  /** The body is sent only after this. */
  readonly bodyAfter?: Promise<unknown>;
  /** `drop` closes the connection without a word, `cut` in the middle of the body, `close` after the reply. */
  readonly fault?: "drop" | "cut" | "close";
}

export type RawHandler = (request: RawRequest) => RawReply | Promise<RawReply>;

/** All values of a header in wire order. */
export function valuesOf(request: { readonly headers: RawHeaders }, name: string): string[] {
  const lower = name.toLowerCase();
  return request.headers.filter(([field]) => field.toLowerCase() === lower).map(([, value]) => value);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class RawHttpServer {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #serving = new Set<Promise<void>>();
  readonly #closing = Promise.withResolvers<undefined>();
  readonly #accepting: Promise<void>;
  #count = 0;

  constructor(private readonly handler: RawHandler) {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Connections that were ever made. */
  get connectionCount(): number {
    return this.#count;
  }

  async close(): Promise<void> {
    this.#closing.resolve(undefined);
    this.#listener.close();
    for (const connection of this.#connections) quietly(() => connection.close());
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for (;;) {
      let connection: Deno.TcpConn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
        throw error;
      }
      const serving = this.#serve(connection, this.#count++);
      this.#serving.add(serving);
      serving.then(() => this.#serving.delete(serving));
    }
  }

  async #serve(connection: Deno.TcpConn, number: number): Promise<void> {
    connection.setNoDelay(true);
    this.#connections.add(connection);
    const incoming = new Incoming(connection);
    for (;;) {
      const request = await readRequest(incoming, number);
      if (request === undefined) break;
      const reply = await Promise.race([this.handler(request), this.#closing.promise]);
      if (reply === undefined || !await this.#write(connection, request, reply)) break;
    }
    quietly(() => connection.close());
    await incoming.ended;
    this.#connections.delete(connection);
  }

  /** @returns false when the connection cannot be used any more */
  async #write(connection: Deno.Conn, request: RawRequest, reply: RawReply): Promise<boolean> {
    if (reply.fault === "drop") return false;
    const body = typeof reply.body === "string" ? encoder.encode(reply.body) : reply.body ?? new Uint8Array();
    const lines = [`HTTP/1.1 ${reply.status} ${reply.status === 200 ? "OK" : "Scripted"}`];
    for (const [name, value] of reply.headers ?? []) lines.push(`${name}: ${value}`);
    const hasBody = reply.status !== 204 && reply.status !== 304 && request.method !== "HEAD";
    const hasLength = valuesOf({ headers: reply.headers ?? [] }, "Content-Length").length > 0;
    if (hasBody && !hasLength) {
      lines.push(`Content-Length: ${body.length + (reply.fault === "cut" ? 10 : 0)}`);
    }
    if (reply.fault === "close") lines.push("Connection: close");
    const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
    try {
      if (reply.bodyAfter) {
        await writeAll(connection, head);
        const gone = request.hungUp.then(() => undefined);
        if (await Promise.race([reply.bodyAfter.then(() => true), gone, this.#closing.promise]) !== true) {
          return false;
        }
        if (hasBody) await writeAll(connection, body);
      } else {
        await writeAll(connection, hasBody ? joined([head, body]) : head);
      }
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
    return reply.fault === undefined;
  }
}

/** What arrives on a connection; it is read all the time, so that a hang-up is noticed at once. */
class Incoming {
  readonly ended: Promise<void>;
  #chunks: Uint8Array[] = [];
  #length = 0;
  #over = false;
  #wake: () => void = () => {};

  constructor(private readonly connection: Deno.Conn) {
    this.ended = this.#pump();
  }

  /** The next request head, or undefined when the peer has hung up. */
  async head(): Promise<string | undefined> {
    for (;;) {
      const all = this.#merged();
      const end = indexOfBlankLine(all);
      if (end >= 0) return decoder.decode(this.#take(end + 4));
      if (this.#over) return undefined;
      await this.#more();
    }
  }

  async bytes(length: number): Promise<Uint8Array | undefined> {
    while (this.#length < length) {
      if (this.#over) return undefined;
      await this.#more();
    }
    return this.#take(length);
  }

  async #pump(): Promise<void> {
    for (;;) {
      const chunk = new Uint8Array(65_536);
      let read: number | null;
      try {
        read = await this.connection.read(chunk);
      } catch (error) {
        if (!isGone(error)) throw error;
        read = null;
      }
      if (read === null) break;
      this.#chunks.push(chunk.subarray(0, read));
      this.#length += read;
      this.#wake();
    }
    this.#over = true;
    this.#wake();
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  #merged(): Uint8Array {
    const all = joined(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(length: number): Uint8Array {
    const all = this.#merged();
    this.#chunks = [all.subarray(length)];
    this.#length -= length;
    return all.subarray(0, length);
  }
}

async function readRequest(incoming: Incoming, connection: number): Promise<RawRequest | undefined> {
  const head = await incoming.head();
  if (head === undefined) return undefined;
  const at = performance.now();
  const [requestLine = "", ...lines] = head.trimEnd().split("\r\n");
  const [method = "", target = ""] = requestLine.split(" ");
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  if (valuesOf({ headers }, "transfer-encoding").length > 0) {
    throw new Error("requests of the agent have a length");
  }
  const length = Number(valuesOf({ headers }, "content-length")[0] ?? 0);
  const body = await incoming.bytes(length);
  if (body === undefined) return undefined;
  return {
    method,
    target,
    headers,
    body,
    bodyText: decoder.decode(body),
    at,
    connection,
    hungUp: incoming.ended,
  };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1 && chunks[0]) return chunks[0];
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function indexOfBlankLine(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.NotConnected;
}

function quietly(close: () => void): void {
  try {
    close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
