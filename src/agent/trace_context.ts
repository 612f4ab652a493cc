/** The trace that a command belongs to: read with the command (A-48 … A-50), written into its message on wish (A-53 … A-56). */
import { objectMembers, type Span } from "../json/mod.ts";

/** What a control plane says of a command's trace; its grammar is looked at only where it is forwarded. */
export interface TraceContext {
  readonly traceparent: string;
  /** Empty when there is none. */
  readonly tracestate: string;
}

const TRACEPARENT_LENGTH = 55;
const MAX_TRACESTATE_LENGTH = 512;
const MAX_TRACESTATE_MEMBERS = 32;
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/;
const TRACESTATE_KEY =
  /^(?:[a-z0-9][a-z0-9_*\/-]{0,255}|[a-z0-9][a-z0-9_*\/-]{0,240}@[a-z][a-z0-9_*\/-]{0,13})$/;
const TRACESTATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** True for the names of the W3C's own headers, in any letter case. */
export function isTraceHeader(name: string): boolean {
  return /^(?:traceparent|tracestate)$/i.test(name);
}

/**
 * Reads `trace_context` of a command.
 * @param headers the command's own, as they stand in the poll reply
 * @returns undefined where it is absent, unusable, or the connector traces by itself
 */
export function readTraceContext(value: unknown, headers: unknown): TraceContext | undefined {
  if (!isObject(value)) return undefined;
  const { traceparent, tracestate = "" } = value;
  if (typeof traceparent !== "string" || typeof tracestate !== "string") return undefined;
  if (traceparent === "" || traceparent.length > TRACEPARENT_LENGTH) return undefined;
  if (tracestate.length > MAX_TRACESTATE_LENGTH) return undefined;
  if (isObject(headers) && Object.keys(headers).some(isTraceHeader)) return undefined;
  return { traceparent, tracestate };
}

/**
 * The message with the trace in `params._meta`, and every other character as it was.
 * @param text a JSON-RPC request
 * @returns undefined when it is to be sent as it is: the trace is not valid, the message has one already, or has no
 * place for it
 */
export function withTraceContext(text: string, context: TraceContext): string | undefined {
  if (!TRACEPARENT.test(context.traceparent)) return undefined;
  const tracestate = canonicalTracestate(context.tracestate);
  if (tracestate === undefined) return undefined;
  const state = tracestate === "" ? "" : `,"tracestate":${JSON.stringify(tracestate)}`;
  const members = `"traceparent":"${context.traceparent}"${state}`;
  const message = membersOnce(text, 0);
  if (message === undefined) return undefined;
  const paramsSpan = message.get("params");
  if (paramsSpan === undefined) return insertFirst(text, 0, message, `"params":{"_meta":{${members}}}`);
  const params = membersOnce(text, paramsSpan.start);
  if (params === undefined) return undefined;
  const metaSpan = params.get("_meta");
  if (metaSpan === undefined) return insertFirst(text, paramsSpan.start, params, `"_meta":{${members}}`);
  const meta = membersOnce(text, metaSpan.start);
  if (meta === undefined || meta.has("traceparent") || meta.has("tracestate")) return undefined;
  return insertFirst(text, metaSpan.start, meta, members);
}

/** Members of an object by name; undefined when it is no object or one of its names stands there twice. */
function membersOnce(text: string, from: number): Map<string, Span> | undefined {
  const list = objectMembers(text, from);
  if (list === undefined) return undefined;
  const members = new Map(list.map(({ name, value }) => [name, value]));
  return members.size === list.length ? members : undefined;
}

function insertFirst(text: string, from: number, members: ReadonlyMap<string, Span>, added: string): string {
  const behindBrace = text.indexOf("{", from) + 1;
  return `${text.slice(0, behindBrace)}${added}${members.size === 0 ? "" : ","}${text.slice(behindBrace)}`;
}

/** Without the blanks around commas; undefined when it is not valid. */
function canonicalTracestate(tracestate: string): string | undefined {
  const members = tracestate.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = new Set<string>();
  for (const member of members) {
    const equals = member.indexOf("=");
    const key = member.slice(0, Math.max(0, equals));
    if (!TRACESTATE_KEY.test(key) || !TRACESTATE_VALUE.test(member.slice(equals + 1))) return undefined;
    keys.add(key);
  }
  return keys.size === members.length && members.length <= MAX_TRACESTATE_MEMBERS
    ? members.join(",")
    : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
