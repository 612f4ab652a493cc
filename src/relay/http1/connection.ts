import { Buffer } from "node:buffer";
import { HttpError, isConnectionError, PeerGoneError } from "./http_error.ts";
import type { HttpReply } from "./http_reply.ts";
import { HttpRequest } from "./http_request.ts";
import { type ReplyContext, type ReplySink, writeReply } from "./reply_writer.ts";
import { RequestBody } from "./request_body.ts";
import { parseRequestHead, type RequestHead } from "./request_head.ts";
import { SocketReader } from "./socket_reader.ts";

/** What a connection needs of the server it belongs to. */
export interface ConnectionHost {
  /** Answers a request; must not throw. */
  handle(request: HttpRequest): HttpReply | Promise<HttpReply>;
  /** Reply to what is no proper request. */
  refuse(error: HttpError): HttpReply;
  /** Date for reply heads. */
  readonly date: string;
  /** Monotonic clock in ms, as of a moment ago. */
  readonly now: number;
  readonly limits: ConnectionLimits;
}

/** How long a connection may stand still, in ms. */
export interface ConnectionLimits {
  /** From the first byte of a request head to its end (P-157). */
  readonly headMs: number;
  /** Between two requests; longer than the pools of usual clients keep theirs. */
  readonly idleMs: number;
  /** Without a byte moving while a body is sent or a reply read. */
  readonly stallMs: number;
  /** How long a refused sender is listened to, so that it finds the reply instead of a reset. */
  readonly lingerMs: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  headMs: 5_000,
  idleMs: 120_000,
  stallMs: 60_000,
  lingerMs: 5_000,
};

/** Longest head, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;
/** An unread body up to this is read over to keep the connection, in bytes. */
const MAX_SKIPPED_BYTES = 256 * 1024;
const CR = 0x0d;
const LF = 0x0a;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");

/** One connection: requests one after the other, each answered before the next is looked at (RFC 9112 §9.3.2). */
export class Connection {
  /** When the server gives it up, on its monotonic clock; Infinity while a handler works. */
  expiresAt: number;
  readonly #conn: Deno.Conn;
  readonly #host: ConnectionHost;
  readonly #limits: ConnectionLimits;
  readonly #reader: SocketReader;
  readonly #sink: ReplySink;
  #current: HttpRequest | undefined;

  constructor(conn: Deno.Conn, host: ConnectionHost) {
    this.#conn = conn;
    this.#host = host;
    this.#limits = host.limits;
    this.#reader = new SocketReader(conn);
    this.#sink = {
      write: (bytes) => this.#writeAll(bytes),
      pause: () => {
        this.expiresAt = Infinity;
      },
    };
    this.expiresAt = host.now + this.#limits.headMs;
  }

  /** Serves until one side ends it. Never rejects for what the peer does. */
  async serve(): Promise<void> {
    try {
      while (await this.#serveNext()) { /* the next request */ }
    } catch (error) {
      if (!(error instanceof PeerGoneError) && !isConnectionError(error)) throw error;
    } finally {
      this.close();
    }
  }

  /** Ends it at once; a request under way learns that its caller is gone. */
  close(): void {
    this.expiresAt = Infinity;
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    this.#current?.hangUp();
  }

  /** @returns whether the connection may carry another request */
  async #serveNext(): Promise<boolean> {
    let head: RequestHead | undefined;
    try {
      head = await this.#readHead();
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      await this.#write(this.#host.refuse(error), { isHead: false, isOld: false, keepAlive: false });
      await this.#linger();
      return false;
    }
    if (head === undefined) return false;
    const body = new RequestBody(this.#reader, head.framing, () => this.#allow(this.#limits.stallMs));
    this.#allow(this.#limits.stallMs);
    const request = new HttpRequest(head, body, {
      sendContinue: () => this.#writeAll(CONTINUE),
      watch: () => this.#watch(request),
    });
    this.#current = request;
    if (body.isRead) this.#watch(request);
    const reply = await this.#host.handle(request);
    this.#allow(this.#limits.stallMs);
    // Who waits for 100 Continue may never send the body.
    const mayRead = body.isRead || (body.unreadBytes <= MAX_SKIPPED_BYTES && !head.expectsContinue);
    const keepAlive = head.keepAlive && mayRead;
    try {
      await this.#write(reply, { isHead: head.method === "HEAD", isOld: head.isOld, keepAlive });
    } catch (error) {
      request.hangUp();
      throw error;
    } finally {
      this.#current = undefined;
    }
    if (!body.isRead) {
      if (!keepAlive) await this.#linger();
      else await body.bytes(MAX_SKIPPED_BYTES);
    }
    return keepAlive;
  }

  async #readHead(): Promise<RequestHead | undefined> {
    const reader = this.#reader;
    // Between requests there is no hurry; the first byte of a head starts its clock.
    this.#allow(reader.buffered.length === 0 ? this.#limits.idleMs : this.#limits.headMs);
    let scanned = 0;
    for (;;) {
      if (scanned === 0) reader.skip(leadingLineEnds(reader.buffered));
      const { buffered } = reader;
      // What has been searched before is not searched again.
      const found = headEnd(buffered, Math.max(0, scanned - 3));
      if ((found === -1 ? buffered.length : found) > MAX_HEAD_BYTES) {
        throw new HttpError(431, "The request head is too long.");
      }
      if (found !== -1) {
        const head = latin1(buffered.subarray(0, found));
        reader.skip(found + 4);
        return parseRequestHead(head);
      }
      const isFirst = buffered.length === 0;
      scanned = buffered.length;
      if (!await reader.more()) return undefined;
      if (isFirst) this.#allow(this.#limits.headMs);
    }
  }

  /** Reads on behind the request: what comes belongs to the next one, and the end means that the caller is gone. */
  #watch(request: HttpRequest): void {
    this.expiresAt = Infinity;
    const hangUp = () => {
      if (this.#current === request) request.hangUp();
    };
    // What a read throws beyond the peer's end reaches the loop, which awaits the same read for the next request.
    this.#reader.more().then((alive) => {
      if (!alive) hangUp();
    }, hangUp);
  }

  async #write(reply: HttpReply, how: Omit<ReplyContext, "date">): Promise<void> {
    let written = false;
    try {
      if (this.#current?.hungUp) throw new PeerGoneError();
      await writeReply(reply, { ...how, date: this.#host.date }, this.#sink);
      written = this.#current?.hungUp !== true;
    } finally {
      reply.onEnd?.(written);
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    this.#allow(this.#limits.stallMs);
    let at = await this.#conn.write(bytes);
    while (at < bytes.length) {
      this.#allow(this.#limits.stallMs);
      at += await this.#conn.write(bytes.subarray(at));
    }
  }

  /**
   * Ends the own side and reads over what still comes. Closing with unread bytes would make the system reset the
   * connection, and the peer would lose the reply (RFC 9112 §9.6).
   */
  async #linger(): Promise<void> {
    this.#allow(this.#limits.lingerMs);
    const expiresAt = this.expiresAt;
    if ("closeWrite" in this.#conn) await this.#conn.closeWrite();
    do {
      this.#reader.skip(this.#reader.buffered.length);
      this.expiresAt = expiresAt;
    } while (await this.#reader.more());
  }

  #allow(ms: number): void {
    this.expiresAt = this.#host.now + ms;
  }
}

/** Position of the empty line that ends a head, -1 when it has not come. */
function headEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(CR, from); at !== -1; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
  }
  return -1;
}

/** One character per byte. */
function latin1(bytes: Uint8Array): string {
  try {
    const text = decoder.decode(bytes);
    // Valid UTF-8 with as many characters as bytes is ASCII, which nearly every head is.
    if (text.length === bytes.length) return text;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** Empty lines before a request line are read over (RFC 9112 §2.2). */
function leadingLineEnds(bytes: Uint8Array): number {
  let at = 0;
  while (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
  return at;
}
