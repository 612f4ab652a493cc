import { followValue } from "./file_source.ts";
import type { MapNode } from "./file_tree.ts";
import { InvalidValueError } from "./invalid_value.ts";
import type { Location } from "./location.ts";
import { quote } from "./quote.ts";
import type { ReferenceSources } from "./references.ts";

/** What one binding entry says, whichever source it is from: texts by their keys in the entry grammar. */
export interface BindingEntry {
  readonly fields: ReadonlyMap<string, string>;
  /** Where each stands in the file; empty for flags and variables. */
  readonly fieldsAt: ReadonlyMap<string, Location>;
}

/** What is wrong stands in this field of the entry. */
export class FieldError extends InvalidValueError {
  constructor(readonly field: string, { problem, valid }: InvalidValueError) {
    super(problem, valid);
  }
}

/** Runs a check whose complaint is about one field. */
export function checkField<Result>(field: string, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InvalidValueError) || error instanceof FieldError) throw error;
    throw new FieldError(field, error);
  }
}

/** An entry that starts with one of these is taken apart; any other is a URL or command line as it stands (CFG-73). */
const QUALIFIED = /^(?:url|command|channel|unix-socket|http-proxy|client-cert|client-key)=/i;
/** Keys that the grammar of command entries forbids anywhere in the text (CFG-76, CH-17). */
const FOREIGN_KEY = /,(http-proxy|url|unix-socket|client-cert|client-key)=/i;
const URL_KEYS: ReadonlySet<string> = new Set([
  "channel",
  "url",
  "unix-socket",
  "http-proxy",
  "client-cert",
  "client-key",
]);
const URL_FORM = "write a URL, or channel=NAME,url=URL";
const COMMAND_FORM = "write a command line, or channel=NAME,command=COMMAND";

/**
 * Takes one `mcp.server-url` entry of a flag or variable apart (CFG-73, CFG-74).
 * @throws {InvalidValueError} when it does not follow the grammar, or has no URL
 */
export function parseUrlEntry(entry: string): BindingEntry {
  if (entry.trim() === "") throw new InvalidValueError("entry is empty", URL_FORM);
  if (!QUALIFIED.test(entry.trim())) return textEntry([["url", entry]]);
  const fields = new Map<string, string>();
  for (const part of entry.split(",").map((text) => text.trim()).filter((text) => text !== "")) {
    const equals = part.indexOf("=");
    if (equals === -1) {
      throw new InvalidValueError(
        "a part without = in the entry",
        `${URL_FORM}; a URL with a comma must stand alone, without channel= and url=`,
      );
    }
    const key = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    if (key === "" || value === "") {
      throw new InvalidValueError("an empty key or value in the entry", URL_FORM);
    }
    if (!URL_KEYS.has(key)) {
      throw new InvalidValueError(`unsupported key ${quote(key)}`, `use ${[...URL_KEYS].join(", ")}`);
    }
    fields.set(key, value);
  }
  if (!fields.has("url")) throw new InvalidValueError("missing url in the entry", URL_FORM);
  return textEntry(fields);
}

/**
 * Takes one `mcp.command` entry of a flag or variable apart (CFG-73, CFG-76).
 * @throws {InvalidValueError} when it does not follow the grammar
 */
export function parseCommandEntry(entry: string): BindingEntry {
  const text = entry.trim();
  if (text === "") throw new InvalidValueError("entry is empty", COMMAND_FORM);
  if (!QUALIFIED.test(text)) return textEntry([["command", entry]]);
  let channel = "";
  let command = text;
  if (text.startsWith("channel=")) {
    const [, name, rest] = /^channel=([^,]*),\s*command=(.*)$/s.exec(text) ?? [];
    if (name === undefined || rest === undefined) {
      throw new InvalidValueError("channel= is not followed by command=", COMMAND_FORM);
    }
    channel = name;
    command = rest;
  } else if (text.startsWith("command=")) {
    command = text.slice("command=".length);
    const suffix = command.lastIndexOf(",channel=");
    if (suffix !== -1) {
      channel = command.slice(suffix + ",channel=".length);
      command = command.slice(0, suffix);
    }
  } else {
    const key = text.slice(0, text.indexOf("="));
    throw new InvalidValueError(`unsupported key ${quote(key)}`, COMMAND_FORM);
  }
  const foreignKey = FOREIGN_KEY.exec(command)?.[1];
  if (foreignKey !== undefined) {
    throw new InvalidValueError(
      `unsupported key ${quote(foreignKey)}`,
      "a command entry has only channel and command",
    );
  }
  return textEntry([["channel", channel], ["command", command.trim()]]);
}

function textEntry(fields: Iterable<readonly [string, string]>): BindingEntry {
  return { fields: new Map(fields), fieldsAt: new Map() };
}

/** Members that may be `env:NAME` or `file:PATH` of a value, and must not be empty (CFG-20). */
const VALUE_MEMBERS: ReadonlySet<string> = new Set(["url", "command"]);

/**
 * The texts of an entry of a file. Empty optional ones count as absent (CFG-39).
 * @param path of the list, for problems
 * @throws {FieldError} for a reference that leads nowhere
 */
export function readFileEntry(entry: MapNode, path: string, references: ReferenceSources): BindingEntry {
  const fields = new Map<string, string>();
  const fieldsAt = new Map<string, Location>();
  for (const { key, value } of entry.entries) {
    const field = key.replaceAll("_", "-");
    fieldsAt.set(field, value.at);
    if (value.kind !== "text") continue;
    const text = VALUE_MEMBERS.has(key)
      ? checkField(field, () => followValue(value, `${path}.${key}`, references))
      : value.text;
    if (text.trim() !== "") fields.set(field, text);
  }
  return { fields, fieldsAt };
}
