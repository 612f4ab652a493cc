/** What the startup probe says, and what it makes of the answers (PB-2, PB-3). */
import { CLIENT_NAME, VERSION } from "../../version.ts";
import type { ChannelCall, ChannelRequest, HeaderMap, JsonText } from "../channel.ts";

const PROBE_VERSION = "2025-06-18";
const LEGACY_VERSIONS: ReadonlySet<string> = new Set([
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
]);
const STATELESS_VERSION = "2026-07-28";
const CLIENT_INFO = { name: CLIENT_NAME, version: VERSION };
const MAX_SHOWN_LENGTH = 128;

/** How a server introduced itself; fit for a log. */
export interface ServerIdentity {
  readonly protocolVersion: string;
  readonly name: string | undefined;
  readonly version: string | undefined;
}

/** What `initialize` opened. */
export interface Session {
  /** Absent when the server keeps no sessions. */
  readonly id: string | undefined;
  readonly protocolVersion: string;
}

/** True for a protocol version of the era of `initialize` (PB-3). */
export function isLegacyVersion(version: string): boolean {
  return LEGACY_VERSIONS.has(version);
}

/** The handshake's first message. No capability is claimed, because nobody could answer for it. */
export function initializeCall(): ChannelCall {
  const params = { protocolVersion: PROBE_VERSION, clientInfo: CLIENT_INFO, capabilities: {} };
  return callOf(1, "initialize", params, {});
}

/** The same question in the stateless form of 2026-07-28. */
export function discoverCall(): ChannelCall {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": STATELESS_VERSION,
    "io.modelcontextprotocol/clientInfo": CLIENT_INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const headers = { "MCP-Protocol-Version": [STATELESS_VERSION], "Mcp-Method": ["server/discover"] };
  return callOf(2, "server/discover", { _meta: meta }, headers);
}

/** Completes the handshake of a session. */
export function initializedNotification(session: Session): ChannelRequest {
  const method = "notifications/initialized";
  const message = { jsonrpc: "2.0", method };
  const headers: Record<string, string[]> = { "MCP-Protocol-Version": [session.protocolVersion] };
  if (session.id !== undefined) headers["Mcp-Session-Id"] = [session.id];
  return { method, message, text: JSON.stringify(message), headers };
}

/** Reads the answer to `initialize`; undefined when it is an error or no initialize result. */
export function readInitialized(text: JsonText): ServerIdentity | undefined {
  const result = resultOf(text);
  if (result === undefined || typeof result.protocolVersion !== "string") return undefined;
  return identityOf(result.serverInfo, result.protocolVersion);
}

/** Reads the answer to `server/discover`: a list of protocol dates, and capabilities; else undefined. */
export function readDiscovered(text: JsonText): ServerIdentity | undefined {
  const result = resultOf(text);
  if (result === undefined || !isObject(result.capabilities)) return undefined;
  const { supportedVersions, _meta } = result;
  if (!Array.isArray(supportedVersions) || supportedVersions.length === 0) return undefined;
  if (!supportedVersions.every(isDate)) return undefined;
  const serverInfo = isObject(_meta) ? _meta["io.modelcontextprotocol/serverInfo"] : undefined;
  return identityOf(serverInfo, STATELESS_VERSION);
}

function callOf(
  id: number,
  method: string,
  params: Record<string, unknown>,
  headers: HeaderMap,
): ChannelCall {
  const message = { jsonrpc: "2.0", id, method, params };
  return { id, method, message, text: JSON.stringify(message), headers };
}

/** The `result` of a response; undefined when it is an error or no object. */
function resultOf(text: JsonText): Record<string, unknown> | undefined {
  const response: unknown = JSON.parse(typeof text === "string" ? text : new TextDecoder().decode(text));
  return isObject(response) && isObject(response.result) ? response.result : undefined;
}

function identityOf(serverInfo: unknown, protocolVersion: string): ServerIdentity {
  const info = isObject(serverInfo) ? serverInfo : {};
  return { protocolVersion, name: shown(info.name), version: shown(info.version) };
}

/** A name that the target gave itself, fit for a log. */
function shown(value: unknown): string | undefined {
  return typeof value === "string"
    ? value.replace(/[^\x20-\x7e]/g, "?").slice(0, MAX_SHOWN_LENGTH)
    : undefined;
}

function isDate(value: unknown): boolean {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
