import { type FlagSpec, type Setting, SETTINGS } from "../config/mod.ts";
import type { PlacedCommand } from "./program.ts";
import { PROGRAM } from "./commands.ts";
import { everyCommand } from "./tree.ts";

/** What follows a flag, or stands as a word of its own. */
export type CompletedValue =
  | { readonly kind: "none" | "any" | "file" | "directory" | "profile" | "sample" }
  | { readonly kind: "words"; readonly words: readonly string[] };

/** One word that can be completed. */
export interface CompletionRow {
  /** Command that takes it, without the program's name; empty for the program itself. */
  readonly path: string;
  /** A command below, a flag with its dashes, or `*` for a positional word. */
  readonly word: string;
  /** What follows a flag, or what a positional word may be. */
  readonly value: CompletedValue;
  readonly description: string;
}

const HELP = { word: "--help", value: { kind: "none" }, description: "Show the help page." } as const;
const VERSION = { word: "--version", value: { kind: "none" }, description: "Print the version." } as const;

/** Commands whose word is the name of a profile that exists. */
const NAMES_A_PROFILE = /^profiles (show|path|edit|delete|validate)$/;

/** Every command, flag and positional word of the program. */
export async function completionTable(): Promise<readonly CompletionRow[]> {
  return (await everyCommand()).flatMap(rowsOf);
}

function rowsOf({ path: fullPath, command, inherited }: PlacedCommand): readonly CompletionRow[] {
  const path = fullPath.slice(PROGRAM.length + 1);
  const flags = [...command.flags?.() ?? [], ...inherited].map((spec) => ({
    path,
    word: `--${spec.name}`,
    value: valueOf(spec),
    description: firstSentence(spec.help),
  }));
  const words = command.kind === "group"
    ? command.children.map(({ name, summary }) => ({
      path,
      word: name,
      value: { kind: "none" } as const,
      description: summary,
    }))
    : (command.positionals ?? []).slice(0, 1).map(({ name, help }) => ({
      path,
      word: "*",
      value: NAMES_A_PROFILE.test(path) ? { kind: "profile" } as const : valueNamed(name),
      description: firstSentence(help),
    }));
  return [...words, ...flags, ...(path === "" ? [{ path, ...VERSION }] : []), { path, ...HELP }];
}

function valueOf(spec: FlagSpec): CompletedValue {
  if (spec.syntax === "bool") return { kind: "none" };
  const settings: readonly Setting[] = SETTINGS;
  const words = spec.choices ?? settings.find(({ name }) => name === spec.name)?.choices;
  if (words !== undefined) return { kind: "words", words };
  return spec.name === "profile" ? { kind: "profile" } : valueNamed(spec.placeholder);
}

/** By the word that stands for it in help pages. */
function valueNamed(placeholder: string): CompletedValue {
  switch (placeholder) {
    case "PATH":
    case "FILE":
      return { kind: "file" };
    case "DIR":
      return { kind: "directory" };
    case "SAMPLE":
      return { kind: "sample" };
    default:
      return { kind: "any" };
  }
}

/** One line, without the characters that mean something to the scripts. */
function firstSentence(text: string): string {
  return (/^.*?[^.]\.(?= |$)/.exec(text)?.[0] ?? text).replace(/\.$/, "").replace(/[|\t\n]/g, " ");
}
