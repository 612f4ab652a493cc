/** Looking at a message of the target: parsed once, never rebuilt (P-64, LC-8). */
import type { JsonRpcId } from "../channel.ts";

/** What one message of the target is. */
export type TargetMessage =
  | { readonly type: "notification" }
  /** A request of the server; `method` is the target's text and not for logs. */
  | { readonly type: "request"; readonly method: string }
  | { readonly type: "response"; readonly id: JsonRpcId; readonly errorCode: number | undefined }
  /** Not JSON-RPC 2.0; `reason` is fixed text. */
  | { readonly type: "invalid"; readonly reason: string };

/** Tells what a JSON text is (LC-8, LC-16). */
export function readMessage(text: string): TargetMessage {
  const value = parseJson(text);
  if (!isObject(value)) return { type: "invalid", reason: "the message is not a JSON object" };
  if (value.jsonrpc !== "2.0") return { type: "invalid", reason: "the message is not JSON-RPC 2.0" };
  const { id, method } = value;
  if (typeof method === "string" && method !== "") {
    if (id === undefined || id === null) return { type: "notification" };
    return isId(id)
      ? { type: "request", method }
      : { type: "invalid", reason: "a request of the server has no valid id" };
  }
  if (!isId(id)) return { type: "invalid", reason: "the response has no valid id" };
  if (isObject(value.error)) return { type: "response", id, errorCode: numberOf(value.error.code) };
  if (value.result === undefined) {
    return { type: "invalid", reason: "the response has neither result nor error" };
  }
  return { type: "response", id, errorCode: undefined };
}

/**
 * Judges the body of a non-2xx answer (HT-23, P-117).
 * @returns the error's code when the body is one JSON-RPC error for this call, else why it is not
 */
export function readPreservableError(
  text: string,
  id: JsonRpcId,
): { readonly errorCode: number } | "malformed_json" | "invalid_mcp_error" {
  const value = parseJson(text);
  if (value === undefined) return "malformed_json";
  if (!isObject(value) || value.jsonrpc !== "2.0" || value.id !== id) return "invalid_mcp_error";
  if (Object.hasOwn(value, "method") || Object.hasOwn(value, "result")) return "invalid_mcp_error";
  const { error } = value;
  if (!isObject(error) || !Number.isInteger(error.code) || typeof error.message !== "string") {
    return "invalid_mcp_error";
  }
  return { errorCode: error.code as number };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A body as text, and as the bytes that are forwarded. */
export interface DecodedBody {
  readonly text: string;
  /** The bytes as received, without a byte order mark, which is not JSON. */
  readonly bytes: Uint8Array;
}

/** Decodes a body; undefined when it is not UTF-8. */
export function decodeBody(bytes: Uint8Array): DecodedBody | undefined {
  try {
    const text = utf8.decode(bytes);
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return { text, bytes: hasMark ? bytes.subarray(3) : bytes };
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The parsed value; undefined when the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is JsonRpcId {
  return typeof value === "string" || typeof value === "number";
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
