/** `tunnel-client profiles schema`. */
import { lastValue, type ParsedFlags } from "../config/mod.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { isOn, jsonText } from "./profile_options.ts";

/** Prints the schema, or writes it where it is wanted. @returns the exit code */
export async function writeSchema(text: string, flags: ParsedFlags, io: CliIo): Promise<number> {
  const path = lastValue(flags, "output");
  if (path === undefined) {
    io.stdout(text);
    return EXIT_OK;
  }
  try {
    await Deno.writeTextFile(path, text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError(`cannot write --output ${JSON.stringify(path)}: ${error.message}`);
  }
  io.stdout(isOn(flags, "json") ? jsonText({ path }) : `Wrote the schema to ${path}\n`);
  return EXIT_OK;
}
