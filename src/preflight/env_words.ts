import { PreflightError } from "./preflight_error.ts";

/** What `env` would start. */
export type EnvWords =
  | {
    readonly kind: "command";
    readonly words: readonly string[];
    /** Text of `-S`, to be split before the words. */
    readonly splitText?: string;
    /** Working directory of `-C`. */
    readonly directory?: string;
  }
  /** It changes where programs are looked for; that cannot be judged. */
  | { readonly kind: "unknown" };

/**
 * Reads the arguments of `env` (F-4).
 * @throws {PreflightError} when they name no command
 */
export function readEnvWords(args: readonly string[]): EnvWords {
  let directory: string | undefined;
  let isUnknown = false;
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? "";
    const next = args[index + 1] ?? "";
    const rest = args.slice(index + 1);
    const split = /^(?:-[iv0]*S|--split-string=)(.+)$/s.exec(word)?.[1];
    if (split !== undefined) return command(rest, split);
    if (/^(?:-[iv0]*S|--split-string)$/.test(word)) return command(rest.slice(1), next);
    if (word === "--") return command(rest);
    if (/^(?:-u|--unset)$/.test(word)) index++;
    else if (/^(?:-C|--chdir)$/.test(word)) {
      directory = next;
      index++;
    } else if (word.startsWith("--chdir=")) directory = word.slice("--chdir=".length);
    // Without PATH, or with another one, programs are found elsewhere.
    else if (/^(?:-i?|--ignore-environment|-[iv0]+|PATH=.*)$/s.test(word)) {
      isUnknown ||= word !== "-v" && word !== "-0";
    } else if (!word.startsWith("-") && !/^[A-Za-z_]\w*=/.test(word)) return command(args.slice(index));
  }
  throw new PreflightError("env is given no command", "name the program behind its options");

  function command(words: readonly string[], splitText?: string): EnvWords {
    if (isUnknown) return { kind: "unknown" };
    if (words.length === 0 && (splitText ?? "").trim() === "") {
      throw new PreflightError("env is given no command", "name the program behind its options");
    }
    const assigned = splitText !== undefined && /^\s*(?:-|[A-Za-z_]\w*=)/.test(splitText);
    if (assigned) return { kind: "unknown" };
    return {
      kind: "command",
      words,
      ...(splitText === undefined ? {} : { splitText }),
      ...(directory === undefined ? {} : { directory }),
    };
  }
}
