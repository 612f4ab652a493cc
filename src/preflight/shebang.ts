import { ExecutableNotFoundError, resolveExecutable } from "../channels/mod.ts";
import { readEnvWords } from "./env_words.ts";
import { PreflightError } from "./preflight_error.ts";
import type { PreflightPlace } from "./preflight_place.ts";

const HEAD_BYTES = 4096;

/**
 * Checks that the interpreter which the first line of a program names is there (F-3). A program that may be executed and not
 * read is left alone: it may well be no script.
 * @throws {PreflightError} when it is not
 */
export async function checkShebang(program: string, place: PreflightPlace): Promise<void> {
  if (Deno.build.os === "windows") return;
  const line = await firstLine(program);
  if (!line?.startsWith("#!")) return;
  const words = line.slice(2).trim().split(/[ \t]+/);
  const interpreter = words[0] ?? "";
  const refuse = (what: string) => {
    throw new PreflightError(
      `stdio MCP executable ${JSON.stringify(program)} uses an unavailable interpreter: ${what}`,
      "install it, or update the shebang in the first line",
    );
  };
  if (interpreter === "") return refuse("its first line names none");
  if (line.endsWith("\r")) {
    return refuse("its first line ends with a carriage return; save the file with Unix line ends");
  }
  const wanted = programOf(words);
  // What `env` is told may be more than can be judged here.
  if (wanted === undefined) return;
  for (const word of wanted) {
    try {
      await resolveExecutable(word, place.env.PATH, place.cwd);
    } catch (error) {
      if (!(error instanceof ExecutableNotFoundError)) throw error;
      return refuse(JSON.stringify(word));
    }
  }
}

/** The programs that must be there: the interpreter, and behind `env` the one that it starts. */
function programOf([interpreter = "", ...rest]: readonly string[]): readonly string[] | undefined {
  // The system looks for no interpreter in PATH; a bare name is a file beside the working directory.
  const path = interpreter.includes("/") ? interpreter : `./${interpreter}`;
  if (!/(?:^|\/)env$/.test(interpreter)) return [path];
  const found = readEnvWords(rest);
  if (found.kind === "unknown") return undefined;
  const word = found.splitText?.trim().split(/\s+/)[0] ?? found.words[0] ?? "";
  return [path, word];
}

/** Undefined when it cannot be read, or is no text. */
async function firstLine(path: string): Promise<string | undefined> {
  const buffer = new Uint8Array(HEAD_BYTES);
  try {
    using file = await Deno.open(path);
    const length = await file.read(buffer) ?? 0;
    return new TextDecoder("latin1").decode(buffer.subarray(0, length)).split("\n", 1)[0];
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}
