import type { RunConfig } from "../config/mod.ts";
import { childProgram } from "./child_words.ts";
import { activeBindings } from "./permissions.ts";

/** Absolute paths of what the agent has to start. */
export interface Programs {
  /** By channel: the program of each stdio binding, its wrapper where it has one. */
  readonly executables: Readonly<Record<string, string>>;
  /** Program that signals process groups, if the machine has one. */
  readonly killProgram: string | undefined;
}

/**
 * Finds the programs of the stdio bindings that are served.
 * @param environment the process's environment as it was at start
 * @throws {Error} naming a program that does not exist or may not be executed
 */
export async function findPrograms(
  config: RunConfig,
  environment: Readonly<Record<string, string>>,
): Promise<Programs> {
  const bindings = activeBindings(config).filter((binding) => binding.transport === "stdio");
  const executables: Record<string, string> = {};
  if (bindings.length === 0) return { executables, killProgram: undefined };
  // Loaded only where there is a command to look for, and hidden from Deno everywhere else: start time counts.
  const path = new URL("../channels/mod.ts", import.meta.url).href;
  const { ExecutableNotFoundError, resolveExecutable }: typeof import("../channels/mod.ts") = await import(
    path
  );
  const find = (word: string) => resolveExecutable(word, environment.PATH ?? "", Deno.cwd());
  for (const binding of bindings) executables[binding.channel] = await find(childProgram(binding));
  let killProgram: string | undefined;
  try {
    killProgram = await find(Deno.build.os === "windows" ? "taskkill" : "kill");
  } catch (error) {
    if (!(error instanceof ExecutableNotFoundError)) throw error;
  }
  return { executables, killProgram };
}

/** All of them, in no order. */
export function programPaths({ executables, killProgram }: Programs): readonly string[] {
  return [...Object.values(executables), ...(killProgram === undefined ? [] : [killProgram])];
}

/** Words that {@link findPrograms} looks up. */
export function programWords(config: RunConfig): readonly string[] {
  const bindings = activeBindings(config).filter((binding) => binding.transport === "stdio");
  if (bindings.length === 0) return [];
  return [...bindings.map(childProgram), Deno.build.os === "windows" ? "taskkill" : "kill"];
}
