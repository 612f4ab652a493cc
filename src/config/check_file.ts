import type { ConfigProblem, ProblemCode } from "./config_error.ts";
import { fileShape, type ObjectShape, type Shape } from "./file_shape.ts";
import { type FileNode, type FileTree, type MapNode, nodeAt, type TextNode } from "./file_tree.ts";
import { parseFileInteger } from "./integer.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { formatLocation, type Location } from "./location.ts";
import { quote, showKey } from "./quote.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS, VERSION_KEY } from "./settings.ts";
import { suggestName } from "./suggest.ts";
import { parseFileBoolean } from "./boolean.ts";

/** What problems call the kinds. */
const KIND_NAMES = {
  text: "a text",
  int: "a whole number",
  bool: "true or false",
  list: "a list",
  map: "a mapping",
  object: "a mapping",
  empty: "nothing",
} as const;

/**
 * Checks a file against the schema (CFG-34, CFG-36, A-116): unknown keys, wrong kinds, missing members, the version. All
 * mistakes are told; what the values mean is not looked at.
 */
export function checkFile(tree: FileTree): readonly ConfigProblem[] {
  const problems = [...tree.problems];
  const { root } = tree;
  if (root === undefined) return problems;
  new Checker(problems).check(root, fileShape(), "");
  problems.push(...checkVersion(root, tree.hasMoreDocuments));
  return problems.sort(byPlace);
}

/** Version of the file's schema; 1 when it does not say, undefined when what it says is not one. */
function versionOf(root: FileNode): number | undefined {
  const node = nodeAt(root, [VERSION_KEY.yaml]);
  if (node === undefined) return 1;
  try {
    return node.kind === "text" && node.isPlain ? parseFileInteger(node.text) : undefined;
  } catch (error) {
    if (error instanceof InvalidValueError) return undefined;
    throw error;
  }
}

function checkVersion(root: FileNode, hasMoreDocuments: boolean): ConfigProblem[] {
  const version = versionOf(root);
  const node = nodeAt(root, [VERSION_KEY.yaml]);
  if (node !== undefined && version !== undefined && version !== 1 && version !== 2) {
    return [
      problemAt(
        node.at,
        VERSION_KEY.yaml,
        "unsupported",
        `unsupported config_version ${version}`,
        "use 1 or 2",
      ),
    ];
  }
  if (version === 2) {
    return hasMoreDocuments && node !== undefined
      ? [problemAt(
        node.at,
        VERSION_KEY.yaml,
        "invalid_file",
        "a file with config_version: 2 must hold exactly one YAML document",
        "remove what follows the second ---",
      )]
      : [];
  }
  const targets = nodeAt(root, ["harpoon", "targets"]);
  if (targets?.kind !== "list" || version === undefined) return [];
  return targets.items.flatMap((target, index) => {
    const template = target.kind === "map" ? target.entries.find(({ key }) => key === "template") : undefined;
    return template === undefined ? [] : [problemAt(
      template.keyAt,
      `harpoon.targets[${index}].template`,
      "unsupported",
      "a target template requires config_version: 2",
      "put config_version: 2 at the top of the file",
    )];
  });
}

class Checker {
  constructor(readonly problems: ConfigProblem[]) {}

  check(node: FileNode, shape: Shape, path: string): void {
    if (node.kind === "empty") return;
    switch (shape.kind) {
      case "object":
        if (node.kind === "map") this.#checkObject(node, shape, path);
        else this.#wrongKind(node, shape, path);
        return;
      case "map":
        if (node.kind !== "map") return this.#wrongKind(node, shape, path);
        for (const { key, value } of node.entries) this.check(value, shape.value, join(path, showKey(key)));
        return;
      case "list":
        if (node.kind !== "list") return this.#wrongKind(node, shape, path);
        node.items.forEach((item, index) => this.check(item, shape.item, `${path}[${index}]`));
        return;
      case "text":
        if (node.kind !== "text") this.#wrongKind(node, shape, path);
        return;
      case "int":
      case "bool":
        if (node.kind !== "text") return this.#wrongKind(node, shape, path);
        return this.#checkTyped(node, shape.kind, path);
    }
  }

  #checkObject(node: MapNode, { keys, required }: ObjectShape, path: string): void {
    const place = path === "" ? "" : ` in ${path}`;
    for (const { key, keyAt, value } of node.entries) {
      const shape = keys.get(key);
      if (shape !== undefined) {
        this.check(value, shape, join(path, key));
        continue;
      }
      const shown = showKey(key);
      this.problems.push(problemAt(
        keyAt,
        join(path, shown),
        "unknown_key",
        `field ${shown} not found${place}`,
        suggestKey(key, [...keys.keys()], path),
      ));
    }
    for (const key of required) {
      const entry = node.entries.find((known) => known.key === key);
      if (entry !== undefined && entry.value.kind !== "empty") continue;
      const message = `${key} is required in ${path}`;
      this.problems.push(problemAt(entry?.keyAt ?? node.at, path, "required", message, `add ${key}: …`));
    }
  }

  #checkTyped(node: TextNode, kind: "int" | "bool", path: string): void {
    try {
      if (kind === "int") {
        if (!node.isPlain) {
          throw new InvalidValueError("a number must not stand in quotes", "remove the quotes");
        }
        parseFileInteger(node.text);
      } else {
        parseFileBoolean(node.text, node.isPlain ? "plain" : "quoted");
      }
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      const message = `${path} is ${quote(node.text)}: ${error.problem}`;
      this.problems.push(problemAt(node.at, path, "invalid_value", message, error.valid));
    }
  }

  #wrongKind(node: FileNode, shape: Shape, path: string): void {
    const where = path === "" ? "the file" : path;
    const message = `${where} must be ${KIND_NAMES[shape.kind]}, not ${KIND_NAMES[node.kind]}`;
    const suggestion = shape.kind === "list"
      ? "write each item on a line of its own behind a dash"
      : path === ""
      ? "it consists of lines such as name: value; see tunnel-client profiles samples list"
      : "";
    this.problems.push(problemAt(node.at, path, "invalid_value", message, suggestion));
  }
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/** The key that was probably meant: one of this mapping, or the place where a known key belongs. */
function suggestKey(key: string, known: readonly string[], path: string): string {
  const near = suggestName(key, known)?.replaceAll("-", "_");
  if (near !== undefined) return `did you mean ${near}?`;
  const elsewhere = (SETTINGS as readonly Setting[]).find(({ yaml, name }) =>
    name === key || yaml === key || yaml?.endsWith(`.${key}`) === true
  );
  if (elsewhere?.yaml !== undefined && elsewhere.yaml !== join(path, key)) {
    return `it belongs at ${elsewhere.yaml}`;
  }
  return `there are: ${known.join(", ")}`;
}

function problemAt(
  location: Location,
  key: string,
  code: ProblemCode,
  what: string,
  suggestion: string,
): ConfigProblem {
  const yaml = key.replace(/\[\d+\].*$/, "");
  const setting = (SETTINGS as readonly Setting[]).find((row) => row.yaml === yaml)?.name ?? "config";
  const message = `${formatLocation(location)}: ${what}`;
  return { code, setting, key, source: "yaml", message, suggestion, location };
}

function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  return (a.location?.line ?? 0) - (b.location?.line ?? 0) ||
    (a.location?.column ?? 0) - (b.location?.column ?? 0);
}
