import { PreflightError } from "./preflight_error.ts";
import { absolutePath, checkScript, kindOf } from "./script_file.ts";

/** What is known of an interpreter's command line. */
interface Interpreter {
  /** Behind these there is no script to check: code, a module, something that is not a file. */
  readonly ends: RegExp;
  /** Options that take the next word. */
  readonly takesWord: RegExp;
  /** Options that take none. Behind any other one, the next word may be its value. */
  readonly takesNothing: RegExp;
  /** Whether something besides a readable file will do as the script. */
  readonly accepts?: (
    path: string,
    kind: "file" | "directory" | "unreadable" | "missing",
  ) => Promise<boolean>;
}

const PYTHON: Interpreter = {
  ends: /^(?:-[bBdEhiIOPqRsStuvVx3]*[cmhV].*|--help.*|--version|-)$/s,
  takesWord: /^(?:-[bBdEiIOPqRsStuvx3]*[WXQ]|--check-hash-based-pycs)$/,
  takesNothing: /^-[bBdEiIOPqRsStuvx3]+$|^-[bBdEiIOPqRsStuvx3]*[WX].+$/,
  accepts: async (path, kind) => kind === "directory" && await kindOf(`${path}/__main__.py`) === "file",
};
const NODE: Interpreter = {
  ends:
    /^(?:-e|-p|-pe|-v|-h|-|--eval(?:=.*)?|--print(?:=.*)?|--test|--run(?:=.*)?|--build-sea.*|--version|--help)$/s,
  takesWord:
    /^(?:-r|-C|--require|--loader|--experimental-loader|--import|--conditions|--env-file|--env-file-if-exists|--title|--input-type|--icu-data-dir|--openssl-config|--redirect-warnings|--max-http-header-size|--inspect-port|--watch-path)$/,
  takesNothing:
    /^--(?:no-[\w-]+|enable-[\w-]+|experimental-(?!loader|config|default)[\w-]+|trace-[\w-]+|inspect(?:-brk|-wait)?|watch|expose-gc|use-[\w-]+|preserve-symlinks(?:-main)?|throw-deprecation|pending-deprecation|abort-on-uncaught-exception|permission|allow-[\w-]+)$/,
  accepts: async (path, kind) => {
    // Node adds endings, and finds the main file of a package.
    if (kind === "directory") return true;
    for (const ending of [".js", ".json", ".node"]) if (await kindOf(path + ending) === "file") return true;
    return false;
  },
};
const RUBY: Interpreter = {
  ends: /^(?:-[a-zA-Z]*e.*|-[ESxXhvy].*|--help|--version|-)$/s,
  takesWord: /^-[IrC]$/,
  takesNothing: /^(?:-[IrWTKFil0].+|-[wWUTanlps]+|--(?:enable|disable|jit|yjit|verbose|encoding=.*)[\w-]*)$/,
};
const PERL: Interpreter = {
  ends: /^(?:-[a-zA-Z]*[eE].*|-[ShvVx].*|--help|--version|-)$/s,
  takesWord: /^-[IMm]$/,
  takesNothing: /^(?:-[IMmCDil0F].+|-[wWXtTuUscanplf]+)$/,
};
const PHP: Interpreter = {
  ends:
    /^(?:-[rRBESfFhivmawsz].*|--(?:run|server|file|help|version|ini|info|modules|process-.*|interactive).*|-)$/s,
  takesWord: /^(?:-[cdgt]|--php-ini|--define)$/,
  takesNothing: /^(?:-[cdgt].+|-[qneC]+|--(?:no-php-ini|no-header|syntax-highlight)|--\w[\w-]*=.*)$/s,
};
const DENO: Interpreter = {
  ends: /^(?:-V|-h|--version|--help|-)$/,
  takesWord: /^(?:-c|-L|--config|--import-map|--cert|--location|--seed|--log-level|--lock|--env-file-path)$/,
  takesNothing:
    /^(?:-[AqrRWNESI]+|-[RWNESI]=.*|--(?:allow|deny|no|unstable|watch|inspect|check|cached-only|quiet|frozen|reload|node-modules-dir|vendor|v8-flags|env-file)[\w-]*)$/,
  accepts: (path) => Promise.resolve(!/\.(?:[cm]?[jt]sx?|json|wasm)$/.test(path)),
};

const BY_NAME: readonly (readonly [name: RegExp, interpreter: Interpreter])[] = [
  [/^(?:python|pypy)(?:\d+(?:\.\d+)*)?$/, PYTHON],
  [/^node(?:js)?$/, NODE],
  [/^ruby(?:\d+(?:\.\d+)*)?$/, RUBY],
  [/^perl(?:5(?:\.\d+)*)?$/, PERL],
  [/^php(?:\d+(?:\.\d+)*)?$/, PHP],
];

/**
 * Checks the script that an interpreter is told to run (F-4). Passes whatever the interpreter might take and this cannot judge.
 * @param name of the program: lower case, without directories and `.exe`
 * @throws {PreflightError} when the script is surely not there, or cannot be read
 */
export async function checkInterpreter(name: string, args: readonly string[], cwd: string): Promise<void> {
  if (name === "deno") return await checkDeno(args, cwd);
  const found = BY_NAME.find(([pattern]) => pattern.test(name));
  if (found !== undefined) await checkScriptOf(name, found[1], args, cwd);
}

/** Only `deno run FILE`, `deno serve FILE` and `deno FILE` name a script; every other sub-command is Deno's own business. */
async function checkDeno(args: readonly string[], cwd: string): Promise<void> {
  const at = args.findIndex((word) => !word.startsWith("-"));
  const word = args[at] ?? "";
  const isScript = /\.[cm]?[jt]sx?$/.test(word) && at === 0;
  if (word === "run" || word === "serve") {
    return await checkScriptOf("deno", DENO, args.toSpliced(at, 1), cwd);
  }
  if (isScript) await checkScriptOf("deno", DENO, args, cwd);
}

async function checkScriptOf(
  name: string,
  { ends, takesWord, takesNothing, accepts }: Interpreter,
  args: readonly string[],
  cwd: string,
): Promise<void> {
  let isBehindUnknownOption = false;
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? "";
    if (word === "--") return await checkFile(args[index + 1], false);
    if (ends.test(word)) return;
    if (takesWord.test(word)) index++;
    else if (!word.startsWith("-")) return await checkFile(word, isBehindUnknownOption);
    else isBehindUnknownOption = !takesNothing.test(word) && !word.includes("=");
  }

  async function checkFile(script: string | undefined, isUnsure: boolean): Promise<void> {
    // Modules from elsewhere (`npm:…`, `https://…`) are not looked for.
    if (script === undefined || /^[A-Za-z][A-Za-z0-9+.-]+:/.test(script)) return;
    const path = absolutePath(script, cwd);
    const kind = await kindOf(path);
    if (kind === "file" || isUnsure || (await accepts?.(path, kind) ?? false)) return;
    await checkScript(script, cwd, name);
    throw new PreflightError(`${name} cannot run ${JSON.stringify(script)}`, "check the script");
  }
}
