/** A whole MCP handshake, as a client makes it: initialize, initialized, tools/list, end of the session. */
import {
  type CallObserver,
  type CallResult,
  type Channel,
  type ChannelCall,
  type ChannelFailure,
  discoverCall,
  type HeaderMap,
  initializeCall,
  initializedNotification,
  isLegacyVersion,
  type JsonText,
  readDiscovered,
  readInitialized,
  type ServerIdentity,
  type Session,
} from "../channels/mod.ts";
import { msSince } from "./deadline.ts";
import type { Hop } from "./report.ts";

/** A list that has not ended by then is not read further. */
const MAX_PAGES = 20;
const FIRST_LIST_ID = 3;

/** How far it came. */
export type HandshakeResult =
  | {
    readonly type: "done";
    readonly server: ServerIdentity;
    /** How many tools there are, or why the list was not given. */
    readonly tools: number | string;
    readonly hops: readonly Hop[];
  }
  /** The server wants a token, which only callers have. */
  | { readonly type: "locked"; readonly hops: readonly Hop[] }
  | {
    readonly type: "failed";
    readonly detail: string;
    readonly cause: FailureCause;
    readonly hops: readonly Hop[];
  };

/** Who is to be looked at: something that answers and is no MCP server, its certificate, or the way there. */
export type FailureCause = "stranger" | "tls" | "way";

/** What of a request must be repeated in those behind it. */
interface Manner {
  readonly headers: HeaderMap;
  readonly meta: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Speaks with a channel that has been started.
 * @throws the signal's `reason` when it was aborted
 */
export async function shakeHands(channel: Channel, signal: AbortSignal): Promise<HandshakeResult> {
  const hops: Hop[] = [];
  const timed = async (name: string, call: ChannelCall): Promise<CallResult> => {
    const startMs = performance.now();
    const result = await channel.call(call, IGNORING, signal);
    hops.push({ name, ms: msSince(startMs) });
    return result;
  };
  const answer = await timed("initialize", initializeCall());
  if (statusOf(answer) === 401) return { type: "locked", hops };
  const server = answer.type === "response" ? readAnswer(answer.text, readInitialized) : undefined;
  if (server !== undefined && isLegacyVersion(server.protocolVersion)) {
    const session = sessionOf(answer, server);
    const initialized = initializedNotification(session);
    await channel.notify(initialized, signal);
    const tools = await listTools({ headers: initialized.headers, meta: undefined }, timed);
    if (session.id !== undefined) await channel.terminateSession?.(initialized.headers, signal);
    return { type: "done", server, tools, hops };
  }
  // Who refuses `initialize` in words may know only the stateless form.
  const refused = answer.type !== "failure" || answer.upstreamStatus === 400;
  if (!refused || server !== undefined) {
    const detail = server === undefined ? "" : `protocol version ${server.protocolVersion} is not known`;
    return { ...failed(answer, hops), ...(detail === "" ? {} : { detail }) };
  }
  const discover = discoverCall();
  const discovered = await timed("server/discover", discover);
  if (statusOf(discovered) === 401) return { type: "locked", hops };
  const modern = discovered.type === "response" ? readAnswer(discovered.text, readDiscovered) : undefined;
  if (modern === undefined) return failed(answer, hops);
  const { params } = discover.message;
  const meta = typeof params === "object" && params !== null ? Reflect.get(params, "_meta") : undefined;
  const tools = await listTools({ headers: discover.headers, meta }, timed);
  return { type: "done", server: modern, tools, hops };
}

/** @returns how many there are on all pages, or why that is not known */
async function listTools(
  { headers, meta }: Manner,
  send: (name: string, call: ChannelCall) => Promise<CallResult>,
): Promise<number | string> {
  let count = 0;
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const id = FIRST_LIST_ID + page;
    const params = {
      ...cursor === undefined ? {} : { cursor },
      ...meta === undefined ? {} : { _meta: meta },
    };
    const message = { jsonrpc: "2.0", id, method: "tools/list", params };
    const call: ChannelCall = {
      id,
      method: "tools/list",
      message,
      text: JSON.stringify(message),
      headers: meta === undefined ? headers : { ...headers, "Mcp-Method": ["tools/list"] },
    };
    const answer = await send(page === 0 ? "tools/list" : `tools/list, page ${page + 1}`, call);
    if (answer.type === "failure") return answer.detail;
    if (answer.errorCode !== undefined) return `refused with JSON-RPC error ${answer.errorCode}`;
    const listed = readAnswer(answer.text, readToolList);
    if (listed === undefined) return "the answer is not a list of tools";
    count += listed.count;
    cursor = listed.nextCursor;
    if (cursor === undefined) return count;
  }
  return count;
}

function sessionOf(answer: CallResult, { protocolVersion }: ServerIdentity): Session {
  const id = answer.headers.find(([name]) => name.toLowerCase() === "mcp-session-id")?.[1];
  return { id, protocolVersion };
}

/** Another server's text may be anything. */
function readAnswer<T>(text: JsonText, read: (text: JsonText) => T | undefined): T | undefined {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readToolList(text: JsonText): { count: number; nextCursor: string | undefined } | undefined {
  const answer: unknown = JSON.parse(typeof text === "string" ? text : new TextDecoder().decode(text));
  const result = typeof answer === "object" && answer !== null ? Reflect.get(answer, "result") : undefined;
  if (typeof result !== "object" || result === null) return undefined;
  const [tools, cursor]: unknown[] = [Reflect.get(result, "tools"), Reflect.get(result, "nextCursor")];
  if (!Array.isArray(tools)) return undefined;
  return {
    count: tools.length,
    nextCursor: typeof cursor === "string" && cursor !== "" ? cursor : undefined,
  };
}

function failed(answer: CallResult, hops: readonly Hop[]): Extract<HandshakeResult, { type: "failed" }> {
  if (answer.type === "failure") {
    return { type: "failed", detail: answer.detail, cause: causeOf(answer), hops };
  }
  const how = answer.errorCode === undefined
    ? "the answer to initialize is not that of an MCP server"
    : `initialize was refused with JSON-RPC error ${answer.errorCode}`;
  return { type: "failed", detail: how, cause: "stranger", hops };
}

function causeOf({ kind, upstreamStatus }: ChannelFailure): FailureCause {
  if (kind === "tls") return "tls";
  const isAnswer = upstreamStatus !== 0 || kind === "invalid_protocol_response" ||
    kind === "malformed_json" ||
    kind === "non_protocol_response";
  return isAnswer ? "stranger" : "way";
}

function statusOf(answer: CallResult): number {
  return answer.type === "failure" ? answer.upstreamStatus : answer.status;
}

const IGNORING: CallObserver = { sent: () => undefined, notification: () => Promise.resolve() };
