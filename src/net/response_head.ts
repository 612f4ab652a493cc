/** The head of an HTTP/1.1 response: finding its end, taking it apart (RFC 9112 §§2–5). */
import type { HeaderPairs } from "./http.ts";
import { NetError } from "./net_error.ts";

/** A larger head is refused; it also is the size of a connection's read buffer. */
export const MAX_HEAD_BYTES = 32 * 1024;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const STATUS_LINE = /^HTTP\/1\.([0-9]) ([1-9][0-9][0-9])(?: [^]*)?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A response head, and what its fields say about framing and the connection. */
export interface ResponseHead {
  readonly status: number;
  /** As received, in order. */
  readonly headers: HeaderPairs;
  /** Value of `Content-Length`; undefined when there is none, or when `Transfer-Encoding` overrides it. */
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  /** False when the peer is going to close the connection after this response, or should be made to. */
  readonly keepAlive: boolean;
  /** True when the peer says itself that it keeps the connection. */
  readonly saysKeepAlive: boolean;
  /** How long the peer keeps the idle connection, in ms, if it says so (`Keep-Alive: timeout=5`). */
  readonly keepAliveMs: number | undefined;
  /** Value of `Content-Encoding` in lower case; empty when there is none. */
  readonly contentEncoding: string;
}

/** Finds the empty line behind a head, over as many looks as it takes. */
export class HeadEnd {
  #lineLength = 0;

  /** Starts anew, for the next head. */
  reset(): void {
    this.#lineLength = 0;
  }

  /**
   * Looks at the next bytes of the head, each once.
   * @returns index behind the empty line, or -1 when it has not come yet
   */
  find(buffer: Uint8Array, start: number, end: number): number {
    let lineLength = this.#lineLength;
    for (let index = start; index < end; index++) {
      const byte = buffer[index];
      if (byte === LINE_FEED) {
        if (lineLength === 0) return index + 1;
        lineLength = 0;
      } else if (byte !== CARRIAGE_RETURN) {
        lineLength++;
      }
    }
    this.#lineLength = lineLength;
    return -1;
  }
}

/**
 * Takes a head apart. Lines may end with LF alone (RFC 9112 §2.2), folded lines are joined (§5.2); everything that
 * two readers could understand differently is refused.
 * @param text status line, field lines and the empty line
 * @throws {NetError} `unknown` when it is not a valid head
 */
export function parseResponseHead(text: string): ResponseHead {
  let lineEnd = text.indexOf("\n");
  const statusLine = STATUS_LINE.exec(lineOf(text, 0, lineEnd));
  if (statusLine === null) throw malformed("it does not start like an HTTP/1.1 response");
  const minorVersion = Number(statusLine[1]);

  const headers: [name: string, value: string][] = [];
  const framing = new FramingFields();
  for (;;) {
    const lineStart = lineEnd + 1;
    lineEnd = text.indexOf("\n", lineStart);
    const line = lineOf(text, lineStart, lineEnd);
    if (line === "") break;
    if (line.startsWith(" ") || line.startsWith("\t")) {
      const folded = headers.at(-1);
      if (folded === undefined) throw malformed("its first header line is folded");
      folded[1] = trimmed(`${folded[1]} ${trimmed(line)}`);
      continue;
    }
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) throw malformed("a header line of it has no valid name");
    headers.push([name, trimmed(line.slice(colon + 1))]);
  }
  for (const [name, value] of headers) framing.add(name, value);
  return framing.finish(Number(statusLine[2]), minorVersion, headers);
}

/** Collects the few fields that decide where the body ends and what becomes of the connection. */
class FramingFields {
  #contentLength: number | undefined;
  #transferEncoding: string | undefined;
  #contentEncoding = "";
  #close = false;
  #keepAlive = false;
  #keepAliveMs: number | undefined;

  add(name: string, value: string): void {
    // Comparing lengths first spares most fields the conversion to lower case.
    switch (name.length) {
      case 10:
        this.#addConnectionField(name.toLowerCase(), value);
        break;
      case 14:
        if (name.toLowerCase() === "content-length") this.#addContentLength(value);
        break;
      case 16:
        if (name.toLowerCase() === "content-encoding") {
          this.#contentEncoding += (this.#contentEncoding === "" ? "" : ",") + value.toLowerCase();
        }
        break;
      case 17:
        if (name.toLowerCase() === "transfer-encoding") {
          if (this.#transferEncoding !== undefined) throw malformed("it has two Transfer-Encoding fields");
          this.#transferEncoding = value.toLowerCase();
        }
        break;
    }
  }

  finish(status: number, minorVersion: number, headers: HeaderPairs): ResponseHead {
    const chunked = this.#transferEncoding !== undefined;
    if (chunked && this.#transferEncoding !== "chunked") {
      throw malformed("its transfer encoding is not chunked");
    }
    // Both framings at once, or chunks from an HTTP/1.0 peer, smell of a middlebox that reads them differently:
    // the chunks count and the connection is given up afterwards (RFC 9112 §6.1, §6.3).
    const suspicious = chunked && (this.#contentLength !== undefined || minorVersion === 0);
    const persistent = minorVersion === 0 ? this.#keepAlive : true;
    return {
      status,
      headers,
      contentLength: chunked ? undefined : this.#contentLength,
      chunked,
      keepAlive: persistent && !this.#close && !suspicious,
      saysKeepAlive: this.#keepAlive,
      keepAliveMs: this.#keepAliveMs,
      contentEncoding: this.#contentEncoding,
    };
  }

  #addConnectionField(lowered: string, value: string): void {
    if (lowered === "connection") {
      for (const option of value.toLowerCase().split(",")) {
        const word = option.trim();
        if (word === "close") this.#close = true;
        else if (word === "keep-alive") this.#keepAlive = true;
      }
    } else if (lowered === "keep-alive") {
      const seconds = /(?:^|[,;\s])timeout\s*=\s*"?([0-9]{1,6})/i.exec(value)?.[1];
      if (seconds !== undefined) this.#keepAliveMs = Number(seconds) * 1000;
    }
  }

  #addContentLength(value: string): void {
    // A repeated field is the same as a list; equal members are one length (RFC 9112 §6.3).
    for (const member of value.split(",")) {
      const digits = member.trim();
      const length = Number(digits);
      if (!/^[0-9]+$/.test(digits) || !Number.isSafeInteger(length)) {
        throw malformed("its Content-Length is not a number");
      }
      if (this.#contentLength !== undefined && this.#contentLength !== length) {
        throw malformed("its Content-Length fields differ");
      }
      this.#contentLength = length;
    }
  }
}

function lineOf(text: string, start: number, lineEnd: number): string {
  const end = text.charCodeAt(lineEnd - 1) === CARRIAGE_RETURN && lineEnd > start ? lineEnd - 1 : lineEnd;
  const line = text.slice(start, end);
  if (line.includes("\r") || line.includes("\0")) throw malformed("it has a control character in a line");
  return line;
}

/** Without spaces and tabs around it; `String.trim` would take more (RFC 9110 §5.6.3). */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isSpaceOrTab(value.charCodeAt(start))) start++;
  while (end > start && isSpaceOrTab(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isSpaceOrTab(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function malformed(why: string): NetError {
  return new NetError("unknown", `the answer is not valid HTTP: ${why}`, true);
}
