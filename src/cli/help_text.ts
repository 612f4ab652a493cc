import type { FlagSpec } from "../config/mod.ts";

const WIDTH = 80;
/** No left column is wider. */
const LEFT_COLUMN = 35;
/** Up to this width flags stand in a column of their own; longer ones get a line of their own. */
const FLAG_COLUMN = 30;

/** Breaks a text into lines of at most 80 columns, each behind an indent; words are never broken. */
export function wrap(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    const joined = line === indent ? line + word : `${line} ${word}`;
    if (joined.length > WIDTH && line !== indent) {
      lines.push(line);
      line = indent + word;
    } else {
      line = joined;
    }
  }
  return [...lines, line].join("\n");
}

/** Wraps each paragraph; an empty line stands between two. */
export function paragraphs(text: string): string {
  return text.split("\n\n").map((paragraph) => wrap(paragraph)).join("\n\n");
}

/** Rows of two columns, the first one padded, the second one wrapped; what is too long for the first ends its line. */
export function columns(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.min(LEFT_COLUMN, Math.max(0, ...rows.map(([left]) => left.length)));
  const indent = " ".repeat(width + 4);
  return rows.map(([left, right]) => {
    const text = wrap(right, indent);
    return left.length > width
      ? `  ${left}\n${text}`
      : `  ${left.padEnd(width)}  ${text.trimStart()}`.trimEnd();
  }).join("\n");
}

/** Command lines of a help page, each of which may be copied as it stands. */
export function commandLines(...lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}

/**
 * The flags of a command, under their group headings in order of first appearance.
 * @param variableOf name of the environment variable of a flag, if it has one
 */
export function flagSections(
  specs: readonly FlagSpec[],
  variableOf: (spec: FlagSpec) => string | undefined,
): string {
  const groups = new Map<string, FlagSpec[]>();
  for (const spec of specs) {
    const members = groups.get(spec.group) ?? [];
    groups.set(spec.group, members);
    members.push(spec);
  }
  const describe = (spec: FlagSpec) => [flagName(spec), `${spec.help}${factsOf(spec, variableOf)}`] as const;
  const fits = specs.every((spec) => flagName(spec).length <= FLAG_COLUMN);
  return [...groups].map(([heading, members]) => {
    const rows = members.map(describe);
    const text = fits
      ? columns(rows)
      : rows.map(([name, help]) => `  ${name}\n${wrap(help, "      ")}`).join("\n");
    return `${heading}:\n${text}`;
  }).join("\n\n");
}

function flagName({ name, placeholder }: FlagSpec): string {
  return `--${name}${placeholder === "" ? "" : ` ${placeholder}`}`;
}

function factsOf(spec: FlagSpec, variableOf: (spec: FlagSpec) => string | undefined): string {
  const variable = variableOf(spec);
  const facts = [
    spec.choices === undefined ? "" : `one of ${spec.choices.join(", ")}`,
    spec.repeatable ? "repeatable" : "",
    spec.default === "" ? "" : `default: ${spec.default}`,
    variable === undefined ? "" : `variable: ${variable}`,
  ].filter((fact) => fact !== "");
  return facts.length === 0 ? "" : ` (${facts.join(", ")})`;
}
