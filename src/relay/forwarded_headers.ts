import type { HeaderFields } from "./http1/header_fields.ts";
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
 * The headers of a connector that travel on to the target, as the JSON object of a command: all values of a name, in
 * order.
 * @param keepAuthorization true when `Authorization` held the relay's own key and must stay here
 * @param kept lower-case name of one more field that must stay here
 */
export function forwardedHeadersJson(
  headers: HeaderFields,
  keepAuthorization: boolean,
  kept?: string,
): string {
  const { names, values } = headers;
  const nominated = nominatedNames(headers.get("connection"));
  let json = "";
  for (let at = 0; at < names.length; at++) {
    const name = names[at] ?? "";
    const value = values[at] ?? "";
    if (value === "" || name === kept || BLOCKED.has(name) || nominated?.has(name)) continue;
    if ((keepAuthorization && name === "authorization") || hasEarlierValue(headers, name, at)) continue;
    // A field name is a token (RFC 9110 §5.6.2), which needs no escaping.
    json += `${json === "" ? "" : ","}"${name}":[${JSON.stringify(value)}${laterValues(headers, name, at)}]`;
  }
  return `{${json}}`;
}

function hasEarlierValue({ names, values }: HeaderFields, name: string, at: number): boolean {
  for (let before = names.indexOf(name); before < at; before = names.indexOf(name, before + 1)) {
    if (values[before] !== "") return true;
  }
  return false;
}

function laterValues({ names, values }: HeaderFields, name: string, at: number): string {
  let json = "";
  for (let next = names.indexOf(name, at + 1); next !== -1; next = names.indexOf(name, next + 1)) {
    const value = values[next] ?? "";
    if (value !== "") json += `,${JSON.stringify(value)}`;
  }
  return json;
}

/** Names that a `Connection` field makes per-hop (RFC 9110 §7.6.1); undefined when there are none. */
export function nominatedNames(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === "keep-alive") return undefined;
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}
