import { ConfigError, formatProblem, UsageError } from "../config/mod.ts";
import { firstUseHint } from "./first_use.ts";
import type { CliIo } from "./io.ts";

/** Orderly end. */
export const EXIT_OK = 0;
/** Any failure: usage, configuration, input and output, start (C-7). */
export const EXIT_FAILURE = 1;
/** The command itself does not exist. */
export const EXIT_UNKNOWN_COMMAND = 2;

/** A failure that is told to the user as it stands. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;
  /** @param options exit code (1 when absent) and cause */
  constructor(message: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? EXIT_FAILURE;
  }
}

/**
 * Tells why a command failed: bare messages on stderr, one per line, no stack (C-14, CFG-109).
 * @returns the exit code
 */
export function reportFailure(error: unknown, io: CliIo): number {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) {
      io.stderr(`configure tunnel-client: ${formatProblem(problem)}${firstUseHint(problem)}\n`);
    }
    return EXIT_FAILURE;
  }
  if (error instanceof CliError || error instanceof UsageError) {
    io.stderr(`${error.message}\n`);
    return error instanceof CliError ? error.exitCode : EXIT_FAILURE;
  }
  const message = error instanceof Error ? error.message || error.name : String(error);
  io.stderr(`${message}\n`);
  return EXIT_FAILURE;
}
