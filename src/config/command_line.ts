import { InvalidValueError } from "./invalid_value.ts";

const SEPARATORS: ReadonlySet<string> = new Set([" ", "\t", "\n", "\r"]);

/**
 * Splits a command line into words without a shell (ST-1, CFG-79): `'…'` is literal, in `"…"` and outside quotes a backslash
 * gives the next character, adjacent pieces join. An empty quoted argument is kept as an empty word.
 * @returns the words; never empty
 * @throws {InvalidValueError} for a blank command, an open quote or a backslash at the end (ST-2)
 */
export function parseCommandLine(text: string): string[] {
  const command = text.trim();
  const words: string[] = [];
  let word: string | undefined; // undefined between words, so that "" is a word
  for (let index = 0; index < command.length; index++) {
    const character = command[index] ?? "";
    if (SEPARATORS.has(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'") {
      const end = command.indexOf("'", index + 1);
      if (end === -1) throw unterminated(character);
      word = (word ?? "") + command.slice(index + 1, end);
      index = end;
    } else if (character === '"') {
      let piece = "";
      for (index++; command[index] !== '"'; index++) {
        if (command[index] === "\\") index++;
        if (index >= command.length) throw unterminated(character);
        piece += command[index] ?? "";
      }
      word = (word ?? "") + piece;
    } else if (character === "\\") {
      index++;
      if (index >= command.length) {
        throw new InvalidValueError("trailing backslash", "write \\\\ for a backslash");
      }
      word = (word ?? "") + (command[index] ?? "");
    } else {
      word = (word ?? "") + character;
    }
  }
  if (word !== undefined) words.push(word);
  if (words[0] === undefined || words[0] === "") {
    throw new InvalidValueError("command is empty", "name a program");
  }
  return words;
}

function unterminated(quoteCharacter: string): InvalidValueError {
  return new InvalidValueError(
    "unterminated quote",
    `close the ${quoteCharacter} or write \\${quoteCharacter}`,
  );
}
