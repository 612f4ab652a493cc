/** Header fields of a reply, repeated ones apart. Names and values must be valid; the server does not look at them. */
export type ReplyHeaders = readonly (readonly [name: string, value: string])[];

/** What a handler gives back. Length, date and connection fields are the server's. */
export interface HttpReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  /** Text is sent as UTF-8 with its length, a sequence as chunks, each as soon as it comes; null is no body. */
  readonly body: string | AsyncIterable<Uint8Array> | null;
  /**
   * Told once how it went: true when every byte has been handed to the connection, false when the caller was gone
   * before that.
   */
  readonly onEnd?: (written: boolean) => void;
}

/** RFC 9110 §15; any other code gets no phrase, which is allowed (RFC 9112 §4). */
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  417: "Expectation Failed",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** What the server itself says in the head of a reply. */
export interface ReplyFrame {
  /** Bytes of the body; `chunked` when they are not known yet, undefined when there can be none. */
  readonly length: number | "chunked" | undefined;
  readonly keepAlive: boolean;
  /** Current date in the form of RFC 9110 §5.6.7. */
  readonly date: string;
}

/** The head of a reply, empty line included. */
export function replyHead({ status, headers }: HttpReply, { length, keepAlive, date }: ReplyFrame): string {
  let head = `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n`;
  for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
  if (length === "chunked") head += "transfer-encoding: chunked\r\n";
  else if (length !== undefined) head += `content-length: ${length}\r\n`;
  if (!keepAlive) head += "connection: close\r\n";
  return `${head}date: ${date}\r\n\r\n`;
}
