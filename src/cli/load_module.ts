import type { Command } from "./command.ts";

/** What the module of a command exports. */
interface CommandModule {
  readonly command: Command;
}

/**
 * Loads a module whose path is hidden from Deno, which would otherwise walk the modules of all commands before the first
 * line runs; that doubles the start time. `scripts/compile` finds such paths in files that name `import.meta.url`.
 * @param file path relative to the caller, as a literal
 * @param base `import.meta.url` of the caller
 */
export async function loadModule<Module>(file: string, base: string): Promise<Module> {
  return await import(new URL(file, base).href);
}

/** Loads the command that a module exports as `command`, in the same way. */
export async function loadCommand<Module extends CommandModule>(
  file: string,
  base: string,
): Promise<Command> {
  const { command } = await loadModule<Module>(file, base);
  return command;
}
