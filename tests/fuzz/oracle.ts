/**
 * What an agent owes for a poll body, read a second time from the rules of the wire and without anything of `src/`, so that a
 * defect of the agent's own decoder is not believed. Rule numbers are those of the wire's description.
 */

/** A command that an agent must account for. */
export interface Owed {
  readonly requestId: string;
  readonly shardToken: string;
  readonly kind: "call" | "notification" | "response" | "session_termination" | "oauth_discovery";
  /** JSON-RPC id of a call. */
  readonly id: unknown;
  /** Infinity without a usable `response_timeout`. */
  readonly timeoutMs: number;
}

/** How a command of each kind is answered. */
export const RESPONSE_TYPE: Readonly<Record<Owed["kind"], string>> = {
  call: "jsonrpc_response",
  notification: "notify_ack",
  response: "notify_ack",
  session_termination: "session_termination_response",
  oauth_discovery: "oauth_discovery_response",
};

/** The commands of a poll body in order; undefined when it is refused as a whole (P-58). */
export function readPoll(text: string): Owed[] | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (body === null) return [];
  if (!isRecord(body)) return undefined;
  const list = body.commands ?? [];
  return Array.isArray(list) ? list.flatMap((element) => readCommand(element) ?? []) : undefined;
}

/** Undefined for what is dropped (P-59 to P-63). */
function readCommand(element: unknown): Owed | undefined {
  if (!isRecord(element)) return undefined;
  const { request_id: requestId, shard_token: shardToken, command_type: type } = element;
  if (!isText(requestId) || !isText(shardToken) || !isChannel(element.channel)) return undefined;
  if (!isAbsent(element.created_at) && !isTime(element.created_at)) return undefined;
  const headers = element.headers ?? {};
  if (!isHeaders(headers)) return undefined;
  const base = { requestId, shardToken, id: undefined, timeoutMs: timeoutMs(element.response_timeout) };
  if (type === "oauth_discovery") return { ...base, kind: type };
  if (type === "session_termination") return namesSession(headers) ? { ...base, kind: type } : undefined;
  if (type !== "jsonrpc" || !isRecord(element.jsonrpc) || element.jsonrpc.jsonrpc !== "2.0") return undefined;
  const { id, method } = element.jsonrpc;
  if (!isAbsent(id) && typeof id !== "string" && typeof id !== "number") return undefined;
  if (isText(method)) return isAbsent(id) ? { ...base, kind: "notification" } : { ...base, kind: "call", id };
  return isAbsent(id) ? undefined : { ...base, kind: "response" };
}

function isChannel(value: unknown): boolean {
  if (isAbsent(value)) return true;
  if (typeof value !== "string") return false;
  const name = value.trim();
  return name === "" || /^[a-z0-9_-]{1,64}$/.test(name.toLowerCase());
}

/** A time of RFC 3339 §5.6, on a day that there is. */
function isTime(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-](\d\d):(\d\d))$/.exec(value);
  if (parts === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] = parts
    .slice(1).map((part) => Number(part ?? 0));
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60 && zoneHour < 24 &&
    zoneMinute < 60;
}

function isHeaders(value: unknown): value is Record<string, (string | null)[] | null> {
  return isRecord(value) &&
    Object.values(value).every((values) =>
      values === null ||
      Array.isArray(values) && values.every((item) => item === null || typeof item === "string")
    );
}

function namesSession(headers: Record<string, (string | null)[] | null>): boolean {
  return Object.entries(headers).some(([name, values]) =>
    name.toLowerCase() === "mcp-session-id" && values?.some((value) => isText(value))
  );
}

const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** What is longer than 64 bits of nanoseconds counts as absent (P-69). */
function timeoutMs(value: unknown): number {
  const match = typeof value === "string" ? /^(\d+)(ns|us|ms|s|m|h)$/.exec(value) : null;
  if (match === null) return Infinity;
  const ns = BigInt(match[1] ?? "") * (UNIT_NS[match[2] ?? ""] ?? 0n);
  return ns < 2n ** 63n ? Number(ns) / 1e6 : Infinity;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
