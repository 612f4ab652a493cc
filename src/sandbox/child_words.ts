import type { StdioBinding } from "../config/mod.ts";

/**
 * The word that names the program which is started for a binding: the wrapper's, if there is one. What the wrapper then
 * starts is looked up by the wrapper, which may see another file system.
 */
export function childProgram({ argv, wrapper }: Pick<StdioBinding, "argv" | "wrapper">): string {
  return wrapper[0] ?? argv[0] ?? "";
}

/**
 * The words that a child is started with.
 * @param executable absolute path of {@link childProgram}
 */
export function childWords(
  { argv, wrapper }: Pick<StdioBinding, "argv" | "wrapper">,
  executable: string,
): string[] {
  return [executable, ...[...wrapper, ...argv].slice(1)];
}
