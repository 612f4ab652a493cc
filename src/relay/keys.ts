import { HEADER } from "../agent/wire.ts";
import type { HeaderFields } from "./http1/header_fields.ts";
import { equalsInConstantTime } from "./constant_time.ts";
import { RelayError } from "./relay_error.ts";
import type { Tunnel } from "./tunnel.ts";
import { TUNNEL_ID } from "./tunnel_id.ts";

/** Header in which a connector shows the relay's own key, so that `Authorization` stays free for the target. */
export const CONNECTOR_KEY_HEADER = "X-Tunnel-Connector-Key";

const INSTANCE_ID = HEADER.instanceId.toLowerCase();
const CONNECTOR_KEY = CONNECTOR_KEY_HEADER.toLowerCase();
/** RFC 9110 §11.6.1: a 401 names the scheme. */
const CHALLENGE = { "www-authenticate": "Bearer" };

/** True when one of the expected texts was presented; always looks at all of them. */
export function matchesAny(presented: string | undefined, expected: readonly string[]): boolean {
  if (presented === undefined) return false;
  let found = false;
  for (const one of expected) found = equalsInConstantTime(presented, one) || found;
  return found;
}

/** Whom the relay takes for an agent. */
export interface KnownAgents {
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  /** `Authorization` values that open tunnels which are created later, or have been deleted. */
  readonly newTunnelCredentials: readonly string[];
}

/**
 * Which tunnel an agent's request is for (P-158: the key is looked at before path and method).
 * @param forbiddenStatus status for a key that belongs to another tunnel: 403 for metadata, 401 elsewhere
 * @throws {RelayError} 401 for an unknown key, 401/403 for another tunnel's, 400/404 for an id that is not served
 */
export function authenticateAgent(
  headers: HeaderFields,
  tunnelId: string,
  known: KnownAgents,
  forbiddenStatus: 401 | 403 = 401,
): Tunnel {
  const presented = headers.get("authorization");
  const tunnel = known.tunnels.get(tunnelId);
  if (tunnel !== undefined && matchesAny(presented, tunnel.agentCredentials)) return tunnel;
  if (!isAgentOfAny(presented, known)) {
    throw new RelayError("invalid_api_key", "The API key is missing or unknown to this relay.", {
      headers: CHALLENGE,
    });
  }
  if (tunnel !== undefined) {
    throw new RelayError("tunnel_use_forbidden", "This API key may not use this tunnel.", {
      status: forbiddenStatus,
    });
  }
  if (tunnelId !== "" && !TUNNEL_ID.test(tunnelId)) {
    throw new RelayError(
      "invalid_tunnel_id_format",
      "A tunnel id is tunnel_ and 32 lower-case letters or digits.",
    );
  }
  if (tunnelId !== "") throw new RelayError("tunnel_not_found", "This relay does not serve that tunnel.");
  throw new RelayError("not_found", "This relay does not serve that path.");
}

/** True when the presented `Authorization` value is that of an agent of some tunnel. */
export function isAgentOfAny(
  presented: string | undefined,
  { tunnels, newTunnelCredentials }: KnownAgents,
): boolean {
  let found = matchesAny(presented, newTunnelCredentials);
  for (const tunnel of tunnels.values()) found = matchesAny(presented, tunnel.agentCredentials) || found;
  return found;
}

/** How a connector showed the relay's own key. */
export type ConnectorAccess =
  /** No key is wanted, or it came in its own header: `Authorization` belongs to the target. */
  | "forward-authorization"
  /** The key came in `Authorization`, which therefore stays here. */
  | "keep-authorization"
  | "refused";

/** Looks for the connector key of a tunnel in the two places where it may stand. */
export function connectorAccess(headers: HeaderFields, tunnel: Tunnel): ConnectorAccess {
  if (tunnel.connectorKeys.length === 0) return "forward-authorization";
  const own = headers.get(CONNECTOR_KEY);
  if (own !== undefined) return matchesAny(own, tunnel.connectorKeys) ? "forward-authorization" : "refused";
  const bearer = matchesAny(headers.get("authorization"), tunnel.connectorCredentials);
  return bearer ? "keep-authorization" : "refused";
}

/** The reply to a connector without a valid key. */
export function connectorRefused(): RelayError {
  return new RelayError(
    "invalid_connector_key",
    `This relay wants a connector key in ${CONNECTOR_KEY_HEADER} or as bearer token.`,
    { headers: CHALLENGE, param: CONNECTOR_KEY_HEADER },
  );
}

/** The instance id of the calling agent, or undefined; longer ones than any real one are ignored. */
export function instanceOf(headers: HeaderFields): string | undefined {
  const value = headers.get(INSTANCE_ID);
  return value === undefined || value === "" || value.length > 128 ? undefined : value;
}
