/** The client for MCP targets: HTTP/1.1 over connections of its own. */
import { Connection, eventLoopTurn } from "./connection.ts";
import { ConnectionPool } from "./connection_pool.ts";
import { codingsOf, DecodedBody, headersOfDecoded } from "./content_coding.ts";
import { type Dial, dialDirect, dialWithin, peerOf } from "./dial.ts";
import { CloseFraming, framingOf } from "./framing.ts";
import type { HttpBody, HttpClient, HttpRequest, HttpResponse } from "./http.ts";
import { NetError } from "./net_error.ts";
import { proxyWantsCredentials } from "./proxy_failure.ts";
import { beginRequestHead } from "./request_head.ts";
import { type RequestTarget, RequestTargets } from "./request_target.ts";
import type { ResponseHead } from "./response_head.ts";
import { type ExchangeEnd, ResponseBody } from "./response_body.ts";
import { CLIENT_NAME, VERSION } from "../version.ts";

/** What can be set about a target client. */
export interface TargetClientOptions {
  /** How long connecting may take, TLS included, in ms. @default 30000 (HT-8) */
  readonly connectTimeoutMs?: number;
  /** How long an idle connection is kept, in ms. @default 90000 (HT-8) */
  readonly idleTimeoutMs?: number;
  /** How many idle connections are kept, over all origins. @default 100 (HT-8) */
  readonly maxIdleConnections?: number;
  /** `User-Agent` of requests that bring none (HT-4). @default this program's name and version */
  readonly userAgent?: string;
}

/** `User-Agent` of what brings none. */
export const USER_AGENT = `${CLIENT_NAME}/${VERSION}`;

const DEFAULTS: Required<TargetClientOptions> = {
  connectTimeoutMs: 30_000,
  idleTimeoutMs: 90_000,
  maxIdleConnections: 100,
  userAgent: USER_AGENT,
};

/** After this long without use, the news that a peer has closed the connection is waited for before it is used. */
const STALE_AFTER_MS = 1000;
/** How many cancelled bodies may be read to their ends at once. */
const MAX_DRAINS = 64;

const EMPTY_BODY: HttpBody = {
  bytes: () => Promise.resolve(new Uint8Array()),
  text: () => Promise.resolve(""),
  async *chunks() {},
  cancel() {},
};

/**
 * Makes the client for MCP targets. Repeated header fields stay apart in both directions, `Host` and framing fields
 * are always its own (HT-5), compressed answers are decoded (HT-6), any port goes, and there is no time limit but the
 * request's signal once the connection stands (HT-8). A request is repeated on another connection only when no byte
 * of it had left. Close it when it is no longer used: idle connections keep the process alive.
 * @param dial how connections come about
 */
export function createTargetClient(options: TargetClientOptions = {}, dial: Dial = dialDirect): HttpClient {
  return new TargetClient(options, dial);
}

/** The client itself; `createTargetClient` and `createRouteClient` make it. */
export class TargetClient implements HttpClient, ExchangeEnd {
  readonly #options: Required<TargetClientOptions>;
  readonly #dial: Dial;
  readonly #targets: RequestTargets;
  readonly #pool: ConnectionPool;
  readonly #draining = new Set<Connection>();
  /** Goes up when older connections must not be used again. */
  #generation = 0;

  /** @param parse works out what a request needs to know of its URL */
  constructor(options: TargetClientOptions, dial: Dial, parse?: (url: string) => RequestTarget) {
    this.#options = { ...DEFAULTS, ...options };
    this.#dial = dial;
    this.#targets = new RequestTargets(parse);
    this.#pool = new ConnectionPool(this.#options);
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const { signal } = request;
    signal?.throwIfAborted();
    const target = this.#targets.of(request.url);
    const head = beginRequestHead(request, target, this.#options.userAgent);
    for (;;) {
      const idle = this.#pool.take(target.key);
      if (idle !== undefined && performance.now() - idle.idleSinceMs > STALE_AFTER_MS) {
        await eventLoopTurn();
        if (idle.closed) continue;
      }
      const connection = idle ?? await this.#connect(target, signal);
      try {
        const response = await connection.exchange(request, head);
        if (response.status === 407 && target.forwardProxy !== undefined) {
          connection.detach();
          connection.close();
          throw proxyWantsCredentials(target.forwardProxy, { requestWritten: true });
        }
        return this.#responseOf(response, request, connection, target);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        if (idle === undefined || error.requestWritten) {
          throw error.at(target.forwardProxy?.peer ?? peerOf(target.endpoint));
        }
      }
    }
  }

  /** New requests open connections of their own; what runs, ends on its old one. */
  renewConnections(): void {
    this.#generation++;
    this.#targets.clear();
    this.#pool.clear();
  }

  close(): void {
    this.#pool.close();
    for (const connection of this.#draining) connection.close();
  }

  over(connection: Connection, reusable: boolean): void {
    if (!connection.finish()) return;
    if (reusable && connection.generation === this.#generation) this.#pool.put(connection);
    else connection.close();
  }

  beginDrain(connection: Connection): boolean {
    if (this.#draining.size >= MAX_DRAINS) return false;
    this.#draining.add(connection);
    return true;
  }

  endDrain(connection: Connection): void {
    this.#draining.delete(connection);
  }

  async #connect(target: RequestTarget, signal: AbortSignal | undefined): Promise<Connection> {
    const { endpoint, key, dial = this.#dial } = target;
    const generation = this.#generation;
    const wire = await dialWithin(this.#options.connectTimeoutMs, endpoint, signal, dial);
    const connection = new Connection(wire, { key, secure: endpoint.secure });
    connection.generation = generation;
    return connection;
  }

  #responseOf(
    head: ResponseHead,
    request: HttpRequest,
    connection: Connection,
    target: RequestTarget,
  ): HttpResponse {
    connection.keepAliveMs = head.keepAliveMs;
    const { status, headers } = head;
    const framing = framingOf(head, request.method);
    // Some proxies (tinyproxy) pass on a target's answer as it is and close then, without having said so.
    const keepsAlive = target.forwardProxy === undefined
      ? head.keepAlive
      : head.keepAlive && head.saysKeepAlive;
    const reusable = keepsAlive && !(framing instanceof CloseFraming);
    if (framing.ended) {
      this.over(connection, reusable);
      return { status, headers, body: EMPTY_BODY };
    }
    const body = new ResponseBody(connection, framing, { reusable, end: this });
    if (head.contentEncoding === "") return { status, headers, body };
    const codings = codingsOf(head.contentEncoding);
    if (codings === undefined) return { status, headers, body };
    return { status, headers: headersOfDecoded(headers), body: new DecodedBody(body, codings) };
  }
}
