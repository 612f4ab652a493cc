/** The header fields that every call to the control plane carries (section 2). */
import type { ControlPlaneConfig } from "../config/mod.ts";
import type { HeaderPairs } from "../net/mod.ts";
import type { Log } from "../ops/mod.ts";
import { CLIENT_NAME, VERSION } from "../version.ts";
import { HEADER, WIRE_VERSION } from "./wire.ts";

/** Names that operator headers may never replace (P-10, P-11, P-13, A-8). */
const PROTECTED = new Set([
  "authorization",
  "accept",
  "user-agent",
  "content-type",
  "content-length",
  "host",
  ...[
    HEADER.clientName,
    HEADER.clientVersion,
    HEADER.wireVersion,
    HEADER.instanceId,
    HEADER.serverInfo,
    HEADER.shardToken,
    HEADER.clientRequestId,
    HEADER.relayFeatures,
    "X-Tunnel-Client-Capabilities",
  ].map((name) => name.toLowerCase()),
]);

/**
 * Operator headers first, then everything that must not be replaced (P-10).
 * @param instanceId 32 hex digits, one per process start (P-17)
 * @param log warned once for each operator header that is left out
 */
export function controlPlaneHeaders(config: ControlPlaneConfig, instanceId: string, log: Log): HeaderPairs {
  const headers: [string, string][] = [];
  const warned = new Set<string>();
  for (const [name, value] of config.extraHeaders) {
    const lower = name.trim().toLowerCase();
    if (!PROTECTED.has(lower)) {
      if (lower !== HEADER.organization.toLowerCase() || config.organizationId === "") {
        headers.push([name, value]);
      }
    } else if (!warned.has(name)) {
      warned.add(name);
      log.warn("control-plane extra header ignored: the name is protected", { header: name });
    }
  }
  headers.push(
    ["Authorization", `Bearer ${config.apiKey}`],
    ["Accept", "application/json"],
    ["User-Agent", `${CLIENT_NAME}/${VERSION}`],
    [HEADER.clientName, CLIENT_NAME],
    [HEADER.clientVersion, VERSION],
    [HEADER.wireVersion, WIRE_VERSION],
    [HEADER.instanceId, instanceId],
  );
  if (config.organizationId !== "") headers.push([HEADER.organization, config.organizationId]);
  return headers;
}
