import type { CallResult, ChannelCall, ChannelRequest, NotifyResult } from "../channel.ts";
import { ParamHeaders } from "./param_headers.ts";
import { decodeMirrored, headerOf } from "./request_headers.ts";
import { claimedRevision, eraOf } from "./revision.ts";
import { findPath, memberAt } from "./wire_text.ts";

const META_PATH = ["params", "_meta"] as const;
const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";
const CLIENT_KEY = "io.modelcontextprotocol/clientInfo";
const LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel";
const LOG_LEVELS: readonly unknown[] = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];

const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
const HEADER_MISMATCH = -32020;
const MISSING_CAPABILITY = -32021;
const UNSUPPORTED_VERSION = -32022;

/** The parameter that `Mcp-Name` repeats; the last three come with the tasks extension. */
const NAME_SOURCE: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"],
]);

/**
 * Towards a connector the tunnel is the HTTP server of a target on pipes, which sees no headers and gives no statuses.
 * From 2026-07-28 on MCP asks both of that server: headers that repeat the body are compared with it, and errors of the
 * protocol have a status of their own. Whatever does not show that revision is left alone (ST-16).
 */
export class HttpFace {
  readonly #paramHeaders = new ParamHeaders();

  /** True when the headers show that this is a request of HTTP as it is since 2026-07-28. */
  speaks(request: ChannelRequest): boolean {
    const { headers, headersComplete } = request;
    const version = headerOf(headers, "mcp-protocol-version");
    if (version === undefined && headersComplete !== true) return false;
    const claimed = claimedRevision(request);
    const isNew = eraOf(version) === "stateless" ||
      (typeof claimed === "string" && eraOf(claimed) !== "sessions");
    // A control plane that does not vouch for the headers shows by this one that it forwards such headers.
    return isNew && (headersComplete === true || headerOf(headers, "mcp-method") !== undefined);
  }

  /** The answer to a call whose headers and body disagree; undefined when they agree. */
  refusalOf(call: ChannelCall): CallResult | undefined {
    const fault = this.#faultOf(call);
    if (fault === undefined) return undefined;
    const span = findPath(call.text, ["id"]);
    const idText = span === undefined ? JSON.stringify(call.id) : call.text.slice(span.start, span.end);
    const message = JSON.stringify(`Header mismatch: ${fault}`);
    return {
      type: "preserved",
      status: 400,
      headers: [],
      text: `{"jsonrpc":"2.0","id":${idText},"error":{"code":${HEADER_MISMATCH},"message":${message}}}`,
      errorCode: HEADER_MISMATCH,
      targetElapsedMs: undefined,
    };
  }

  /** The answer of the target with the status that HTTP has for it. */
  dress(call: ChannelCall, result: CallResult): CallResult {
    if (result.type === "failure") return result;
    if (result.errorCode === undefined) {
      if (call.method === "tools/list") this.#learnTools(call, result.text);
      return result;
    }
    const status = statusOf(call, result.errorCode);
    return status === 200 ? result : { ...result, type: "preserved", status };
  }

  /** How a notification ends whose headers say something else than it does; undefined when they agree. */
  refusalOfNotification(notification: ChannelRequest): NotifyResult | undefined {
    const fault = versionFault(notification) ?? methodFault(notification);
    return fault === undefined ? undefined : { type: "accepted", status: 400, headers: [] };
  }

  #faultOf(call: ChannelCall): string | undefined {
    const { headersComplete: vouched } = call;
    if (vouched === true && headerOf(call.headers, "mcp-protocol-version") === undefined) {
      return "the MCP-Protocol-Version header is missing";
    }
    if (vouched === true && headerOf(call.headers, "mcp-method") === undefined) {
      return "the Mcp-Method header is missing";
    }
    return versionFault(call) ?? methodFault(call) ?? nameFault(call) ??
      (call.method === "tools/call" ? this.#paramHeaders.faultOf(call) : undefined);
  }

  #learnTools(call: ChannelCall, text: string | Uint8Array): void {
    const json = typeof text === "string" ? text : new TextDecoder().decode(text);
    if (!this.#paramHeaders.known && !json.includes("x-mcp-header")) return;
    const page = memberAt(call.message, ["params", "cursor"]) === undefined ? "first" : "later";
    this.#paramHeaders.learn(memberAt(JSON.parse(json), ["result"]), page);
  }
}

function versionFault(request: ChannelRequest): string | undefined {
  const version = headerOf(request.headers, "mcp-protocol-version");
  const claimed = claimedRevision(request);
  // A body that names none is the target's to refuse.
  if (version === undefined || typeof claimed !== "string" || version === claimed) return undefined;
  return "the MCP-Protocol-Version header does not match the body";
}

function methodFault({ headers, method }: ChannelRequest): string | undefined {
  const named = headerOf(headers, "mcp-method");
  return named === undefined || named === method
    ? undefined
    : "the Mcp-Method header does not match the body";
}

function nameFault(call: ChannelCall): string | undefined {
  const source = NAME_SOURCE.get(call.method);
  if (source === undefined) return undefined;
  const value = memberAt(call.message, ["params", source]);
  const named = headerOf(call.headers, "mcp-name");
  if (named === undefined) {
    return typeof value === "string" && call.headersComplete === true
      ? "the Mcp-Name header is missing"
      : undefined;
  }
  const decoded = decodeMirrored(named);
  if (decoded === undefined) return "the Mcp-Name header is malformed";
  if (typeof value !== "string" || decoded === value) return undefined;
  return `the Mcp-Name header does not match params.${source} of the body`;
}

function statusOf(call: ChannelCall, code: number): number {
  switch (code) {
    case HEADER_MISMATCH:
    case MISSING_CAPABILITY:
    case UNSUPPORTED_VERSION:
      return 400;
    case INVALID_PARAMS:
      return hasFaultyMeta(call) ? 400 : 200;
    case METHOD_NOT_FOUND:
      // Only a server of an earlier revision does not know this one, and a 404 would say that it is a newer one.
      return call.method === "server/discover" ? 200 : 404;
    default:
      return 200;
  }
}

/** True when the request lacks what every request must tell of itself, or tells it in a wrong form. */
function hasFaultyMeta({ message }: ChannelRequest): boolean {
  const meta = memberAt(message, META_PATH);
  if (!isObject(meta) || typeof meta[VERSION_KEY] !== "string" || !isObject(meta[CAPABILITIES_KEY])) {
    return true;
  }
  const { progressToken } = meta;
  const client = meta[CLIENT_KEY];
  const logLevel = meta[LOG_LEVEL_KEY];
  return (client !== undefined && !isImplementation(client)) ||
    (logLevel !== undefined && !LOG_LEVELS.includes(logLevel)) ||
    (progressToken !== undefined && typeof progressToken !== "string" && !Number.isInteger(progressToken));
}

function isImplementation(value: unknown): boolean {
  return isObject(value) && typeof value.name === "string" && typeof value.version === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
