import { ExecutableNotFoundError, resolveExecutable } from "../channels/mod.ts";
import { InvalidValueError, parseCommandLine } from "../config/mod.ts";
import { checkInterpreter } from "./interpreter_words.ts";
import { PreflightError } from "./preflight_error.ts";
import type { PreflightPlace } from "./preflight_place.ts";
import { readEnvWords } from "./env_words.ts";
import { checkShebang } from "./shebang.ts";
import { readShellWords, simpleCommandOf } from "./shell_words.ts";
import { checkScript } from "./script_file.ts";

/** A shell in a shell in a shell … is not followed any further (F-4). */
const MAX_DEPTH = 4;
const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "zsh", "dash", "ksh"]);

/**
 * Looks at whether a stdio command could be started: its program, the interpreter that its shebang names, and the script
 * that a shell or an interpreter is told to run (F-1 … F-7). Nothing is executed. What cannot be judged without running it,
 * such as `deno task`, `node --test` or `sh -c 'cd d && server'`, passes.
 * @returns absolute path of the command's first word
 * @throws {PreflightError} when it cannot start
 */
export async function preflightCommand(command: string, place: PreflightPlace): Promise<string> {
  return await preflightWords(splitCommand(command), place, 0);
}

function splitCommand(command: string): readonly string[] {
  try {
    return parseCommandLine(command);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new PreflightError(error.problem, error.valid);
  }
}

async function preflightWords(
  words: readonly string[],
  place: PreflightPlace,
  depth: number,
): Promise<string> {
  const [word = "", ...args] = words;
  const program = await findProgram(word, place);
  await checkShebang(program, place);
  if (depth < MAX_DEPTH) await checkArguments(baseNameOf(word), args, place, depth);
  return program;
}

async function findProgram(word: string, { env, cwd }: PreflightPlace): Promise<string> {
  try {
    return await resolveExecutable(word, env.PATH, cwd);
  } catch (error) {
    if (!(error instanceof ExecutableNotFoundError)) throw error;
    throw new PreflightError(error.message, "");
  }
}

/** Lower case, without directories and `.exe`. */
function baseNameOf(word: string): string {
  return (word.split(/[/\\]/).at(-1) ?? "").toLowerCase().replace(/\.exe$/, "");
}

/** What else must be there, by the kind of program (F-4). */
async function checkArguments(
  name: string,
  args: readonly string[],
  place: PreflightPlace,
  depth: number,
): Promise<void> {
  if (name === "env") {
    const found = readEnvWords(args);
    if (found.kind === "unknown") return;
    const inside = found.directory === undefined
      ? place
      : { ...place, cwd: join(place.cwd, found.directory) };
    await preflightWords(
      found.splitText === undefined ? found.words : [
        ...splitCommand(found.splitText),
        ...found.words,
      ],
      inside,
      depth + 1,
    );
  } else if (SHELLS.has(name)) {
    const found = readShellWords(name, args);
    if (found.kind === "script") await checkScript(found.path, place.cwd, name);
    if (found.kind !== "command") return;
    const words = simpleCommandOf(found.text);
    if (words !== undefined) await preflightWords(words, place, depth + 1);
  } else {
    await checkInterpreter(name, args, place.cwd);
  }
}

function join(directory: string, path: string): string {
  return path.startsWith("/") ? path : `${directory}/${path}`;
}
