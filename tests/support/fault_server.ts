/**
 * An HTTP/1.1 server that does exactly what a test says, byte by byte: it writes half a head, stops in the middle of
 * a body, resets a connection before or after it has read a request, or refuses connections for a while.
 */
import { Buffer } from "node:buffer";
import net from "node:net";

/** One request as it stood on the wire. */
export interface FaultRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names in lower case; the last of several values. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyText: string;
}

export type Handler = (exchange: Exchange) => Promise<void>;

/** What is done with a connection before anything of it is read. */
export type Greeting = "serve" | "reset" | "ignore";

/** One request and the way back. */
export class Exchange {
  constructor(readonly request: FaultRequest, private readonly wire: Wire) {}

  /** False once either side has closed the connection. */
  get open(): boolean {
    return this.wire.open;
  }

  /** Resolves when the connection has come to its end. */
  get gone(): Promise<void> {
    return this.wire.gone;
  }

  /** @returns whether the system took all of it while the peer was still there */
  write(data: string | Uint8Array): Promise<boolean> {
    return this.wire.write(data);
  }

  /** A well-formed answer. @returns as {@link Exchange.write} */
  reply(status: number, body = "", headers: Readonly<Record<string, string>> = {}): Promise<boolean> {
    return this.write(answerText(status, body, headers));
  }

  /** Ends the connection in order, behind what was written. */
  end(): void {
    this.wire.end();
  }

  /** Ends the connection with a reset: what the peer has not read yet may be lost to it. */
  reset(): void {
    this.wire.reset();
  }

  /** Waits, at most until the connection ends. */
  async pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([promise, this.gone]);
    clearTimeout(timer);
  }
}

/** An answer as bytes on the wire. Its length is always named. */
export function answerText(
  status: number,
  body = "",
  headers: Readonly<Record<string, string>> = {},
): string {
  const length = status === 204 ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${status} Scripted\r\n${length}${fields}\r\n${body}`;
}

export class FaultServer implements AsyncDisposable {
  /** Decides over each new connection; by default all are served. */
  greet: () => Greeting = () => "serve";
  /** Connections that were ever accepted. */
  accepted = 0;
  readonly #handler: Handler;
  readonly #wires = new Set<Wire>();
  readonly #server: net.Server;
  #port = 0;
  #listening = false;
  #refusal: Promise<void> = Promise.resolve();
  /** A handler that failed is a fault of the test; thrown when the server is closed. */
  #failure: unknown;

  private constructor(handler: Handler) {
    this.#handler = handler;
    this.#server = net.createServer((socket) => this.#accept(socket));
    this.#server.on("error", (error) => this.#failure ??= error);
  }

  /** @param port 0 lets the system choose */
  static async start(handler: Handler, port = 0): Promise<FaultServer> {
    const server = new FaultServer(handler);
    await server.#listen(port);
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#wires.size;
  }

  /** From now on connections are refused; idle ones are closed, busy ones behind their answer. */
  async refuse(): Promise<void> {
    if (!this.#listening) return await this.#refusal;
    this.#listening = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#refusal = promise;
    this.#server.close(() => resolve());
    for (const wire of this.#wires) wire.retire();
    await promise;
  }

  /** Takes connections again, on the same port. */
  async accept(): Promise<void> {
    await this.#refusal;
    if (!this.#listening) await this.#listen(this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const wire of this.#wires) wire.reset();
    await this.refuse();
    await Promise.all([...this.#wires].map((wire) => wire.gone));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #listen(port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen({ port, host: "127.0.0.1", backlog: 511 }, resolve);
    await promise;
    this.#server.off("error", reject);
    this.#listening = true;
    this.#port = (this.#server.address() as net.AddressInfo).port;
  }

  #accept(socket: net.Socket): void {
    this.accepted++;
    const wire: Wire = new Wire(socket, (request) => this.#serve(request, wire));
    this.#wires.add(wire);
    wire.gone.then(() => this.#wires.delete(wire));
    const greeting = this.greet();
    if (greeting === "reset") wire.reset();
    else if (greeting === "serve") wire.read();
    else socket.pause();
  }

  async #serve(request: FaultRequest, wire: Wire): Promise<void> {
    try {
      await this.#handler(new Exchange(request, wire));
    } catch (error) {
      this.#failure ??= error;
      wire.reset();
    }
  }
}

const BLANK_LINE = Buffer.from("\r\n\r\n");

/** One connection: requests one after the other. */
class Wire {
  readonly gone: Promise<void>;
  readonly #socket: net.Socket;
  readonly #onRequest: (request: FaultRequest) => Promise<void>;
  #received: Buffer = Buffer.alloc(0);
  #busy = false;
  #retired = false;
  #open = true;

  constructor(socket: net.Socket, onRequest: (request: FaultRequest) => Promise<void>) {
    this.#socket = socket;
    this.#onRequest = onRequest;
    socket.setNoDelay(true);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    // An error is always followed by "close".
    socket.on("error", () => this.#open = false);
    // A peer that has ended its side has given up: our agents never half-close.
    socket.on("end", () => {
      this.#open = false;
      socket.destroy();
    });
    socket.on("close", () => {
      this.#open = false;
      resolve();
    });
  }

  get open(): boolean {
    return this.#open;
  }

  read(): void {
    this.#socket.on("data", (data: Buffer) => {
      this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
      this.#next();
    });
  }

  write(data: string | Uint8Array): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#socket.write(data, (error) => resolve(!error && this.#open));
    });
  }

  end(): void {
    this.#open = false;
    this.#socket.end(() => this.#socket.destroy());
  }

  reset(): void {
    this.#open = false;
    this.#socket.resetAndDestroy();
  }

  /** Ends the connection now if it is idle, else behind the answer that it owes. */
  retire(): void {
    this.#retired = true;
    if (!this.#busy && this.#open) this.end();
  }

  #next(): void {
    if (this.#busy || !this.#open) return;
    const request = this.#take();
    if (request === undefined) return;
    this.#busy = true;
    this.#onRequest(request).then(() => {
      this.#busy = false;
      if (this.#retired && this.#open) this.end();
      this.#next();
    });
  }

  #take(): FaultRequest | undefined {
    const received = this.#received;
    const headEnd = received.indexOf(BLANK_LINE);
    if (headEnd < 0) return undefined;
    const [requestLine = "", ...lines] = received.toString("latin1", 0, headEnd).split("\r\n");
    const headers = new Map(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    const bodyStart = headEnd + BLANK_LINE.length;
    const bodyEnd = bodyStart + Number(headers.get("content-length") ?? 0);
    if (received.length < bodyEnd) return undefined;
    this.#received = received.subarray(bodyEnd);
    const [method = "", target = ""] = requestLine.split(" ");
    return { method, target, headers, bodyText: received.toString("utf8", bodyStart, bodyEnd) };
  }
}
