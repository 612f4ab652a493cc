import { InvalidValueError, parseCommandLine } from "../config/mod.ts";
import { PreflightError } from "./preflight_error.ts";

/** What a shell would run. */
export type ShellWords =
  | { readonly kind: "script"; readonly path: string }
  | { readonly kind: "command"; readonly text: string }
  /** It reads its commands from stdin, or only tells about itself. */
  | { readonly kind: "unknown" };

const LONG_WITH_VALUE: ReadonlySet<string> = new Set(["--rcfile", "--init-file"]);

/**
 * Reads the arguments of a shell (F-4): options may be clustered, `o` and `O` take the next word, the command of `-c` is the
 * first word that is no option.
 * @throws {PreflightError} when `-c` has no command behind it
 */
export function readShellWords(shell: string, args: readonly string[]): ShellWords {
  let takesCommand = false;
  let index = 0;
  for (; index < args.length; index++) {
    const word = args[index] ?? "";
    if (word === "--" || word === "-") {
      index++;
      break;
    }
    if (LONG_WITH_VALUE.has(word)) index++;
    else if (word.startsWith("--")) continue;
    else if (/^[-+]\w/.test(word)) {
      if (word.startsWith("-") && word.includes("c")) takesCommand = true;
      if (word.startsWith("-") && word.includes("s")) return { kind: "unknown" };
      if (/[oO]/.test(word)) index++;
    } else break;
  }
  const word = args[index];
  if (takesCommand) {
    if (word === undefined) {
      throw new PreflightError(`${shell} -c is given no command`, "put the command in quotes behind -c");
    }
    return { kind: "command", text: word };
  }
  return word === undefined ? { kind: "unknown" } : { kind: "script", path: word };
}

/** Characters that make more of a text than the words of one command. */
const SHELL_SYNTAX = /[;&|<>()$`*?[\]{}~!#\n]/;
/** Words that are no programs, or not only. */
const BUILTINS: ReadonlySet<string> = new Set(
  (". : [ alias bg bind break builtin caller case cd compgen complete continue declare dirs disown do echo enable eval " +
    "exit export false fc fg for function getopts hash help history if jobs kill let local logout mapfile popd print " +
    "printf pushd pwd read readarray readonly return select set shift shopt source suspend test time times trap true " +
    "type typeset ulimit umask unalias unset until wait while").split(" "),
);

/**
 * The words of a shell's command when it is one plain command, without `exec`, `command` and assignments in front (F-4);
 * undefined when only a shell can tell what it does.
 */
export function simpleCommandOf(text: string): readonly string[] | undefined {
  // Quoted or not: a quoted `&` in an argument costs no more than a check that is left out.
  if (SHELL_SYNTAX.test(text) || /\\/.test(text)) return undefined;
  let words: readonly string[];
  try {
    words = parseCommandLine(text);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new PreflightError(`the command of the shell cannot be read: ${error.problem}`, error.valid);
  }
  for (;;) {
    const [word = "", ...rest] = words;
    // A PATH of its own decides where the program is found.
    if (word.startsWith("PATH=")) return undefined;
    const isPrefix = word === "exec" || word === "command" || /^[A-Za-z_]\w*=/.test(word);
    if (!isPrefix || rest.length === 0) {
      return isPrefix || BUILTINS.has(word) || word === "" ? undefined : words;
    }
    // `exec -a name`, `command -v`
    if (rest[0]?.startsWith("-")) return undefined;
    words = rest;
  }
}
