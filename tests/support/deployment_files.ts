/** The files of `samples/` that start the program somewhere, read without the tools that they are for. */
import { parseAllDocuments } from "yaml";
import { CHECKOUT } from "./e2e_program.ts";

const SAMPLES = `${CHECKOUT}samples`;

/** Text of a file below `samples/`. */
export async function sample(path: string): Promise<string> {
  return await Deno.readTextFile(`${SAMPLES}/${path}`);
}

// What a manifest holds is up to the test that reads it.
// deno-lint-ignore no-explicit-any
export type Manifest = any;

/** Every document of a YAML file below `samples/`. */
export async function documents(path: string): Promise<Manifest[]> {
  return parseAllDocuments(await sample(path)).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

/** Settings of a unit file by section and name, in order; a name may stand there more than once. */
export function unitSettings(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n")) {
    const head = /^\[(\w+)\]$/.exec(line);
    if (head !== null) section = head[1] ?? "";
    const [, name, value] = /^([A-Za-z]\w*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const key = `${section}.${name}`;
    settings.set(key, [...settings.get(key) ?? [], value]);
  }
  return settings;
}

/** One instruction of a Dockerfile with its continuation lines joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile, without comments. */
export function instructions(text: string): readonly Instruction[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line)).join("\n").replace(/\\\n\s*/g, "");
  return lines.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [, name = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    return { name, text: rest };
  });
}

/** Seconds of a time span such as `40s` or `1min`. */
export function seconds(span: string): number {
  const [, count = "", unit = "s"] = /^(\d+)(s|min|ms)?$/.exec(span.trim()) ?? [];
  if (count === "") throw new Error(`not a time span: ${span}`);
  return Number(count) * { s: 1, min: 60, ms: 0.001 }[unit as "s" | "min" | "ms"];
}
