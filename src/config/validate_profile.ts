import { checkFile } from "./check_file.ts";
import type { ConfigProblem, ProblemCode } from "./config_error.ts";
import { type FileNode, nodeAt, type TextNode } from "./file_tree.ts";
import { checkTargetKind } from "./harpoon_file_targets.ts";
import { FORBIDDEN_IN_VALUE, RESERVED_CONTROL_PLANE_NAMES, TOKEN, VARIABLE_NAME } from "./headers.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { formatLocation, type Location } from "./location.ts";
import { quote, showKey } from "./quote.ts";
import { parseReference } from "./references.ts";
import type { Member, ReferenceRule, Setting } from "./setting.ts";
import { type SettingName, SETTINGS } from "./settings.ts";
import { loadYamlReader } from "./yaml_reader.ts";

/**
 * Checks the text of a profile before it is written (CFG-41): the schema, the syntax of references and headers. Follows no
 * reference and does not look at what values mean; a profile may lack anything.
 * @param path names the file in problems
 * @returns every mistake, in the order of the file; none when the profile may be written
 */
export async function validateProfileText(text: string, path: string): Promise<readonly ConfigProblem[]> {
  const { readYamlTree } = await loadYamlReader();
  const tree = readYamlTree(text, path);
  const problems = [...checkFile(tree)];
  if (tree.root === undefined) return problems;
  const validator = new Validator(problems);
  for (const setting of SETTINGS as readonly Setting[]) validator.checkSetting(setting, tree.root);
  return problems.sort((a, b) => placeOf(a) - placeOf(b));
}

function placeOf({ location }: ConfigProblem): number {
  return (location?.line ?? 0) * 100_000 + (location?.column ?? 0);
}

/** Path references that must not be blank where they are given (CFG-41); other blank ones count as absent. */
const NEVER_BLANK: ReadonlySet<string> = new Set([
  "control_plane.client_cert",
  "control_plane.client_key",
  "mcp.server_urls.unix_socket",
  "harpoon.targets.unix_socket",
]);

class Validator {
  #setting = "";

  constructor(readonly problems: ConfigProblem[]) {}

  checkSetting(setting: Setting, root: FileNode): void {
    this.#setting = setting.name;
    const path = setting.yaml ?? "";
    const node = setting.yaml === undefined ? undefined : nodeAt(root, path.split("."));
    if (node === undefined) return;
    if (setting.type === "headers") return this.#checkHeaders(node, path, setting.name as SettingName);
    if (setting.members !== undefined) {
      if (node.kind !== "list") return;
      node.items.forEach((item, index) =>
        this.#checkMembers(item, setting.members ?? [], `${path}[${index}]`, path)
      );
      return;
    }
    if (node.kind === "text") this.#checkText(node, setting.references.yaml, path, path);
  }

  /** @param plainPath the path without indexes */
  #checkMembers(node: FileNode, members: readonly Member[], path: string, plainPath: string): void {
    if (node.kind !== "map") return;
    if (plainPath === "harpoon.targets") this.#checkTarget(node, path);
    for (const member of members) {
      const value = nodeAt(node, [member.key]);
      const [memberPath, plain] = [`${path}.${member.key}`, `${plainPath}.${member.key}`];
      if (value?.kind === "text") {
        this.#checkText(value, member.references ?? "literal", memberPath, plain);
      } else if (value?.kind === "map" && member.type === "object") {
        this.#checkMembers(value, member.members ?? [], memberPath, plain);
      } else if (value?.kind === "map" && plain === "harpoon.targets.template.headers") {
        this.#checkHeaders(value, memberPath, undefined);
      } else if (value?.kind === "map" && member.references !== undefined) {
        for (const { key, value: text } of value.entries) {
          if (text.kind === "text") this.#checkReference(text, `${memberPath}.${showKey(key)}`);
        }
      }
    }
  }

  #checkTarget(node: FileNode & { kind: "map" }, path: string): void {
    const label = nodeAt(node, ["label"]);
    try {
      checkTargetKind(node, label?.kind === "text" ? label.text : "");
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      this.#report(node.at, path, "invalid_value", `${path}: ${error.problem}`, error.valid);
    }
  }

  #checkText(node: TextNode, rule: ReferenceRule, path: string, plainPath: string): void {
    const isBlank = node.text.trim() === "";
    if (rule === "optional") {
      if (isBlank) {
        return this.#report(
          node.at,
          path,
          "required",
          `${path} cannot be empty`,
          "remove the key, or give it a value",
        );
      }
      if (/[\r\n]/.test(node.text)) {
        const what = `${path} must not contain a line break`;
        return this.#report(node.at, path, "invalid_value", what, "write it on one line");
      }
      this.#checkReference(node, path);
    } else if (rule === "mandatory") {
      if (parseReference(node.text.trim()) === undefined) {
        const what = `${path} must be a reference`;
        return this.#report(node.at, path, "invalid_reference", what, "write env:NAME or file:/path");
      }
      this.#checkReference(node, path);
    } else if (rule === "path") {
      if (isBlank && NEVER_BLANK.has(plainPath)) {
        return this.#report(
          node.at,
          path,
          "required",
          `${path} cannot be empty`,
          "remove the key, or give it a path",
        );
      }
      this.#checkReference(node, path);
    } else if (rule === "env" && node.text.trim().startsWith("env:")) {
      this.#checkReference(node, path);
    }
  }

  #checkReference(node: TextNode, path: string): void {
    const reference = parseReference(node.text.trim());
    if (reference === undefined) return;
    const target = reference.target.trim();
    if (reference.kind === "env" && !VARIABLE_NAME.test(target)) {
      this.#report(
        node.at,
        path,
        "invalid_reference",
        `${path}: ${quote(target)} is no name for a variable`,
        "write env:NAME with letters, digits and _",
      );
    } else if (reference.kind === "file" && target === "") {
      this.#report(
        node.at,
        path,
        "invalid_reference",
        `${path}: missing path after file:`,
        "write file:/path",
      );
    }
  }

  #checkHeaders(node: FileNode, path: string, name: SettingName | undefined): void {
    if (node.kind !== "map") return;
    for (const { key, keyAt, value } of node.entries) {
      const header = key.trim();
      const place = `${path}.${showKey(header)}`;
      if (!TOKEN.test(header)) {
        const what = `invalid HTTP header name ${quote(header)} in ${path}`;
        this.#report(keyAt, path, "invalid_value", what, "use letters, digits and !#$%&'*+-.^_`|~");
      } else if (
        name === "control-plane.extra-headers" && RESERVED_CONTROL_PLANE_NAMES.has(header.toLowerCase())
      ) {
        const what =
          `header ${header} in ${path} cannot override control-plane authentication or client metadata`;
        this.#report(keyAt, path, "reserved_name", what, "remove it; the client sets this header itself");
      } else if (value.kind !== "text" || value.text.trim() === "") {
        this.#report(keyAt, place, "required", `${place} cannot be empty`, "give the header a value");
      } else if (FORBIDDEN_IN_VALUE.test(value.text.trim())) {
        const what = `invalid HTTP header value for ${header} in ${path}`;
        this.#report(
          keyAt,
          place,
          "invalid_value",
          what,
          "line breaks and control characters are not allowed",
        );
      } else {
        this.#checkReference(value, place);
      }
    }
  }

  #report(location: Location, key: string, code: ProblemCode, what: string, suggestion: string): void {
    const message = `${formatLocation(location)}: ${what}`;
    this.problems.push({ code, setting: this.#setting, key, source: "yaml", message, suggestion, location });
  }
}
