import { parseFileBoolean } from "./boolean.ts";
import { type MapNode, nodeAt } from "./file_tree.ts";
import type { HarpoonTemplateParameter } from "./harpoon_config.ts";
import { parseFileInteger } from "./integer.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { quote } from "./quote.ts";

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const VALUE = /^[A-Za-z0-9_.~-]+$/;
const MAX_VALUE_LENGTH = 256;
/** Escapes that the dialect knows: classes, and characters that mean something. */
const ESCAPE = /\\(?![dDsSwW.^$|?*+()[\]{}/\\-])/;

/**
 * Reads one parameter of a template (A-118 and the table behind it).
 * @throws {InvalidValueError} naming the parameter and what is wrong, never a value
 */
export function readTemplateParameter(name: string, node: MapNode): HarpoonTemplateParameter {
  const complain = (problem: string, valid = ""): never => {
    throw new InvalidValueError(`template parameter ${quote(name)}: ${problem}`, valid);
  };
  if (!NAME.test(name)) complain("the name must match " + NAME.source);
  const text = (key: string) => {
    const found = nodeAt(node, [key]);
    return found?.kind === "text" ? found.text : undefined;
  };
  const list = (key: string) => {
    const found = nodeAt(node, [key]);
    return found?.kind === "list"
      ? found.items.flatMap((item) => item.kind === "text" ? [item.text] : [])
      : undefined;
  };
  if (text("type") !== "string") complain("type must be string");
  if (!parseFileBoolean(text("required") ?? "false", "plain")) complain("required must be true");
  const minLength = parseFileInteger(text("min_length") ?? "1");
  const maxLength = parseFileInteger(text("max_length") ?? "0");
  if (maxLength < 1 || maxLength > MAX_VALUE_LENGTH) complain(`max_length must be 1 to ${MAX_VALUE_LENGTH}`);
  if (minLength < 1 || minLength > maxLength) complain("min_length must be 1 to max_length");
  const description = text("description") ?? "";
  if (new TextEncoder().encode(description).length > 1024) complain("description is longer than 1024 bytes");
  const pattern = text("pattern");
  const choices = list("enum");
  if (pattern === undefined && choices === undefined) complain("pattern or enum is required");
  const matches = pattern === undefined ? undefined : compile(pattern, complain);
  const reservedValues = list("reserved_values") ?? [];
  const folded = reservedValues.map((value) => value.toLowerCase());
  if (reservedValues.length > 64 || new Set(folded).size < folded.length) {
    complain("reserved_values must be at most 64, each once in any letter case");
  }
  const isValid = (value: string) =>
    VALUE.test(value) && value !== "." && value !== ".." && value.length >= minLength &&
    value.length <= maxLength && (matches?.test(value) ?? true) && !folded.includes(value.toLowerCase());
  if (choices !== undefined) {
    if (choices.length < 1 || choices.length > 64 || new Set(choices).size < choices.length) {
      complain("enum must have 1 to 64 values, each once");
    }
    if (!choices.every(isValid)) complain("enum has a value that the other rules forbid");
  }
  const examples = list("examples") ?? [];
  if (examples.length > 8 || new Set(examples).size < examples.length) {
    complain("examples must be at most 8, each once");
  }
  if (!examples.every((value) => isValid(value) && (choices?.includes(value) ?? true))) {
    complain("examples has a value that the other rules forbid");
  }
  return {
    name,
    description,
    examples,
    ...(pattern === undefined ? {} : { pattern }),
    ...(choices === undefined ? {} : { enum: choices }),
    minLength,
    maxLength,
    reservedValues,
  };
}

function compile(pattern: string, complain: (problem: string, valid?: string) => never): RegExp {
  const valid = "use printable ASCII, plain groups and the escapes \\d \\s \\w and of special characters";
  if (pattern.length > 512 || !/^[\x20-\x7e]*$/.test(pattern)) {
    complain("pattern must be at most 512 printable ASCII characters", valid);
  }
  const hasForeignGroup = /\(\?(?!:)/.test(pattern.replace(/\\./g, ""));
  const hasForeignClass = /\[:|\[\^?\]/.test(pattern.replace(/\\./g, ""));
  if (hasForeignGroup || hasForeignClass || ESCAPE.test(pattern.replaceAll("\\\\", ""))) {
    complain("pattern uses what the dialect does not have", valid);
  }
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return complain("pattern is not a regular expression", valid);
  }
}
