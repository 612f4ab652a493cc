import { canonicalChannel, type CommandType, HEADER, MAIN_CHANNEL } from "../agent/wire.ts";
import { idText } from "./agent_response.ts";
import { bodyText } from "./body_text.ts";
import { ConnectorReply } from "./connector_reply.ts";
import { DiscoveryReply } from "./discovery_reply.ts";
import { forwardedHeadersJson } from "./forwarded_headers.ts";
import type { HeaderFields } from "./http1/header_fields.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { shapeFault } from "./json_rpc_shape.ts";
import { type ConnectorAccess, connectorAccess, connectorRefused } from "./keys.ts";
import type { CallTraits } from "./pending_call.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import { beginsSession, endsSession, isStateless, type SessionStep } from "./session_steps.ts";
import { type Session, SessionTable } from "./session_table.ts";
import type { Tunnel } from "./tunnel.ts";

const SESSION_ID = HEADER.mcpSessionId.toLowerCase();
const PROTOCOL_VERSION = "mcp-protocol-version";
/** Metadata is public, so anybody may ask for it; but not for more than this at a time. */
const MAX_OPEN_DISCOVERIES = 8;

/**
 * Takes a connector's request and holds it until its answer (P-170 … P-178).
 * @param channelSegment last path segment, undefined when there is none
 * @throws {RelayError} for everything that does not become a command
 */
export async function ingress(
  core: RelayCore,
  tunnelId: string,
  channelSegment: string | undefined,
  request: HttpRequest,
): Promise<HttpReply> {
  const { tunnel, channel, access } = address(core, tunnelId, channelSegment, request);
  const { headers } = request;
  const session = sessionOf(tunnel, channel, request);
  const keepAuthorization = access === "keep-authorization";
  if (request.method === "POST") {
    const message = await readMessage(core, request);
    const isIssuedHere = session?.issuer === "relay";
    return await hold(core, tunnel, "jsonrpc", {
      channel,
      headersJson: forwardedHeadersJson(headers, keepAuthorization, isIssuedHere ? SESSION_ID : undefined),
      jsonrpc: message.text,
      request,
      session,
      sessionStep: message.method === "initialize" && message.isRequest
        ? beginsSession(tunnel.sessions, channel, message.protocolVersion)
        : undefined,
      callText: message.isRequest ? message.text : undefined,
      traits: traitsOf(message, headers),
      answers: message.answers,
    });
  }
  const sessionId = terminated(headers);
  if (session?.issuer === "relay") {
    tunnel.sessions.end(channel, sessionId);
    return core.replies.empty(204);
  }
  return await hold(core, tunnel, "session_termination", {
    channel,
    headersJson: forwardedHeadersJson(headers, keepAuthorization),
    jsonrpc: undefined,
    request,
    session,
    sessionStep: endsSession(tunnel.sessions, channel, sessionId),
    callText: undefined,
    traits: undefined,
    answers: undefined,
  });
}

/** What a connector's URL and key lead to. */
export interface Address {
  readonly tunnel: Tunnel;
  readonly channel: string;
  readonly access: ConnectorAccess;
}

/** @throws {RelayError} 404 for what is not served, 401 without the tunnel's key */
export function address(
  core: RelayCore,
  tunnelId: string,
  channelSegment: string | undefined,
  { headers }: HttpRequest,
): Address {
  const tunnel = core.tunnels.get(tunnelId);
  const channel = channelSegment === undefined ? MAIN_CHANNEL : canonicalChannel(channelSegment);
  if (tunnel === undefined || channel === undefined) {
    throw new RelayError("not_found", "This relay does not serve that tunnel, channel or path.");
  }
  const access = connectorAccess(headers, tunnel);
  if (access === "refused") throw connectorRefused();
  return { tunnel, channel, access };
}

/**
 * The session that a request names, where the relay knows it; others are the target's to judge.
 * @throws {RelayError} 404 for one that is over (MCP 2025-11-25, session management)
 */
export function sessionOf(
  tunnel: Tunnel,
  channel: string,
  { method, headers }: HttpRequest,
): Session | undefined {
  const id = headers.get(SESSION_ID);
  if (id === undefined || id === "") return undefined;
  const session = tunnel.sessions.find(channel, id);
  if (session !== undefined) return session;
  // What a second end of its own session means is the target's to say.
  if (method === "DELETE" && !SessionTable.isIssued(id)) return undefined;
  if (tunnel.sessions.isOver(channel, id)) {
    throw new RelayError("mcp_session_not_found", "This session is over; begin a new one.", {
      param: HEADER.mcpSessionId,
    });
  }
  return undefined;
}

/**
 * Fetches the target's protected-resource metadata through the tunnel (P-180).
 * @throws {RelayError} 404 for another tunnel, 429 when too many callers ask, 503 without agent
 */
export async function discover(core: RelayCore, tunnelId: string, request: HttpRequest): Promise<HttpReply> {
  const tunnel = core.tunnels.get(tunnelId);
  if (tunnel === undefined) {
    throw new RelayError("not_found", "This relay does not serve that tunnel or path.");
  }
  if (tunnel.openDiscoveries >= MAX_OPEN_DISCOVERIES) {
    throw new RelayError("rate_limit_exceeded", "Too many metadata requests are open for this tunnel.", {
      headers: { "retry-after": "1" },
    });
  }
  const requestId = core.ids.next("cmd");
  const base = publicBase(core, request);
  const resource = `${base}/v1/mcp/${tunnelId}`;
  const reply = new DiscoveryReply(requestId, resource, () => metadataUrl(base, tunnelId), core);
  const call = core.open({
    tunnel,
    commandType: "oauth_discovery",
    channel: MAIN_CHANNEL,
    // The caller's credentials are not for the metadata request (P-110, P-180).
    headersJson: "{}",
    jsonrpc: undefined,
    requestId,
    reply,
  });
  tunnel.openDiscoveries++;
  request.onHangUp(() => core.hungUp(call));
  try {
    return await reply.response;
  } finally {
    tunnel.openDiscoveries--;
  }
}

interface Held {
  readonly channel: string;
  readonly headersJson: string;
  readonly jsonrpc: string | undefined;
  readonly request: HttpRequest;
  readonly session: Session | undefined;
  readonly sessionStep: SessionStep | undefined;
  readonly callText: string | undefined;
  readonly traits: CallTraits | undefined;
  /** Id, as JSON, of the target's request that the message answers. */
  readonly answers: string | undefined;
}

/** What decides over how the call of a message is treated. */
function traitsOf({ isRequest, method }: Message, headers: HeaderFields): CallTraits {
  return {
    isAside: !isRequest,
    staysOpen: isRequest && method === "subscriptions/listen",
    endsWithConnector: isRequest && isStateless(headers.get(PROTOCOL_VERSION) ?? ""),
    sessionId: headers.get(SESSION_ID) ?? "",
  };
}

/** Opens the call and gives the promise of its reply. */
function hold(core: RelayCore, tunnel: Tunnel, commandType: CommandType, held: Held): Promise<HttpReply> {
  const { request, channel, headersJson, jsonrpc, session, sessionStep, callText, traits, answers } = held;
  const requestId = core.ids.next("cmd");
  const reply = new ConnectorReply({
    core,
    tunnel,
    requestId,
    acceptsEvents: acceptsEventStream(request.headers.get("accept")),
    session,
    authorization: session === undefined ? undefined : request.headers.get("authorization"),
    sessionStep,
    callText,
    metadataUrl: () => metadataUrl(publicBase(core, request), tunnel.id),
  });
  const call = core.open({
    tunnel,
    commandType,
    channel,
    headersJson,
    jsonrpc,
    requestId,
    ...(traits === undefined ? {} : { traits }),
    reply,
  });
  if (answers !== undefined) core.clock.answered(call, answers);
  request.onHangUp(() => {
    if (!reply.detach()) core.hungUp(call);
    else if (!reply.isRead) core.clock.left(call);
  });
  return reply.response;
}

interface Message {
  readonly text: string;
  readonly method: unknown;
  readonly isRequest: boolean;
  /** Id, as JSON, of the target's request that it answers; undefined when it is no answer. */
  readonly answers: string | undefined;
  /** Revision that an `initialize` asks for. */
  readonly protocolVersion: unknown;
}

/** The body of a POST, looked at but not changed (P-170). */
async function readMessage(core: RelayCore, request: HttpRequest): Promise<Message> {
  const text = await bodyText(request, core.settings.maxRequestBytes);
  const value = parsed(text);
  const fault = shapeFault(value);
  if (fault !== undefined) throw new RelayError("invalid_json_payload", fault);
  const { id, method, params } = value as {
    id?: unknown;
    method?: unknown;
    params?: Record<string, unknown>;
  };
  const isRequest = method !== undefined && id !== undefined && id !== null;
  const answers = method === undefined ? idText(id) : undefined;
  return { text, method, isRequest, answers, protocolVersion: params?.["protocolVersion"] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = text.trim() === "" ? "The body is empty." : "The body is not JSON.";
    throw new RelayError("invalid_json_payload", message);
  }
}

/** The session that a `DELETE` ends. */
function terminated(headers: HeaderFields): string {
  const id = headers.get(SESSION_ID) ?? "";
  if (id !== "") return id;
  throw new RelayError(
    "missing_mcp_session_id",
    `Ending a session needs its ${HEADER.mcpSessionId} header.`,
    {
      param: HEADER.mcpSessionId,
    },
  );
}

/** True when one of the media ranges is that of server-sent events; parameters do not count (P-173). */
export function acceptsEventStream(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return accept.split(",").some((range) =>
    range.split(";", 1)[0]?.trim().toLowerCase() === "text/event-stream"
  );
}

/** Base of the URLs that the caller is told. What it sent as Host is repeated only if it looks like one. */
function publicBase(core: RelayCore, { authority }: HttpRequest): string {
  return core.settings.publicBaseUrl ??
    `http://${/^[\w.~:[\]-]+$/.test(authority) ? authority : "localhost"}`;
}

function metadataUrl(base: string, tunnelId: string): string {
  return `${base}/.well-known/oauth-protected-resource/v1/mcp/${tunnelId}`;
}
