import { InvalidValueError } from "./invalid_value.ts";

/** POSIX classes, which may stand inside brackets. */
const POSIX: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const VALID = "use a regular expression such as ^api[0-9]+\\.example\\.com$";

/**
 * Compiles a pattern for host names: anchored nowhere, any letter case (CFG-88). The dialect is that of the published
 * client, so `(?P<name>…)`, `\z` and POSIX classes work and look-around and back-references do not.
 * @throws {InvalidValueError} when the pattern is not valid
 */
export function hostPattern(pattern: string): RegExp {
  if (/\(\?<?[=!]/.test(pattern)) throw new InvalidValueError("look-around is not supported", VALID);
  if (/(?:^|[^\\])(?:\\\\)*\\(?:[1-9]|k<)/.test(pattern)) {
    throw new InvalidValueError("back-references are not supported", VALID);
  }
  const translated = pattern
    .replace(/^\(\?[ims]+\)/, "")
    .replace(/\(\?P</g, "(?<")
    .replace(/\\Q(.*?)(?:\\E|$)/gs, (_, literal: string) => literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .replace(/\\([Az])/g, (_, letter: string) => letter === "A" ? "^" : "$")
    .replace(
      /\[:(\^?)([a-z]+):\]/g,
      (whole, negated: string, name: string) => negated === "" ? POSIX[name] ?? whole : whole,
    );
  try {
    return new RegExp(translated, "i");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new InvalidValueError("not a regular expression", VALID);
  }
}
