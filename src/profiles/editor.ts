import { ExecutableNotFoundError, resolveExecutable } from "../channels/mod.ts";
import { ProfileError } from "./profile_error.ts";

/** An editor that may be started (A-150 … A-153). */
export interface Editor {
  /** Absolute path. */
  readonly program: string;
  readonly options: readonly string[];
}

/** What is allowed, in the order in which the alias `editor` is compared. */
const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map([
  ["vim", ["-f", "--nofork", "-n", "-R"]],
  ["nvim", ["-f", "--nofork", "-n", "-R"]],
  ["nano", ["-w", "--nowrap", "-l", "--linenumbers", "-m", "--mouse", "-E", "--tabstospaces"]],
  ["emacs", ["-nw", "--no-window-system", "-Q", "--quick", "-q", "--no-init-file", "--no-site-file"]],
  ["code", ["-w", "--wait", "-n", "--new-window", "-r", "--reuse-window", "--disable-extensions"]],
  ["subl", ["-w", "--wait", "-n", "--new-window", "-b", "--background"]],
  ["notepad", []],
  ["vi", ["-R", "-n"]],
  ["hx", []],
  ["micro", []],
  ["kate", ["-b", "--block", "-n", "--new"]],
]);

/**
 * Chooses the editor: the first of `VISUAL` and `EDITOR` that is not blank. Nothing is started, and no shell looks at it.
 * @param os decides whether a backslash escapes
 * @throws {ProfileError} when there is none, it is not on the list, or is given an option that is not
 */
export async function selectEditor(
  env: Readonly<Record<string, string>>,
  os: typeof Deno.build.os = Deno.build.os,
): Promise<Editor> {
  const variable = ["VISUAL", "EDITOR"].find((name) => (env[name] ?? "").trim() !== "");
  if (variable === undefined) {
    throw new ProfileError(`no editor: set VISUAL or EDITOR to one of ${[...ALLOWED.keys()].join(", ")}`);
  }
  const [word = "", ...options] = splitEditor(env[variable] ?? "", variable, os);
  const name = baseName(word, os);
  const { allowed, program } = name === "editor"
    ? await resolveAlias(word, env, variable)
    : await resolveNamed(word, name, env, variable);
  const stray = options.find((option) => !allowed.includes(option));
  if (stray !== undefined) {
    const known = allowed.length === 0 ? "none" : allowed.join(", ");
    throw new ProfileError(
      `${variable}: unsupported option ${JSON.stringify(stray)} for ${name}; supported: ${known}`,
    );
  }
  return { program, options };
}

/** */
function splitEditor(text: string, variable: string, os: typeof Deno.build.os): readonly string[] {
  const refuse = (what: string) => new ProfileError(`${variable} ${what}`);
  if (/[\0\r\n]/.test(text)) throw refuse("must not contain line breaks or NUL characters");
  const escapes = os !== "windows";
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (character === "\\" && escapes && quote !== "'") {
      index++;
      if (index >= text.length) throw refuse("ends with an unterminated escape");
      word = (word ?? "") + text[index];
    } else if (quote !== "") {
      if (character === quote) quote = "";
      else word = (word ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (character === " " || character === "\t") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") throw refuse("has an unterminated quote");
  if (word !== undefined) words.push(word);
  if (words[0] === "") throw refuse("names an empty program");
  return words;
}

function baseName(word: string, os: typeof Deno.build.os): string {
  const last = word.split(os === "windows" ? /[/\\]/ : "/").at(-1) ?? "";
  const name = last.toLowerCase();
  return os === "windows" ? name.replace(/\.exe$/, "") : name;
}

interface Resolved {
  readonly allowed: readonly string[];
  readonly program: string;
}

/** The program is always the one that `PATH` gives for the name; a path may only say the same. */
async function resolveNamed(
  word: string,
  name: string,
  env: Readonly<Record<string, string>>,
  variable: string,
): Promise<Resolved> {
  const allowed = ALLOWED.get(name);
  if (allowed === undefined) {
    throw new ProfileError(
      `${variable}: ${JSON.stringify(name)} is no supported editor; use one of ${
        [...ALLOWED.keys()].join(", ")
      }`,
    );
  }
  const program = await find(name, env);
  if (program === undefined) {
    throw new ProfileError(
      `${variable}: ${name} is not in PATH; install it, or set ${variable} to another editor`,
    );
  }
  if (/[/\\]/.test(word) && !await isSameFile(word, program)) {
    throw new ProfileError(`${variable} must select the installed ${name}, ${program}`);
  }
  return { allowed, program };
}

/** the system's own choice counts when it is one of the list. */
async function resolveAlias(
  word: string,
  env: Readonly<Record<string, string>>,
  variable: string,
): Promise<Resolved> {
  const alias = word.includes("/") ? word : await find(word, env);
  if (alias !== undefined) {
    for (const [name, allowed] of ALLOWED) {
      const program = await find(name, env);
      if (program !== undefined && await isSameFile(alias, program)) return { allowed, program };
    }
  }
  throw new ProfileError(
    `${variable}: "editor" is none of the supported editors; set it to one of ${
      [...ALLOWED.keys()].join(", ")
    }`,
  );
}

async function find(name: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
  try {
    return await resolveExecutable(name, env.PATH, Deno.cwd());
  } catch (error) {
    if (error instanceof ExecutableNotFoundError) return undefined;
    throw error;
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    return await Deno.realPath(one) === await Deno.realPath(other);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
