import { type MapNode, nodeAt } from "./file_tree.ts";
import type { HarpoonTemplateTarget } from "./harpoon_config.ts";
import { canonicalHeaderName, followHeaderValue, TOKEN } from "./headers.ts";
import { isCredentialName } from "./credential_name.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { warnLiteralSecret } from "./literal_secret.ts";
import { parseReference, type ReferenceSources } from "./references.ts";
import type { SettingReader } from "./setting_reader.ts";

const MAX_HEADERS = 32;
const MAX_NAME_LENGTH = 128;
const MAX_HEADER_BYTES = 8192;

/** HT-4 of the Harpoon specification, and A-122; lower case. */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set([
  "accept-encoding",
  "cf-connecting-ip",
  "connection",
  "content-length",
  "cookie",
  "forwarded",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "remote-user",
  "te",
  "trailer",
  "transfer-encoding",
  "true-client-ip",
  "upgrade",
  "user-agent",
  "via",
  "x-authenticated-user",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-custom-cf-witness-actor",
  "x-custom-cf-witness-authorization",
  "x-http-method-override",
  "x-openai-actor-authorization",
  "x-openai-authorization",
  "x-openai-authorization-error",
  "x-openai-internal-caller",
  "x-openai-skip-auth",
  "x-real-ip",
  "x-remote-user",
  "x-tunnel-traffic-source",
]);
const FORBIDDEN_PREFIX = /^x-(?:forwarded|envoy|original|rewrite|auth-request)-/;
/** Parts of names, without their separators, that callers may not set. */
const SENSITIVE_PARTS =
  /authorization|authentication|credential|api(?:key|token|secret)|auth(?:token|key|secret)|(?:access|refresh|id|session|bearer|client)token|client(?:secret|password|key)|(?:access|secret|session|private|signing)key/;

type TemplateHeaders = Pick<HarpoonTemplateTarget["template"], "headers" | "allowedHeaders">;

/**
 * Reads `headers` and `allowed_headers` of a template (A-120 … A-123). No complaint names a fixed header or shows a value.
 * @param path of the target, for messages
 * @throws {InvalidValueError} saying what is wrong
 */
export function readTemplateHeaders(
  reader: SettingReader,
  template: MapNode,
  path: string,
  references: ReferenceSources,
): TemplateHeaders {
  const fixed = new Map<string, string>();
  const node = nodeAt(template, ["headers"]);
  for (const { key, keyAt, value } of node?.kind === "map" ? node.entries : []) {
    const name = checkName(key.trim(), "a fixed header");
    const text = value.kind === "text" ? value.text.trim() : "";
    if (text === "") {
      throw new InvalidValueError("a fixed header of the template: resolved value is empty", "");
    }
    const followed = followHeaderValue(text, "of the template", references);
    if (typeof followed !== "string") throw new InvalidValueError(followed.message, followed.suggestion);
    if (fixed.has(name) && fixed.get(name) !== followed) {
      throw new InvalidValueError("the template has conflicting values for one header", "give it once");
    }
    fixed.set(name, followed);
    if (parseReference(text) === undefined && isCredentialName(name)) {
      warnLiteralSecret(reader, "harpoon.target", `a header value in ${path}.template.headers`, keyAt);
    }
  }
  const allowedNode = nodeAt(template, ["allowed_headers"]);
  const allowed = new Set<string>();
  for (const item of allowedNode?.kind === "list" ? allowedNode.items : []) {
    if (item.kind !== "text") continue;
    const name = checkName(item.text.trim(), "an allowed header");
    if (SENSITIVE_PARTS.test(name.toLowerCase().replace(/[-_.]/g, "")) || isCredentialName(name)) {
      throw new InvalidValueError(
        `template: callers may not set the header ${name}`,
        "give it a fixed value",
      );
    }
    if (fixed.has(name)) {
      throw new InvalidValueError(
        "template: a header is both fixed and allowed",
        "remove it from allowed_headers",
      );
    }
    if (allowed.has(name)) {
      throw new InvalidValueError(`template: header ${name} is allowed twice`, "remove one");
    }
    allowed.add(name);
  }
  if (fixed.size + allowed.size > MAX_HEADERS) {
    throw new InvalidValueError(`a template has at most ${MAX_HEADERS} headers`, "");
  }
  const bytes = [...fixed].flat().reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
  if (bytes > MAX_HEADER_BYTES) {
    throw new InvalidValueError(`the headers of a template have at most ${MAX_HEADER_BYTES} bytes`, "");
  }
  return { headers: [...fixed], allowedHeaders: [...allowed] };
}

function checkName(name: string, what: string): string {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name) || name.length > MAX_NAME_LENGTH) {
    throw new InvalidValueError(`template: ${what} has no valid HTTP header name`, "");
  }
  if (FORBIDDEN_NAMES.has(lower) || FORBIDDEN_PREFIX.test(lower)) {
    throw new InvalidValueError(`template: ${what} has a name that templates may not set`, "remove it");
  }
  return canonicalHeaderName(name);
}
