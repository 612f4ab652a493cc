import { followValue } from "./file_source.ts";
import { type MapNode, nodeAt } from "./file_tree.ts";
import type { HarpoonTarget } from "./harpoon_config.ts";
import { readTemplate } from "./harpoon_template.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { quote } from "./quote.ts";
import type { ReferenceSources } from "./references.ts";
import type { SettingReader } from "./setting_reader.ts";

const TEMPLATE_PARTS = ["version", "origin", "path_template", "parameters"];

/**
 * Reads one `harpoon.targets` entry of a file (CFG-40, A-117). The schema has seen to it that there is a label.
 * @param path of the entry, for messages
 * @throws {InvalidValueError} when it is neither a URL nor a template, or both, or one of them is wrong
 */
export function harpoonTargetsOfFile(
  reader: SettingReader,
  entry: MapNode,
  path: string,
  references: ReferenceSources,
): HarpoonTarget | undefined {
  const text = (key: string) => {
    const node = nodeAt(entry, [key]);
    return node?.kind === "text" ? node.text.trim() : "";
  };
  const label = text("label");
  if (label === "") return undefined;
  const description = text("description");
  checkTargetKind(entry, label);
  const template = nodeAt(entry, ["template"]);
  if (template?.kind === "map") {
    // The schema has complained about what is missing.
    if (TEMPLATE_PARTS.some((key) => nodeAt(template, [key]) === undefined)) return undefined;
    return {
      kind: "template",
      label,
      description,
      template: readTemplate(reader, template, path, references),
    };
  }
  const url = nodeAt(entry, ["url"]);
  if (url?.kind !== "text") return undefined;
  const unixSocket = text("unix_socket");
  return {
    kind: "url",
    label,
    description,
    url: followValue(url, `${path}.url`, references),
    ...(unixSocket === "" ? {} : { unixSocket }),
  };
}

/** @throws {InvalidValueError} unless exactly one of `url` and `template` is there; presence decides, not value */
export function checkTargetKind(entry: MapNode, label: string): void {
  const has = (name: string) => entry.entries.some(({ key }) => key === name);
  const hasTemplate = nodeAt(entry, ["template"]) !== undefined;
  for (const key of hasTemplate ? ["url", "unix_socket"] : []) {
    if (!has(key)) continue;
    throw new InvalidValueError(
      `target ${quote(label)}: ${key} and template cannot be combined`,
      `remove ${key} or template`,
    );
  }
  if (!hasTemplate && nodeAt(entry, ["url"]) === undefined) {
    throw new InvalidValueError(`missing url for target ${quote(label)}`, "add url: https://… or a template");
  }
}
