/**
 * Commands as a control plane sends them, as text, so that a test decides over every character. All values that must
 * never show up in a log contain {@link SECRET}.
 */

/** Part of every payload, header value, key and URL of these tests; whoever logs it leaks. */
export const SECRET = "5ecret";

export const API_KEY = `sk-${SECRET}-0123456789`;
export const TUNNEL_ID = "tunnel_0123456789abcdefghij0123456789ab";
export const INSTANCE_ID = "000102030405060708090a0b0c0d0e0f";

export interface CommandParts {
  readonly requestId?: string;
  readonly shardToken?: string;
  readonly channel?: string;
  readonly createdAt?: string;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly responseTimeout?: string;
}

const HEADERS = { Authorization: [`Bearer ${SECRET}-of-the-caller`] };

/** A `jsonrpc` command around the text of a message. */
export function jsonrpcCommand(messageText: string, parts: CommandParts = {}): string {
  return `{${commonMembers("jsonrpc", parts)},"jsonrpc":${messageText}}`;
}

/** A call; its request id is `req-` and its JSON-RPC id unless given. */
export function callCommand(
  id: string | number,
  parts: CommandParts & { readonly method?: string; readonly params?: unknown } = {},
): string {
  const { method = "tools/call", params = { text: `${SECRET} argument` } } = parts;
  const message = JSON.stringify({ jsonrpc: "2.0", id, method, params });
  return jsonrpcCommand(message, { requestId: `req-${id}`, ...parts });
}

export function notificationCommand(parts: CommandParts & { readonly method?: string } = {}): string {
  const { method = "notifications/initialized" } = parts;
  const message = JSON.stringify({ jsonrpc: "2.0", method, params: { text: `${SECRET} argument` } });
  return jsonrpcCommand(message, { requestId: "req-notification", ...parts });
}

export function sessionTerminationCommand(parts: CommandParts = {}): string {
  const headers = { ...HEADERS, "Mcp-Session-Id": ["session-1"] };
  return `{${commonMembers("session_termination", { requestId: "req-session", headers, ...parts })}}`;
}

export function oauthDiscoveryCommand(parts: CommandParts = {}): string {
  return `{${commonMembers("oauth_discovery", { requestId: "req-oauth", headers: {}, ...parts })}}`;
}

function commonMembers(type: string, parts: CommandParts): string {
  const { requestId = "req-1", shardToken = `shard of ${parts.requestId ?? "req-1"}` } = parts;
  const members: Record<string, unknown> = {
    request_id: requestId,
    shard_token: shardToken,
    command_type: type,
    channel: parts.channel ?? "main",
    created_at: parts.createdAt,
    headers: parts.headers ?? HEADERS,
    response_timeout: parts.responseTimeout,
  };
  return JSON.stringify(members).slice(1, -1);
}
