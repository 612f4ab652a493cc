/**
 * From the body of a poll reply to commands. The body is parsed once with the native parser, to look at; what is
 * forwarded is cut out of the text that was received.
 */
import type { Command } from "./command.ts";
import { parseResponseTimeout } from "./response_timeout.ts";
import { readTraceContext } from "./trace_context.ts";
import { canonicalChannel, findMember, HEADER, type HeaderMap, headerValue, scanObject } from "./wire.ts";

/** The body of a poll reply is not a command list; the whole batch is lost (P-58). */
export class PollBodyError extends Error {
  override readonly name = "PollBodyError";
}

/** What a poll reply says about all of its commands. */
export interface PollFacts {
  readonly headersComplete: boolean;
}

/** A longer text of a time limit counts, and is not logged. */
const MAX_LOGGED_TIMEOUT_CHARS = 128;

const PUBLISHED: PollFacts = { headersComplete: false };

/** An element of the list that cannot be a command (P-59). */
export interface DroppedElement {
  readonly reason: string;
  /** Its `request_id`, if it has a usable one. */
  readonly requestId: string | undefined;
  /** Its unknown `command_type`, if that is why it was dropped (P-62). */
  readonly commandType: string | undefined;
}

export interface DecodedPoll {
  readonly commands: Command[];
  readonly dropped: DroppedElement[];
  /** Request ids of commands that nobody waits for any more; only a relay of ours says so (feature `cancel`). */
  readonly cancelled: readonly string[];
}

/**
 * Decodes the body of a poll reply.
 * @param text the body as received
 * @param receivedAt instant of the monotonic clock at which the response head arrived
 * @param facts by default what holds for every control plane
 * @throws {PollBodyError} when the body is no JSON object or its `commands` is no array
 */
export function decodePoll(text: string, receivedAt: number, facts: PollFacts = PUBLISHED): DecodedPoll {
  const { list, cancelled } = envelopeOf(text);
  const commands: Command[] = [];
  const dropped: DroppedElement[] = [];
  if (list.length === 0) return { commands, dropped, cancelled };
  const span = findMember(text, "commands");
  let at = span ? span.start + 1 : text.length;
  for (const element of list) {
    at = nextElement(text, at);
    const { member, end } = scanObject(text, "jsonrpc", at);
    at = end;
    try {
      const jsonrpcText = member ? text.slice(member.start, member.end) : "";
      commands.push(decodeCommand(element, jsonrpcText, receivedAt, facts));
    } catch (error) {
      if (!(error instanceof ElementError)) throw error;
      dropped.push({
        reason: error.message,
        requestId: isObject(element) ? text64(element.request_id) : undefined,
        commandType: error.commandType,
      });
    }
  }
  return { commands, dropped, cancelled };
}

class ElementError extends Error {
  constructor(message: string, readonly commandType?: string) {
    super(message);
  }
}

interface Envelope {
  readonly list: readonly unknown[];
  readonly cancelled: readonly string[];
}

const NOTHING: Envelope = { list: [], cancelled: [] };

function envelopeOf(text: string): Envelope {
  let envelope: unknown;
  try {
    envelope = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new PollBodyError("poll reply is not JSON");
  }
  if (envelope === null) return NOTHING;
  if (!isObject(envelope)) throw new PollBodyError("poll reply is not a JSON object");
  const list = envelope.commands ?? [];
  if (!Array.isArray(list)) throw new PollBodyError('"commands" of the poll reply is not an array');
  return { list, cancelled: idsOf(envelope.cancelled) };
}

/** On the published wire this is an unknown member, which may be anything (P-59). */
function idsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return NOTHING.cancelled;
  return value.filter((item): item is string => typeof item === "string");
}

/** Skips blanks and commas before the next element. */
function nextElement(text: string, at: number): number {
  while (at < text.length && " \n\r\t,".includes(text.charAt(at))) at++;
  return at;
}

function decodeCommand(
  element: unknown,
  jsonrpcText: string,
  receivedAt: number,
  { headersComplete }: PollFacts,
): Command {
  if (element !== null && !isObject(element)) throw new ElementError("command is not an object");
  const type = commandType(element?.command_type);
  if (element === null) throw new ElementError("missing command_type");
  const timeoutMs = parseResponseTimeout(element.response_timeout);
  const base = {
    requestId: requiredText(element, "request_id"),
    shardToken: requiredText(element, "shard_token"),
    channel: channelOf(element.channel),
    createdAtMs: createdAt(element.created_at),
    headers: headersOf(element.headers),
    headersComplete,
    receivedAt,
    deadlineAt: timeoutMs === undefined ? Infinity : receivedAt + timeoutMs,
    responseTimeout: timeoutMs === undefined ? undefined : loggedText(element.response_timeout),
  };
  if (type === "jsonrpc") {
    const traceContext = readTraceContext(element.trace_context, element.headers);
    return { ...base, type, ...jsonRpcOf(element.jsonrpc, jsonrpcText), traceContext };
  }
  if (type === "session_termination" && headerValue(base.headers, HEADER.mcpSessionId) === undefined) {
    throw new ElementError("session_termination without Mcp-Session-Id");
  }
  return { ...base, type };
}

function commandType(value: unknown): Command["type"] {
  if (value === undefined || value === null || value === "") throw new ElementError("missing command_type");
  if (typeof value !== "string") throw new ElementError("command_type is not a string");
  if (value === "jsonrpc" || value === "session_termination" || value === "oauth_discovery") return value;
  throw new ElementError("unknown command_type", value.slice(0, 64));
}

function loggedText(value: unknown): string | undefined {
  return typeof value === "string" && value.length < MAX_LOGGED_TIMEOUT_CHARS ? value : undefined;
}

function requiredText(element: Record<string, unknown>, name: string): string {
  const value = element[name];
  if (value === undefined || value === null || value === "") throw new ElementError(`missing ${name}`);
  if (typeof value !== "string") throw new ElementError(`${name} is not a string`);
  return value;
}

function channelOf(value: unknown): string {
  if (value === undefined || value === null) return "main";
  if (typeof value !== "string") throw new ElementError("channel is not a string");
  const channel = canonicalChannel(value);
  if (channel === undefined) throw new ElementError("invalid channel name");
  return channel;
}

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

function createdAt(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const match = typeof value === "string" ? RFC3339.exec(value) : null;
  const timeMs = match && isDay(match.slice(1, 4).map(Number)) ? Date.parse(match[0]) : NaN;
  if (Number.isNaN(timeMs)) throw new ElementError("created_at is not an RFC 3339 time");
  return timeMs;
}

/** `Date.parse` alone takes 30 February for 2 March. The calendar repeats every 400 years. */
function isDay([year = 0, month = 0, day = 0]: readonly number[]): boolean {
  return day >= 1 && day <= new Date(Date.UTC(2000 + year % 400, month, 0)).getUTCDate();
}

const NO_HEADERS: HeaderMap = Object.freeze({});

function headersOf(value: unknown): HeaderMap {
  if (value === undefined || value === null) return NO_HEADERS;
  if (!isObject(value)) throw new ElementError("headers is not an object");
  const headers: [string, string[]][] = [];
  for (const name of Object.keys(value)) {
    const values = value[name];
    if (values === null) continue;
    if (!Array.isArray(values)) throw new ElementError("a header's values are not an array");
    headers.push([name, values.map(headerItem)]);
  }
  // Not by assignment: a header may be called `__proto__`.
  return Object.fromEntries(headers);
}

function headerItem(item: unknown): string {
  if (item === null) return "";
  if (typeof item !== "string") throw new ElementError("a header value is not a string");
  return item;
}

function jsonRpcOf(message: unknown, text: string) {
  if (message === undefined) throw new ElementError("missing jsonrpc");
  if (!isObject(message)) throw new ElementError("jsonrpc is not an object");
  if (message.jsonrpc !== "2.0") throw new ElementError('jsonrpc version is not "2.0"');
  const id = message.id ?? undefined;
  if (id !== undefined && typeof id !== "string" && typeof id !== "number") {
    throw new ElementError("jsonrpc id is neither string nor number");
  }
  const method = message.method;
  if (typeof method === "string" && method !== "") {
    const kind = id === undefined ? "notification" as const : "call" as const;
    return { kind, text, message, method, id };
  }
  if (id === undefined) throw new ElementError("jsonrpc has neither method nor id");
  return { kind: "response" as const, text, message, method: "", id };
}

function text64(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 64) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
