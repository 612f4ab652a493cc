/** What the control plane says when it refuses a call (section 19). */

/** Only this much is kept of a body without a known shape, or of one of its members (P-137). */
const MAX_TEXT_BYTES = 1024;
/** Only this much of an error body is read (P-136). */
export const MAX_ERROR_BODY_BYTES = 65_536;

/** The known parts of an error body; empty texts where there are none. */
export interface ServiceErrorDetail {
  readonly code: string;
  readonly type: string;
  readonly message: string;
  /** The raw text, cut, when the body is no error object. */
  readonly body: string;
}

/**
 * Reads an error body in the published order (P-137).
 * @param maxTextBytes how much is kept of each text
 */
export function parseServiceError(text: string, maxTextBytes = MAX_TEXT_BYTES): ServiceErrorDetail {
  const trimmed = text.trim();
  if (trimmed === "") return { code: "", type: "", message: "", body: "" };
  const parsed = parseObject(trimmed);
  if (!parsed) return { code: "", type: "", message: "", body: cut(trimmed, maxTextBytes) };
  const inner = parsed.error;
  if (isObject(inner)) return detailOf(inner, inner.message, maxTextBytes);
  if (inner !== undefined && inner !== null) {
    return { code: "", type: "", message: "", body: cut(trimmed, maxTextBytes) };
  }
  const message = parsed.message ?? "";
  return detailOf(
    parsed,
    message === "" && parsed.detail !== undefined ? parsed.detail : message,
    maxTextBytes,
  );
}

/**
 * One line for operators: code, message or body, and what to do about it (P-138).
 * @returns empty when nothing is known
 */
export function describeServiceError(detail: ServiceErrorDetail): string {
  const said = [detail.code, detail.message || detail.body].filter((part) => part !== "").join(": ");
  const hint = mitigationFor(detail.code);
  if (hint === undefined) return said;
  return said === "" ? `mitigation: ${hint}` : `${said} mitigation: ${hint}`;
}

/** What an operator can do about an error code (P-139), or undefined. */
export function mitigationFor(code: string): string | undefined {
  return HINTS.get(code);
}

function detailOf(
  source: Record<string, unknown>,
  message: unknown,
  maxTextBytes: number,
): ServiceErrorDetail {
  return {
    code: cut(asText(source.code), maxTextBytes),
    type: cut(asText(source.type), maxTextBytes),
    message: cut(asText(message), maxTextBytes),
    body: "",
  };
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Cuts between characters, so that no half of one is left. */
function cut(text: string, maxTextBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxTextBytes));
  return read < text.length ? `${text.slice(0, read)}...` : text;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const HINTS: ReadonlyMap<string, string> = new Map(Object.entries({
  invalid_tunnel_id_format:
    "copy the tunnel id exactly into --control-plane.tunnel-id, CONTROL_PLANE_TUNNEL_ID or control_plane.tunnel_id",
  invalid_channel_format: "channel names consist of lowercase letters, digits, - and _",
  rate_limit_exceeded: "send less at a time; the client tries again by itself after a pause",
  request_body_too_large: "make the body smaller and leave out large inline data",
  invalid_json_payload: "the caller has to send one JSON object",
  missing_mcp_session_id: "DELETE needs the Mcp-Session-Id header of the session to end",
  rfc9728_www_authenticate_unsupported: "use the well-known OAuth discovery URLs instead",
  tunnel_missing_principals: "use a key that belongs to the intended organization or workspace",
  tunnel_management_permission_required: "the key needs the Tunnels Read and Manage permission",
  tunnel_use_forbidden:
    "use credentials with access to this tunnel, or create it again in the owning organization",
  tunnel_active_organization_required:
    "set --control-plane.organization-id, CONTROL_PLANE_ORGANIZATION_ID or control_plane.organization_id",
  tunnel_active_organization_context_required:
    "choose an organization before listing principals or overrides",
  tunnel_principal_validation_override_management_permission_required:
    "the credential may not manage validation overrides",
  tunnel_principal_validation_override_automatically_derivable:
    "no override is needed; create or update the tunnel directly",
  tunnel_principal_association_unverified:
    "use a combination that can be verified, or ask for a reviewed override",
  tunnel_principal_limit_exceeded: "shorten tenant_ids, workspace_ids or organization_ids",
  tunnel_request_mismatch: "answer with the tunnel id that received the command",
  pending_request_not_found:
    "a single case is a harmless race; if it repeats, see who else answers for this tunnel",
  tunnel_queue_full: "lower the concurrency or give the client more capacity",
  tunnel_client_not_seen: "start the client with this tunnel id and its key",
  tunnel_client_not_connected: "start the client again, then look at its /readyz and its log",
  oauth_shim_invalid_target_uri:
    "use an absolute http(s) URI, or harpoon://<label> with a label from harpoon.targets[].label",
  oauth_shim_unshimmable_endpoint: "configure supported endpoints and grouped targets",
  oauth_shim_target_not_found: "correct harpoon.targets[].label and restart",
  oauth_shim_harpoon_call_failed: "look at the harpoon URL, the health of its target, and the log",
  oauth_shim_upstream_timeout: "the upstream has to answer before the tunnel's time limit",
}));
