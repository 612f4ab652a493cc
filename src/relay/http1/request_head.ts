import { HeaderFields } from "./header_fields.ts";
import { HttpError } from "./http_error.ts";

/** How the body of a request is delimited. */
export type BodyFraming =
  | { readonly type: "none" }
  | { readonly type: "length"; readonly bytes: number }
  | { readonly type: "chunked" };

/** Request line and header fields of one request. */
export interface RequestHead {
  readonly method: string;
  /** Path as sent, without query, not decoded. */
  readonly path: string;
  /** Query as sent, without question mark; empty when there is none. */
  readonly query: string;
  /** Host and port the request is addressed to; empty only for HTTP/1.0 without `Host`. */
  readonly authority: string;
  readonly headers: HeaderFields;
  readonly framing: BodyFraming;
  /** Whether the connection may carry another request behind this one (RFC 9112 §9.3); never with HTTP/1.0. */
  readonly keepAlive: boolean;
  /** The client speaks HTTP/1.0 and knows no chunks. */
  readonly isOld: boolean;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

/** Fields that one head may have. */
const MAX_FIELDS = 200;

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]+)([^#]*)$/i;
const NO_BODY: BodyFraming = { type: "none" };
const CHUNKED: BodyFraming = { type: "chunked" };

/**
 * Reads a head by RFC 9112 and is strict wherever two readers could disagree about it: no bare line ends, no folded
 * fields, no blanks before the colon, one `Host`, one `Content-Length`, never both lengths and chunks.
 * @param text head without the empty line, one character per byte
 * @throws {HttpError} 400 for what is malformed, 417, 431, 501, 505 for what is not served
 */
export function parseRequestHead(text: string): RequestHead {
  const lines = text.split("\r\n");
  const [, method = "", target = "", major, minor] = REQUEST_LINE.exec(lines[0] ?? "") ?? [];
  if (method === "") throw new HttpError(400, "The request line is malformed.");
  if (major !== "1") throw new HttpError(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  const headers = parseFields(lines);
  const isOld = minor === "0";
  const { authority, path, query } = splitTarget(target, headers, isOld);
  return {
    method,
    path,
    query,
    authority,
    headers,
    framing: framingOf(headers, isOld),
    keepAlive: !isOld && !closes(headers.get("connection")),
    isOld,
    expectsContinue: expectsContinue(headers.get("expect"), isOld),
  };
}

function parseFields(lines: readonly string[]): HeaderFields {
  if (lines.length > MAX_FIELDS + 1) {
    throw new HttpError(431, `A request may have ${MAX_FIELDS} header fields.`);
  }
  const names: string[] = [];
  const values: string[] = [];
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    if (!NAME.test(name)) throw new HttpError(400, "A header field is malformed.");
    const value = trimBlanks(line, colon + 1);
    if (hasControl(value)) throw new HttpError(400, "A header field holds a control character.");
    names.push(name.toLowerCase());
    values.push(value);
  }
  return new HeaderFields(names, values);
}

/** Only SP and TAB are blanks here; `trim` would take more (RFC 9110 §5.6.3). */
function trimBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function hasControl(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}

function splitTarget(
  target: string,
  headers: HeaderFields,
  isOld: boolean,
): Pick<RequestHead, "authority" | "path" | "query"> {
  const hosts = headers.count("host");
  if (hosts > 1 || (hosts === 0 && !isOld)) {
    throw new HttpError(400, "A request needs exactly one Host field.");
  }
  let authority = headers.get("host") ?? "";
  let rest = target;
  if (!target.startsWith("/")) {
    // Clients that think they speak to a proxy send the whole URL; its authority goes before Host (RFC 9112 §3.2.2).
    const [, host, path] = ABSOLUTE_FORM.exec(target) ?? [];
    if (host === undefined || host.includes("@")) {
      throw new HttpError(400, "The request target is malformed.");
    }
    authority = host;
    rest = path?.startsWith("/") ? path : `/${path ?? ""}`;
  } else if (target.includes("#")) throw new HttpError(400, "The request target is malformed.");
  const mark = rest.indexOf("?");
  return mark === -1
    ? { authority, path: rest, query: "" }
    : { authority, path: rest.slice(0, mark), query: rest.slice(mark + 1) };
}

function framingOf(headers: HeaderFields, isOld: boolean): BodyFraming {
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined || isOld) throw new HttpError(400, "The length of the body is ambiguous.");
    if (coding.toLowerCase() !== "chunked") {
      throw new HttpError(501, "Only the chunked transfer coding is known.");
    }
    return CHUNKED;
  }
  if (length === undefined) return NO_BODY;
  if (!/^\d{1,15}$/.test(length)) throw new HttpError(400, "Content-Length is malformed.");
  const bytes = Number(length);
  return bytes === 0 ? NO_BODY : { type: "length", bytes };
}

function closes(connection: string | undefined): boolean {
  if (connection === undefined || connection === "keep-alive") return false;
  return connection.toLowerCase().split(",").some((option) => option.trim() === "close");
}

function expectsContinue(expect: string | undefined, isOld: boolean): boolean {
  if (expect === undefined || isOld) return false;
  if (expect.toLowerCase() !== "100-continue") throw new HttpError(417, "Only 100-continue can be expected.");
  return true;
}
