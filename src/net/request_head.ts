/** The head of an HTTP/1.1 request as text. */
import type { HttpRequest } from "./http.ts";
import { NetError } from "./net_error.ts";
import type { RequestTarget } from "./request_target.ts";

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Control characters other than tab end or split a field (RFC 9110 §5.5); a lone surrogate has no bytes of its own. */
// deno-lint-ignore no-control-regex -- refusing them is the point
const FORBIDDEN_IN_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

/**
 * Fields that belong to one connection or to the framing of one message (RFC 9110 §7.6.1): this client writes them
 * itself or does without (HT-5). Names that a `Connection` field nominates are not added: the list may come from
 * a connector, which could use it to strip the operator's own fields.
 */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const METHODS_WITH_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/**
 * Builds everything up to the value of `Content-Length`, which {@link endRequestHead} adds when it is known.
 * @param userAgent `User-Agent` of requests that bring none
 * @throws {NetError} `unknown` when the method, a field name or a field value cannot be sent (HD-1)
 */
export function beginRequestHead(request: HttpRequest, target: RequestTarget, userAgent: string): string {
  if (!TOKEN.test(request.method)) throw new NetError("unknown", "request method is not valid", false);
  let head = `${request.method} ${target.path} HTTP/1.1\r\nhost: ${target.host}\r\n`;
  let needsUserAgent = true;
  let needsCoding = true;
  let needsAuthorization = target.authorization !== undefined;
  const { forwardProxy } = target;
  for (const [name, value] of request.headers) {
    if (!TOKEN.test(name)) throw new NetError("unknown", "a header name of the request is not valid", false);
    if (FORBIDDEN_IN_VALUE.test(value)) {
      throw new NetError("unknown", `the value of request header ${name} is not valid`, false);
    }
    const lowered = name.toLowerCase();
    if (OWN_FIELDS.has(lowered)) continue;
    if (lowered === "user-agent") needsUserAgent = false;
    else if (lowered === "accept-encoding") needsCoding = false;
    else if (lowered === "authorization") needsAuthorization = false;
    // The proxy takes this field for itself, whoever it was meant for.
    else if (lowered === "proxy-authorization" && forwardProxy !== undefined) continue;
    head += `${name}: ${value}\r\n`;
  }
  if (needsUserAgent) head += `user-agent: ${userAgent}\r\n`;
  if (needsCoding) head += "accept-encoding: gzip\r\n"; // HT-6
  if (needsAuthorization) head += `authorization: ${target.authorization}\r\n`;
  if (forwardProxy?.authorization !== undefined) {
    head += `proxy-authorization: ${forwardProxy.authorization}\r\n`;
  }
  return head;
}

/** Ends the head. @param bodyBytes length of the body, undefined when there is none */
export function endRequestHead(method: string, bodyBytes: number | undefined): string {
  if (bodyBytes !== undefined) return `content-length: ${bodyBytes}\r\n\r\n`;
  return METHODS_WITH_BODY.has(method) ? "content-length: 0\r\n\r\n" : "\r\n";
}
