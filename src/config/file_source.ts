import type { ConfigProblem } from "./config_error.ts";
import { type FileNode, type MapNode, nodeAt, type TextNode } from "./file_tree.ts";
import { parseFileBoolean } from "./boolean.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { formatLocation } from "./location.ts";
import { lookUp, parseReference, readReferencedFile, type ReferenceSources } from "./references.ts";
import { quote } from "./quote.ts";
import { isList, type Setting } from "./setting.ts";
import type { Found, SettingSource } from "./sources.ts";

/**
 * Values from a file that has passed the schema.
 * @param report is told about references that lead nowhere, once each
 */
export function fileSource(
  root: FileNode,
  references: ReferenceSources,
  report: (problem: ConfigProblem) => void,
): SettingSource {
  // Asked several times for the same setting; a reference is followed once.
  const known = new Map<string, Found | "unset" | undefined>();
  return {
    find(setting) {
      if (setting.yaml === undefined) return undefined;
      if (known.has(setting.name)) return known.get(setting.name);
      const node = nodeAt(root, setting.yaml.split("."));
      const found = node === undefined ? undefined : readSetting(setting, node, references, report);
      known.set(setting.name, found);
      return found;
    },
    written({ yaml }) {
      const node = yaml === undefined ? undefined : nodeAt(root, yaml.split("."));
      return node?.kind === "text" && node.text !== "" ? node : undefined;
    },
  };
}

function readSetting(
  setting: Setting,
  node: FileNode,
  references: ReferenceSources,
  report: (problem: ConfigProblem) => void,
): Found | "unset" | undefined {
  const key = setting.yaml ?? "";
  const found = { source: "yaml", key, at: node.at } as const;
  if (isList(setting)) return readList(setting, node, found);
  if (node.kind !== "text") return undefined; // the schema has complained
  if (setting.references.yaml === "optional") {
    try {
      return { ...found, texts: [followValue(node, key, references)], written: node.text };
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      report({
        code: "invalid_reference",
        setting: setting.name,
        key,
        source: "yaml",
        message: `${key} at ${formatLocation(node.at)}: ${error.problem}`,
        suggestion: error.valid,
        location: node.at,
      });
      return "unset";
    }
  }
  const text = setting.type === "bool" ? booleanText(node) : node.text;
  if (text === undefined) return undefined;
  // Like an empty variable (CFG-6).
  return text === "" && !setting.emptyIsError?.includes("env") ? undefined : { ...found, texts: [text] };
}

function booleanText({ text, isPlain }: TextNode): string | undefined {
  try {
    return String(parseFileBoolean(text, isPlain ? "plain" : "quoted"));
  } catch (error) {
    if (error instanceof InvalidValueError) return undefined; // the schema has complained
    throw error;
  }
}

function readList(
  setting: Setting,
  node: FileNode,
  found: Pick<Found, "source" | "key" | "at">,
): Found | undefined {
  if (setting.type === "headers") {
    if (node.kind !== "map") return undefined;
    const headers = node.entries.map(({ key, keyAt, value }) => ({
      name: key,
      text: value.kind === "text" ? value.text.trim() : "",
      at: keyAt,
    }));
    return headers.length === 0 ? undefined : { ...found, texts: [], headers };
  }
  if (node.kind !== "list") return undefined;
  const items = node.items.filter((item) => item.kind !== "empty"); // CFG-35
  if (setting.members !== undefined) {
    const entries = items.filter((item): item is MapNode => item.kind === "map");
    return entries.length === 0 ? undefined : { ...found, texts: [], entries };
  }
  // An empty list of channels is a mistake, any other is as good as none (CFG-39).
  if (items.length === 0 && setting.type !== "channels") return undefined;
  const texts = items.filter((item): item is TextNode => item.kind === "text");
  return { ...found, texts: texts.map(({ text }) => text), textsAt: texts.map(({ at }) => at) };
}

/**
 * The text of a value, or what its `env:` or `file:` reference leads to, in any letter case, trimmed (CFG-18, CFG-20).
 * @param what names the value in problems
 * @throws {InvalidValueError} for an empty value and for a reference that leads nowhere
 */
export function followValue(node: TextNode, what: string, references: ReferenceSources): string {
  const text = node.text.trim();
  if (text === "") {
    throw new InvalidValueError(`${what} cannot be empty`, "remove the key, or give it a value");
  }
  const reference = parseReference(text);
  if (reference === undefined) return text;
  const target = reference.target.trim();
  if (reference.kind === "env") {
    if (target === "") throw new InvalidValueError("missing variable name after env:", "write env:NAME");
    const value = lookUp(references.env, target);
    if (value === undefined) {
      throw new InvalidValueError(
        `environment variable ${target} (env:${target}) is not set`,
        `set ${target}`,
      );
    }
    if (value.trim() === "") {
      throw new InvalidValueError(`environment variable ${target} (env:${target}) is empty`, `set ${target}`);
    }
    return value.trim();
  }
  if (target === "") throw new InvalidValueError("missing path after file:", "write file:/path");
  const file = readReferencedFile(target, references.readTextFile);
  if ("failure" in file) {
    throw new InvalidValueError(`cannot read file ${quote(target)}: ${file.failure}`, "check the path");
  }
  const content = file.content.trim();
  if (content === "") throw new InvalidValueError(`file ${quote(target)} is empty`, "check the path");
  return content;
}

/**
 * The scalar settings of a file by the names of their variables: references to variables also see these, below the real
 * environment (CFG-6).
 */
export function variablesOfFile(
  root: FileNode,
  settings: readonly Setting[],
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const setting of settings) {
    if (setting.yaml === undefined || isList(setting)) continue;
    const node = nodeAt(root, setting.yaml.split("."));
    if (node?.kind !== "text") continue;
    variables[setting.env] = setting.type === "bool" ? booleanText(node) ?? node.text : node.text;
  }
  return variables;
}
