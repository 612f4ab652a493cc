import { parseFileBoolean } from "./boolean.ts";
import { type FileNode, type MapNode, nodeAt } from "./file_tree.ts";
import type { HarpoonTemplateParameter, HarpoonTemplateTarget } from "./harpoon_config.ts";
import { readTemplateHeaders } from "./harpoon_template_headers.ts";
import { readTemplateParameter } from "./harpoon_template_parameter.ts";
import { parseFileInteger } from "./integer.ts";
import { InvalidValueError } from "./invalid_value.ts";
import type { ReferenceSources } from "./references.ts";
import type { SettingReader } from "./setting_reader.ts";

const MAX_URL_BYTES = 4096;
const ORIGIN = /^https:\/\/(?:\[[0-9A-Fa-f:.]+\]|[^\s{}\\%#@?/:[\]]+)(?::(\d{1,5}))?\/?$/i;
const UNRESERVED = /^[A-Za-z0-9_.~-]+$/;
const PLACEHOLDER = /^\{([A-Za-z][A-Za-z0-9_]{0,63})\}$/;
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Reads a target template (A-118 … A-123). No complaint shows origin, path, query or headers.
 * @param path of the target, for messages
 * @throws {InvalidValueError} naming the part that is wrong
 */
export function readTemplate(
  reader: SettingReader,
  template: MapNode,
  path: string,
  references: ReferenceSources,
): HarpoonTemplateTarget["template"] {
  const version = nodeAt(template, ["version"]);
  if (version?.kind === "text" && parseFileInteger(version.text) !== 1) {
    throw new InvalidValueError("template version must be 1", "");
  }
  const method = textOf(template, "method") ?? "GET";
  if (method !== "GET") throw new InvalidValueError("template method must be GET", "");
  const follow = nodeAt(template, ["follow_redirects"]);
  if (follow?.kind === "text" && parseFileBoolean(follow.text, follow.isPlain ? "plain" : "quoted")) {
    throw new InvalidValueError("template follow_redirects must be false", "");
  }
  const origin = readOrigin(textOf(template, "origin") ?? "");
  const parameters = readParameters(template);
  const used = new Set<string>();
  const pathTemplate = checkPath(textOf(template, "path_template") ?? "", parameters, used);
  const query = readQuery(template, parameters, used);
  const unused = parameters.find(({ name }) => !used.has(name));
  if (unused !== undefined) {
    throw new InvalidValueError(
      `template parameter ${unused.name} is used nowhere`,
      "put it into the path or the query",
    );
  }
  checkLength(origin, pathTemplate, query, parameters);
  const { headers, allowedHeaders } = readTemplateHeaders(reader, template, path, references);
  return {
    version: 1,
    origin,
    method: "GET",
    pathTemplate,
    query,
    parameters,
    headers,
    allowedHeaders,
    followRedirects: false,
  };
}

function textOf(map: FileNode, key: string): string | undefined {
  const node = nodeAt(map, [key]);
  return node?.kind === "text" ? node.text : undefined;
}

function readOrigin(text: string): string {
  const port = ORIGIN.exec(text)?.[1];
  const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
  if (!ORIGIN.test(text) || !isPort || !URL.canParse(text)) {
    throw new InvalidValueError(
      "template origin must be https://host or https://host:port",
      "leave out user, path, query and fragment",
    );
  }
  return text.replace(/\/$/, "");
}

function readParameters(template: MapNode): readonly HarpoonTemplateParameter[] {
  const node = nodeAt(template, ["parameters"]);
  const entries = node?.kind === "map" ? node.entries : [];
  if (entries.length < 1 || entries.length > 16) {
    throw new InvalidValueError("a template needs 1 to 16 parameters", "");
  }
  return entries.flatMap(({ key, value }) => value.kind === "map" ? [readTemplateParameter(key, value)] : []);
}

function checkPath(
  text: string,
  parameters: readonly HarpoonTemplateParameter[],
  used: Set<string>,
): string {
  const valid = "write segments of letters, digits, _ . ~ - or one {parameter} each, such as /api/{id}";
  if (!text.startsWith("/")) throw new InvalidValueError("template path_template must start with /", valid);
  if (text === "/") return text;
  for (const segment of text.slice(1).split("/")) {
    if (usePlaceholder(segment, parameters, used)) continue;
    if (!UNRESERVED.test(segment) || segment === "." || segment === "..") {
      throw new InvalidValueError("template path_template has an invalid segment", valid);
    }
  }
  return text;
}

function readQuery(
  template: MapNode,
  parameters: readonly HarpoonTemplateParameter[],
  used: Set<string>,
): readonly (readonly [string, string])[] {
  const node = nodeAt(template, ["query"]);
  const entries = node?.kind === "map" ? node.entries : [];
  if (entries.length > 32) throw new InvalidValueError("template query has more than 32 keys", "");
  return entries.map(({ key, value }) => {
    if (key.length > 64 || !UNRESERVED.test(key)) {
      throw new InvalidValueError(
        "template query has an invalid key",
        "use 1 to 64 of letters, digits, _ . ~ -",
      );
    }
    const text = value.kind === "text" ? value.text : "";
    const isPlaceholder = usePlaceholder(text, parameters, used);
    if (!isPlaceholder && (byteLength(text) > 256 || CONTROL.test(text) || /[{}]/.test(text))) {
      throw new InvalidValueError(
        "template query has an invalid value",
        "write one {parameter}, or a literal text of at most 256 bytes without braces",
      );
    }
    return [key, text] as const;
  });
}

/** @returns whether the text is a placeholder */
function usePlaceholder(
  text: string,
  parameters: readonly HarpoonTemplateParameter[],
  used: Set<string>,
): boolean {
  const name = PLACEHOLDER.exec(text)?.[1];
  if (name === undefined) return false;
  if (!parameters.some((parameter) => parameter.name === name)) {
    throw new InvalidValueError(
      `template uses parameter ${name}, which is not defined`,
      "add it to parameters",
    );
  }
  used.add(name);
  return true;
}

/** For the longest values that are permitted. */
function checkLength(
  origin: string,
  pathTemplate: string,
  query: readonly (readonly [string, string])[],
  parameters: readonly HarpoonTemplateParameter[],
): void {
  const longest = (text: string) => {
    const name = PLACEHOLDER.exec(text)?.[1];
    const parameter = parameters.find((known) => known.name === name);
    return parameter === undefined
      ? text
      : "x".repeat(Math.max(parameter.maxLength, ...(parameter.enum ?? []).map((value) => value.length)));
  };
  const path = pathTemplate.split("/").map(longest).join("/");
  const search = new URLSearchParams(query.map(([key, value]) => [key, longest(value)])).toString();
  const url = origin + path + (search === "" ? "" : `?${search}`);
  if (byteLength(url) > MAX_URL_BYTES) {
    throw new InvalidValueError(`the URL of the template can become longer than ${MAX_URL_BYTES} bytes`, "");
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
