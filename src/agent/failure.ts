/** Synthesised failures: what the connector gets when the target gave no answer that can be handed on (section 17). */
import type { ChannelFailure, FailureKind } from "../channels/mod.ts";
import type { JsonRpcCommand } from "./command.ts";
import { findMember } from "./wire.ts";

/** Where a failure arose, in the published words (P-122). */
export type FailureSource =
  | "target_http"
  | "protocol"
  | "transport_closed"
  | "dns"
  | "tls"
  | "timeout"
  | "connect"
  | "client_internal";

/** What is told of a failure: only bounded words and the target's own status. */
export interface Failure {
  readonly source: FailureSource;
  readonly kind: FailureKind;
  /** 400–599 when the target answered with it, else undefined. */
  readonly upstreamStatus: number | undefined;
}

const SOURCE_OF_KIND: Readonly<Record<FailureKind, FailureSource>> = {
  invalid_mcp_error: "protocol",
  response_body_missing: "protocol",
  response_body_unreadable: "protocol",
  response_body_too_large: "protocol",
  malformed_json: "protocol",
  non_protocol_response: "protocol",
  invalid_protocol_response: "protocol",
  http_status: "target_http",
  closed_pipe: "transport_closed",
  eof: "transport_closed",
  unexpected_eof: "transport_closed",
  connection_closed: "transport_closed",
  connection_reset: "transport_closed",
  connection_aborted: "transport_closed",
  dns: "dns",
  tls: "tls",
  timeout: "timeout",
  connection_refused: "connect",
  network_unreachable: "connect",
  host_unreachable: "connect",
  dial: "connect",
  unknown: "client_internal",
};

/** Names the source of a channel's failure, from the real cause (P-122, P-124). */
export function classifyFailure(failure: Pick<ChannelFailure, "kind" | "upstreamStatus">): Failure {
  const { kind, upstreamStatus } = failure;
  if (upstreamStatus >= 400 && upstreamStatus <= 599) {
    // Only what was wrong with the body says more than the status does.
    const told = BODY_FAILURES.has(kind) ? kind : "http_status";
    return { source: "target_http", kind: told, upstreamStatus };
  }
  const told = kind === "http_status" ? "non_protocol_response" : kind;
  return { source: SOURCE_OF_KIND[told], kind: told, upstreamStatus: undefined };
}

/** Kinds that P-118 gives to the body of an error answer. */
const BODY_FAILURES: ReadonlySet<FailureKind> = new Set([
  "invalid_mcp_error",
  "response_body_missing",
  "response_body_unreadable",
  "response_body_too_large",
  "malformed_json",
  "non_protocol_response",
]);

/**
 * Builds the JSON-RPC error for a failed call (P-121). The id is the text that was received.
 * @param statusCode the status that is posted; its reason phrase is the message
 */
export function failureJson(command: JsonRpcCommand, statusCode: number, failure: Failure): string {
  const members = [
    `"version":1`,
    `"source":"${failure.source}"`,
    `"transport_error_kind":"${failure.kind}"`,
    `"upstream_response_received":${failure.upstreamStatus !== undefined}`,
  ];
  if (failure.upstreamStatus !== undefined) members.push(`"upstream_status":${failure.upstreamStatus}`);
  const message = JSON.stringify(reasonPhrase(statusCode) ?? "MCP transport error");
  return `{"jsonrpc":"2.0"${idMember(command)},"error":{"code":-32603,"message":${message},` +
    `"data":{"tunnel_failure":{${members.join(",")}}}}}`;
}

/** The answer to a call on a channel that does not exist (P-85); no provenance, no data. */
export function unsupportedChannelJson(command: JsonRpcCommand): string {
  const message = JSON.stringify(`Bad Request: unsupported channel "${command.channel}"`);
  return `{"jsonrpc":"2.0"${idMember(command)},"error":{"code":-32603,"message":${message}}}`;
}

function idMember(command: JsonRpcCommand): string {
  if (command.id === undefined) return "";
  const span = findMember(command.text, "id");
  return `,"id":${span ? command.text.slice(span.start, span.end) : JSON.stringify(command.id)}`;
}

/** Reason phrase of a status code in the spelling of the published client, or undefined for an unknown one. */
export function reasonPhrase(statusCode: number): string | undefined {
  return REASON_PHRASES[statusCode];
}

const REASON_PHRASES: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Request Entity Too Large",
  414: "Request URI Too Long",
  415: "Unsupported Media Type",
  416: "Requested Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a teapot",
  421: "Misdirected Request",
  422: "Unprocessable Entity",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required",
};
