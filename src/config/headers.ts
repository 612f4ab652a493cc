import { lookUp, parseReference, readReferencedFile, type ReferenceSources } from "./references.ts";
import { isCredentialName } from "./credential_name.ts";
import { warnLiteralSecret } from "./literal_secret.ts";
import { formatLocation, type Location } from "./location.ts";
import { entryNameOf, nameOf, type SettingReader } from "./setting_reader.ts";
import type { Found } from "./sources.ts";
import { quote } from "./quote.ts";

/** Names that the client sets itself on control-plane requests (P-11, P-13, A-8, A-9), in lower case. */
export const RESERVED_CONTROL_PLANE_NAMES: ReadonlySet<string> = new Set([
  "authorization",
  "accept",
  "user-agent",
  "content-type",
  "x-client-request-id",
  "x-tunnel-client-name",
  "x-tunnel-client-version",
  "x-tunnel-client-wire-protocol-version",
  "x-tunnel-client-instance-id",
  "x-tunnel-client-capabilities",
  "x-tunnel-mcp-server-info",
  "x-tunnel-shard-token",
]);

/** RFC 9110 §5.6.2 token. */
export const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
// deno-lint-ignore no-control-regex
export const FORBIDDEN_IN_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]/;
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ITEM_FORM = "write 'Name: value', 'Name: env:VAR' or 'Name: file:/path'";

/** The settings that hold header lists. */
export type HeaderListName =
  | "control-plane.extra-headers"
  | "mcp.extra-headers"
  | "mcp.discovery-extra-headers";

/**
 * Reads a list of static headers (section 9, HD-14 … HD-17). No message ever holds a value.
 * @returns canonical name and resolved value, in order of first appearance
 */
export function readHeaders(
  reader: SettingReader,
  name: HeaderListName,
  references: ReferenceSources,
): readonly (readonly [name: string, value: string])[] {
  const found = reader.find(name);
  if (found === undefined) return [];
  const headers = new Map<string, { readonly spelling: string; readonly value: string }>();
  for (const item of itemsOf(found)) {
    const { entry, at } = item;
    const header = "code" in item.parts ? item.parts : readHeader(item.parts, found, entry, references);
    if ("code" in header) {
      reader.report(name, found, { ...header, at });
      continue;
    }
    if (at !== undefined && parseReference(header.text) === undefined && isCredentialName(header.name)) {
      warnLiteralSecret(reader, name, `the value of header ${header.name} in ${found.key}`, at);
    }
    if (
      name === "control-plane.extra-headers" && RESERVED_CONTROL_PLANE_NAMES.has(header.name.toLowerCase())
    ) {
      reader.report(name, found, {
        code: "reserved_name",
        message:
          `header ${header.name} in ${entry} cannot override control-plane authentication or client metadata`,
        suggestion: "remove it; the client sets this header itself",
        at,
      });
      continue;
    }
    const key = canonicalHeaderName(header.name);
    const other = headers.get(key);
    if (other !== undefined && other.spelling !== header.name && other.value !== header.value) {
      reader.report(name, found, {
        code: "duplicate",
        message: `conflicting values for case-insensitive HTTP header ${quote(key)} in ${nameOf(found)}`,
        suggestion: "give the header once",
        at,
      });
      continue;
    }
    headers.set(key, { spelling: header.name, value: header.value });
  }
  return [...headers].map(([key, { value }]) => [key, value] as const);
}

/** `X-MCP` → `X-Mcp` (CFG-68). */
export function canonicalHeaderName(name: string): string {
  return name.toLowerCase().replace(
    /(^|-)([a-z])/g,
    (_, dash: string, letter: string) => dash + letter.toUpperCase(),
  );
}

export interface HeaderProblem {
  readonly code: "invalid_value" | "invalid_reference";
  readonly message: string;
  readonly suggestion: string;
}

interface HeaderItem {
  /** Name of the item in problems. */
  readonly entry: string;
  readonly at: Location | undefined;
  readonly parts: HeaderParts | HeaderProblem;
}

interface HeaderParts {
  readonly name: string;
  /** The value, or a reference to it. */
  readonly text: string;
}

function itemsOf(found: Found): readonly HeaderItem[] {
  if (found.headers !== undefined) {
    return found.headers.map(({ name, text, at }) => ({
      entry: `${found.key} at ${formatLocation(at)}`,
      at,
      parts: { name: name.trim(), text },
    }));
  }
  return found.texts.map((item, index) => {
    const entry = entryNameOf(found, index);
    const colon = item.indexOf(":");
    const parts = colon === -1
      ? invalid(`invalid header: no colon in ${entry}`, ITEM_FORM)
      : { name: item.slice(0, colon).trim(), text: item.slice(colon + 1).trim() };
    return { entry, at: undefined, parts };
  });
}

function readHeader(
  { name, text }: HeaderParts,
  found: Found,
  entry: string,
  references: ReferenceSources,
): HeaderParts & { readonly value: string } | HeaderProblem {
  if (name === "") return invalid(`invalid header: empty name in ${entry}`, ITEM_FORM);
  // A variable is split at every comma and semicolon, so what looks like a name may be a piece of somebody's value.
  const isName = found.source !== "env";
  if (!TOKEN.test(name)) {
    const shown = isName ? ` ${quote(name)}` : "";
    return invalid(`invalid HTTP header name${shown} in ${entry}`, "use letters, digits and !#$%&'*+-.^_`|~");
  }
  if (text === "") {
    return invalid(`invalid header: empty value${isName ? ` for ${name}` : ""} in ${entry}`, ITEM_FORM);
  }
  const value = followHeaderValue(text, `${name} in ${entry}`, references);
  return typeof value === "string" ? { name, text, value } : value;
}

/**
 * A header value, or what its reference leads to (CFG-66, HD-15).
 * @param header names it in problems
 */
export function followHeaderValue(
  text: string,
  header: string,
  references: ReferenceSources,
): string | HeaderProblem {
  const reference = parseReference(text);
  let value = text;
  if (reference?.kind === "env") {
    if (!VARIABLE_NAME.test(reference.target)) {
      return unresolved(`header ${header} has no valid variable name after env:`);
    }
    const variable = lookUp(references.env, reference.target);
    if (variable === undefined) {
      return unresolved(`environment variable ${reference.target} for header ${header} is not set`);
    }
    value = variable.trim();
    if (value === "") {
      return unresolved(`environment variable ${reference.target} for header ${header} is empty`);
    }
  } else if (reference?.kind === "file") {
    if (reference.target === "") return unresolved(`header ${header} has no path after file:`);
    const file = readReferencedFile(reference.target, references.readTextFile);
    if ("failure" in file) {
      return unresolved(`cannot read file ${quote(reference.target)} for header ${header}: ${file.failure}`);
    }
    value = file.content.replace(/(?:\r\n|\n|\r)$/, "");
    if (value.trim() === "") {
      return unresolved(`file ${quote(reference.target)} for header ${header} is empty`);
    }
  }
  return FORBIDDEN_IN_VALUE.test(value)
    ? invalid(
      `invalid HTTP header value for ${header}`,
      "line breaks and control characters are not allowed",
    )
    : value;
}

function invalid(message: string, suggestion: string): HeaderProblem {
  return { code: "invalid_value", message, suggestion };
}

function unresolved(message: string): HeaderProblem {
  return { code: "invalid_reference", message, suggestion: "check the reference" };
}
