/** The command lines of this program that a text tells its readers to type. */

/** One of them, taken apart as a shell would. */
export interface ToldLine {
  /** As it stands, continuation lines joined. */
  readonly text: string;
  /** The words behind the program's name. */
  readonly words: readonly string[];
}

/** How the program is called, and which words that already stands for. */
const PROGRAMS: ReadonlyArray<readonly [prefix: readonly string[], words: readonly string[]]> = [
  [["tunnel-client"], []],
  [["deno", "task", "cli"], []],
  [["deno", "task", "run"], ["run"]],
  [["deno", "task", "demo"], ["demo"]],
];
/** Usage lines stand further right. */
const INDENTED = /^ {2,6}(?=tunnel-client )/;
const SHELL_BLOCK = /^```sh\n([\s\S]*?)^```$/gm;

/** Every line of the ```sh blocks of a page, and every indented line that begins with the program's name. */
export function toldLines(text: string): readonly ToldLine[] {
  const joined = text.replace(/ *\\\n\s*/g, " ");
  const blocks = [...joined.matchAll(SHELL_BLOCK)].flatMap(([, block = ""]) => block.split("\n"));
  const rest = joined.replace(SHELL_BLOCK, "").split("\n").filter((line) => INDENTED.test(line)).map((line) =>
    // In a list an explanation follows in the next column.
    line.trim().replace(/ {2,}.*$/, "")
  );
  return [...blocks, ...rest].flatMap(lineOf);
}

function lineOf(text: string): readonly ToldLine[] {
  return simpleCommands(text).flatMap((command) => {
    const found = PROGRAMS.find(([prefix]) => prefix.every((word, index) => command[index] === word));
    if (found === undefined) return [];
    const [prefix, words] = found;
    return [{ text: text.trim(), words: [...words, ...command.slice(prefix.length)] }];
  });
}

const SEPARATOR = /^(?:&&|\|\||[|;&()])/;
const REDIRECTION = /^\d?(?:>>|>|<)(?:\s*\S+)?/;

/** The words of each command of a line; assignments in front, redirections and comments are left out. */
function simpleCommands(line: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  let rest = line.trim();
  while (rest !== "") {
    if (rest.startsWith("#")) break;
    const skipped = REDIRECTION.exec(rest)?.[0];
    const separator = SEPARATOR.exec(rest)?.[0];
    if (skipped !== undefined) rest = rest.slice(skipped.length);
    else if (separator !== undefined) {
      commands.push([]);
      rest = rest.slice(separator.length);
    } else {
      const [word, length] = firstWord(rest);
      const words = commands.at(-1) ?? [];
      if (words.length > 0 || !/^[A-Za-z_]\w*=/.test(word)) words.push(word);
      rest = rest.slice(length);
    }
    rest = rest.trimStart();
  }
  return commands.filter((words) => words.length > 0);
}

/** The first word without its quotes, and how long it is with them. */
function firstWord(text: string): readonly [word: string, length: number] {
  let word = "";
  let index = 0;
  let quote = "";
  let depth = 0;
  for (; index < text.length; index++) {
    const char = text[index] ?? "";
    if (quote === "" && depth === 0 && /[\s;|&<>]/.test(char) && !text.startsWith("<name>", index)) {
      // <name> stands for something, it redirects nothing.
      if (!(char === ">" && word.endsWith("<name"))) break;
    }
    if (char === "(" && text[index - 1] === "$") depth++;
    else if (char === ")" && depth > 0) depth--;
    if (depth === 0 && quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote && depth === 0) quote = "";
    else word += char;
  }
  return [word, index];
}
