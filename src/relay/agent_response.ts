import { findMember } from "../agent/wire.ts";
import { RelayError } from "./relay_error.ts";

/** A response POST, taken apart. */
export interface AgentResponse {
  readonly requestId: string;
  /** Published or unknown type; everything but `jsonrpc_notify` is terminal (P-168). */
  readonly type: string;
  /** 0 when the agent gave none. */
  readonly code: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Source text of `resp_json`, exactly as posted; undefined when absent or null. */
  readonly json: string | undefined;
  /** Id, as JSON, of a request of the target, which waits for an answer of the connector (`server-requests`). */
  readonly question: string | undefined;
  /** Id, as JSON, of a request that the target takes back with `notifications/cancelled`. */
  readonly withdrawn: string | undefined;
  /** Channel as posted, not canonical; undefined when absent or null. */
  readonly channel: string | undefined;
}

const NO_HEADERS = Object.freeze({});

/**
 * Reads the body of a response POST. Unknown members, `resp_timing` among them, are no error.
 * @throws {RelayError} 400 for anything that is no JSON object with a request id and members of the right kind
 */
export function parseAgentResponse(text: string): AgentResponse {
  const body = parseObject(text);
  const requestId = body["request_id"];
  if (typeof requestId !== "string" || requestId === "") {
    throw invalid("request_id", "a text that is not empty");
  }
  const type = body["resp_type"] ?? "jsonrpc_response";
  if (typeof type !== "string") throw invalid("resp_type", "a text");
  const code = body["resp_code"] ?? 0;
  if (typeof code !== "number" || !Number.isInteger(code)) throw invalid("resp_code", "a whole number");
  const channel = body["channel"] ?? undefined;
  if (channel !== undefined && typeof channel !== "string") throw invalid("channel", "a text");
  const headers = body["resp_headers"] ?? NO_HEADERS;
  if (!isHeaderMap(headers)) throw invalid("resp_headers", "an object of lists of texts");
  const json = sourceOf(text, body["resp_json"]);
  if (json === undefined && (type === "jsonrpc_response" || type === "jsonrpc_notify")) {
    throw invalid("resp_json", `present for ${type}`);
  }
  const event = type === "jsonrpc_notify" ? body["resp_json"] : undefined;
  const question = questionOf(event);
  const withdrawn = question === undefined ? withdrawnBy(event) : undefined;
  return { requestId, type, code, headers, json, question, withdrawn, channel };
}

function questionOf(message: unknown): string | undefined {
  if (!isObject(message) || typeof message["method"] !== "string") return undefined;
  return idText(message["id"]);
}

function withdrawnBy(message: unknown): string | undefined {
  if (!isObject(message) || message["method"] !== "notifications/cancelled") return undefined;
  const params = message["params"];
  return isObject(params) ? idText(params["requestId"]) : undefined;
}

/** A JSON-RPC id as a text that tells `1` from `"1"`; undefined for what is none. */
export function idText(id: unknown): string | undefined {
  return id === undefined || id === null ? undefined : JSON.stringify(id);
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new RelayError("invalid_json_payload", "The response body is not JSON.");
  }
  if (!isObject(parsed)) {
    throw new RelayError("invalid_json_payload", "The response body is not a JSON object.");
  }
  return parsed;
}

function sourceOf(text: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const span = findMember(text, "resp_json");
  return span === undefined ? undefined : text.slice(span.start, span.end);
}

function isHeaderMap(value: unknown): value is Record<string, string[]> {
  if (!isObject(value)) return false;
  for (const name in value) {
    const list = value[name];
    if (!Array.isArray(list) || !list.every((item) => typeof item === "string")) return false;
  }
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(param: string, wanted: string): RelayError {
  const code = param === "request_id" ? "invalid_json_payload" : "invalid_response_payload";
  return new RelayError(code, `Member ${param} of the response must be ${wanted}.`, { param });
}
