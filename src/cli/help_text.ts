import type { FlagSpec } from "../config/mod.ts";

const WIDTH = 80;

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

/** Rows of two columns, the first one padded. */
export function columns(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

/**
 * The flags of a command, under their group headings in order of first appearance.
 * @param variableOf name of the environment variable of a flag, if it has one
 */
export function flagSections(
  specs: readonly FlagSpec[],
  variableOf?: (spec: FlagSpec) => string | undefined,
): string {
  const groups = new Map<string, string[]>();
  for (const spec of specs) {
    const lines = groups.get(spec.group) ?? [];
    groups.set(spec.group, lines);
    lines.push(`  --${spec.name}${spec.placeholder === "" ? "" : ` ${spec.placeholder}`}`);
    lines.push(wrap(spec.help, "      "));
    const variable = variableOf?.(spec);
    const facts = [
      spec.repeatable ? "repeatable" : "",
      spec.default === "" ? "" : `default: ${spec.default}`,
      variable === undefined ? "" : `variable: ${variable}`,
    ].filter((fact) => fact !== "");
    if (facts.length > 0) lines.push(wrap(`(${facts.join(", ")})`, "      "));
  }
  return [...groups].map(([heading, lines]) => `${heading}:\n${lines.join("\n")}`).join("\n\n");
}
