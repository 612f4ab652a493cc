import { Buffer } from "node:buffer";
import { HttpError, isConnectionError, PeerGoneError } from "./http_error.ts";
import { type HttpReply, replyHead } from "./http_reply.ts";
import { HttpRequest } from "./http_request.ts";
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
}

/** A request head must be complete this long after its first byte (P-157), in ms. */
const HEAD_LIMIT_MS = 5_000;
/** A connection without request is closed after this, longer than the pools of usual clients keep theirs, in ms. */
const IDLE_LIMIT_MS = 120_000;
/** A sender or reader that does not move a byte for this long is given up, in ms. */
const STALL_LIMIT_MS = 60_000;
/** Longest head, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;
/** An unread body up to this is read over to keep the connection, in bytes. */
const MAX_SKIPPED_BYTES = 256 * 1024;
/** How long a refused sender is listened to, so that it finds the reply instead of a reset, in ms. */
const LINGER_MS = 5_000;
/** Bodies above this are written apart from their head, in characters. */
const JOIN_LIMIT = 64 * 1024;
const CR = 0x0d;
const LF = 0x0a;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const CONTINUE = encoder.encode("HTTP/1.1 100 Continue\r\n\r\n");
const LAST_CHUNK = encoder.encode("0\r\n\r\n");

/** One connection: requests one after the other, each answered before the next is looked at (RFC 9112 §9.3.2). */
export class Connection {
  /** When the server gives it up, on its monotonic clock; Infinity while a handler works. */
  expiresAt: number;
  readonly #conn: Deno.Conn;
  readonly #host: ConnectionHost;
  readonly #reader: SocketReader;
  #current: HttpRequest | undefined;

  constructor(conn: Deno.Conn, host: ConnectionHost) {
    this.#conn = conn;
    this.#host = host;
    this.#reader = new SocketReader(conn);
    this.expiresAt = host.now + HEAD_LIMIT_MS;
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
      await this.#write(this.#host.refuse(error), { isHead: false, keepAlive: false });
      await this.#linger();
      return false;
    }
    if (head === undefined) return false;
    const body = new RequestBody(this.#reader, head.framing, () => this.#allow(STALL_LIMIT_MS));
    this.#allow(STALL_LIMIT_MS);
    const request = new HttpRequest(head, body, {
      sendContinue: () => this.#writeAll(CONTINUE),
      watch: () => this.#watch(request),
    });
    this.#current = request;
    if (body.isRead) this.#watch(request);
    const reply = await this.#host.handle(request);
    this.#allow(STALL_LIMIT_MS);
    // Who waits for 100 Continue may never send the body.
    const mayRead = body.isRead || (body.unreadBytes <= MAX_SKIPPED_BYTES && !head.expectsContinue);
    const keepAlive = head.keepAlive && mayRead;
    try {
      await this.#write(reply, { isHead: head.method === "HEAD", keepAlive });
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
    this.#allow(reader.buffered.length === 0 ? IDLE_LIMIT_MS : HEAD_LIMIT_MS);
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
      if (isFirst) this.#allow(HEAD_LIMIT_MS);
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

  async #write(
    reply: HttpReply,
    { isHead, keepAlive }: { isHead: boolean; keepAlive: boolean },
  ): Promise<void> {
    let written = false;
    try {
      if (this.#current?.hungUp) throw new PeerGoneError();
      const { body } = reply;
      if (typeof body === "string") await this.#writeText(reply, isHead ? "" : body, body, keepAlive);
      else if (body === null) {
        await this.#writeText(reply, "", hasLength(reply.status) ? "" : undefined, keepAlive);
      } else await this.#writeChunks(reply, body, isHead, keepAlive);
      written = true;
    } finally {
      reply.onEnd?.(written);
    }
  }

  /** @param measured text whose length is announced; undefined announces none */
  async #writeText(
    reply: HttpReply,
    sent: string,
    measured: string | undefined,
    keepAlive: boolean,
  ): Promise<void> {
    const frame = { keepAlive, date: this.#host.date };
    if (sent === "" || sent.length > JOIN_LIMIT) {
      const body = encoder.encode(sent);
      const length = sent === "" && measured !== undefined && measured !== ""
        ? Buffer.byteLength(measured)
        : measured === undefined
        ? undefined
        : body.length;
      await this.#writeAll(headBytes(replyHead(reply, { ...frame, length })));
      if (body.length > 0) await this.#writeAll(body);
      return;
    }
    await this.#writeAll(joinedReply(reply, sent, frame));
  }

  async #writeChunks(
    reply: HttpReply,
    body: AsyncIterable<Uint8Array>,
    isHead: boolean,
    keepAlive: boolean,
  ): Promise<void> {
    const date = this.#host.date;
    await this.#writeAll(headBytes(replyHead(reply, { length: "chunked", keepAlive, date })));
    if (isHead) return;
    // While the next piece is not there, the handler works, so to speak.
    this.expiresAt = Infinity;
    for await (const piece of body) {
      this.#allow(STALL_LIMIT_MS);
      await this.#writeAll(chunk(piece));
      this.expiresAt = Infinity;
    }
    this.#allow(STALL_LIMIT_MS);
    if (this.#current?.hungUp) throw new PeerGoneError();
    await this.#writeAll(LAST_CHUNK);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let at = await this.#conn.write(bytes);
    while (at < bytes.length) {
      this.#allow(STALL_LIMIT_MS);
      at += await this.#conn.write(bytes.subarray(at));
    }
  }

  /**
   * Ends the own side and reads over what still comes. Closing with unread bytes would make the system reset the
   * connection, and the peer would lose the reply (RFC 9112 §9.6).
   */
  async #linger(): Promise<void> {
    this.#allow(LINGER_MS);
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

/** 1xx and 204 have no length at all (RFC 9110 §8.6); 304 would have that of the reply it stands for. */
function hasLength(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

function headBytes(head: string): Uint8Array {
  return Buffer.from(head, "latin1");
}

/** Head and body in one buffer. */
function joinedReply(
  reply: HttpReply,
  body: string,
  frame: { readonly keepAlive: boolean; readonly date: string },
): Uint8Array {
  const text = replyHead(reply, { ...frame, length: body.length }) + body;
  const bytes = encoder.encode(text);
  // As many bytes as characters: all of it is ASCII, so the guessed length is right.
  if (bytes.length === text.length) return bytes;
  const encoded = encoder.encode(body);
  const head = headBytes(replyHead(reply, { ...frame, length: encoded.length }));
  const whole = new Uint8Array(head.length + encoded.length);
  whole.set(head);
  whole.set(encoded, head.length);
  return whole;
}

function chunk(piece: Uint8Array): Uint8Array {
  const size = encoder.encode(`${piece.length.toString(16)}\r\n`);
  const bytes = new Uint8Array(size.length + piece.length + 2);
  bytes.set(size);
  bytes.set(piece, size.length);
  bytes[bytes.length - 2] = CR;
  bytes[bytes.length - 1] = LF;
  return bytes;
}
