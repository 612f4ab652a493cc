import { CONNECTOR_KEY_HEADER } from "./keys.ts";

/** Never forwarded to the target (P-171): per-hop, about this hop's body, or somebody else's claims. */
const BLOCKED = new Set([
  "accept-encoding",
  "cf-connecting-ip",
  "connection",
  "cookie",
  "content-length",
  "content-type",
  "forwarded",
  "host",
  "keep-alive",
  "openai-organization",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "true-client-ip",
  "upgrade",
  "user-agent",
  "via",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-custom-cf-witness-actor",
  "x-custom-cf-witness-authorization",
  "x-envoy-external-address",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-oai-brte-redeemable-token",
  "x-openai-actor-authorization",
  "x-openai-authorization",
  "x-openai-authorization-error",
  "x-openai-brte-redeemable-token",
  "x-openai-internal-caller",
  "x-openai-request-path",
  "x-openai-skip-auth",
  "x-original-forwarded-for",
  "x-real-ip",
  "x-tunnel-traffic-source",
  // The relay's own key is none of the target's business.
  CONNECTOR_KEY_HEADER.toLowerCase(),
]);

/**
 * The headers of a connector that travel on to the target, as the JSON object of a command. Repeated fields arrive
 * here joined with `, ` (RFC 9110 §5.3), so each name has one value.
 * @param keepAuthorization true when `Authorization` held the relay's own key and must stay here
 */
export function forwardedHeadersJson(headers: Headers, keepAuthorization: boolean): string {
  const nominated = nominatedNames(headers.get("connection"));
  let json = "";
  for (const [name, value] of headers) {
    if (value === "" || BLOCKED.has(name) || nominated?.has(name)) continue;
    if (keepAuthorization && name === "authorization") continue;
    // A field name is a token (RFC 9110 §5.6.2), which needs no escaping.
    json += `${json === "" ? "" : ","}"${name}":[${JSON.stringify(value)}]`;
  }
  return `{${json}}`;
}

/** Names that a `Connection` field makes per-hop (RFC 9110 §7.6.1); undefined when there are none. */
export function nominatedNames(connection: string | null): ReadonlySet<string> | undefined {
  if (connection === null || connection === "keep-alive") return undefined;
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}
