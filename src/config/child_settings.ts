import { checkField } from "./binding_entry.ts";
import { parseFileBoolean } from "./boolean.ts";
import { isCredentialName } from "./credential_name.ts";
import { followValue } from "./file_source.ts";
import { type MapNode, nodeAt } from "./file_tree.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { warnLiteralSecret } from "./literal_secret.ts";
import { quote } from "./quote.ts";
import { parseReference, type ReferenceSources } from "./references.ts";
import type { StdioBinding } from "./run_config.ts";
import type { SettingReader } from "./setting_reader.ts";

/** How a stdio child is started, besides its command. */
export type ChildSettings = Pick<StdioBinding, "env" | "inheritEnv" | "wrapper">;

/** What commands of flags and variables have; only a file can say more. */
export const NO_CHILD_SETTINGS: ChildSettings = { env: {}, inheritEnv: false, wrapper: [] };

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Reads `env`, `inherit_env` and `wrapper` of one `mcp.commands` entry.
 * @param path of the entry, for messages
 * @throws {InvalidValueError} naming the variable that is wrong, never its value
 */
export function readChildSettings(
  reader: SettingReader,
  entry: MapNode,
  path: string,
  references: ReferenceSources,
): ChildSettings {
  const inherit = nodeAt(entry, ["inherit_env"]);
  const wrapper = nodeAt(entry, ["wrapper"]);
  return {
    env: checkField("env", () => readEnvironment(reader, entry, path, references)),
    inheritEnv: inherit?.kind === "text" &&
      parseFileBoolean(inherit.text, inherit.isPlain ? "plain" : "quoted"),
    wrapper: wrapper?.kind === "list"
      ? checkField(
        "wrapper",
        () => wrapperWords(wrapper.items.flatMap((item) => item.kind === "text" ? [item.text] : [])),
      )
      : [],
  };
}

function readEnvironment(
  reader: SettingReader,
  entry: MapNode,
  path: string,
  references: ReferenceSources,
): Record<string, string> {
  const node = nodeAt(entry, ["env"]);
  const variables: [name: string, value: string][] = [];
  for (const { key, keyAt, value } of node?.kind === "map" ? node.entries : []) {
    if (!VARIABLE_NAME.test(key)) {
      throw new InvalidValueError(`${quote(key)} is no name for a variable`, "use letters, digits and _");
    }
    if (/^(?:LD|DYLD)_/.test(key)) {
      throw new InvalidValueError(
        `${key} cannot be set: the runtime refuses variables that the dynamic loader obeys`,
        "set it in a script that starts the server",
      );
    }
    if (value.kind !== "text") {
      variables.push([key, ""]);
    } else if (parseReference(value.text.trim()) === undefined) {
      if (value.text.includes("\0")) throw new InvalidValueError(`${key} holds a NUL character`, "remove it");
      if (isCredentialName(key)) {
        warnLiteralSecret(reader, "mcp.command", `the value of ${path}.env.${key}`, keyAt);
      }
      variables.push([key, value.text]);
    } else {
      variables.push([key, followValue(value, `${path}.env.${key}`, references)]);
    }
  }
  return Object.fromEntries(variables);
}

function wrapperWords(words: readonly string[]): readonly string[] {
  if (words[0] === "") throw new InvalidValueError("the wrapper's program is empty", "name a program");
  return words;
}
