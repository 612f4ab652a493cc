const STRINGS = [
  "jwks_uri",
  "resource_name",
  "resource_documentation",
  "resource_policy_uri",
  "resource_tos_uri",
];
const STRING_LISTS = [
  "authorization_servers",
  "scopes_supported",
  "bearer_methods_supported",
  "resource_signing_alg_values_supported",
  "authorization_details_types_supported",
  "dpop_signing_alg_values_supported",
];
const BOOLEANS = ["tls_client_certificate_bound_access_tokens", "dpop_bound_access_tokens_required"];

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Judges a document as protected resource metadata (OD-33, RFC 9728 §2). `resource` is not compared with the MCP URL.
 * @returns what is wrong with it, in fixed words; undefined when it is valid
 */
export function findMetadataFault(document: Uint8Array): string | undefined {
  const metadata = parse(document);
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    return "it is not a JSON object";
  }
  const { resource, authorization_servers: servers } = metadata as Record<string, unknown>;
  if (typeof resource !== "string" || resource === "") return "resource is missing";
  const fault = findTypeFault(metadata as Record<string, unknown>);
  if (fault !== undefined) return fault;
  const first = Array.isArray(servers) ? servers[0] : undefined;
  // Only the first server is ever used (AS-1), so only it must be a URL.
  return typeof first !== "string" || isUrlReference(first)
    ? undefined
    : "authorization server[0] is not a URL";
}

function findTypeFault(metadata: Record<string, unknown>): string | undefined {
  const isAbsent = (name: string) => metadata[name] === undefined || metadata[name] === null;
  for (const name of STRINGS) {
    if (!isAbsent(name) && typeof metadata[name] !== "string") return `${name} is not a string`;
  }
  for (const name of STRING_LISTS) {
    if (!isAbsent(name) && !isStringList(metadata[name])) return `${name} is not a list of strings`;
  }
  for (const name of BOOLEANS) {
    if (!isAbsent(name) && typeof metadata[name] !== "boolean") return `${name} is not a boolean`;
  }
  return undefined;
}

/** An absolute URL, or a relative reference: no colon in its first segment (RFC 3986 §4.2). */
function isUrlReference(text: string): boolean {
  return URL.parse(text) !== null || /^[^:/?#]*([/?#]|$)/.test(text);
}

function isStringList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** The parsed document; undefined when it is not JSON in UTF-8. */
function parse(document: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(document));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
