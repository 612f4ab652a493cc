import type { Location } from "./location.ts";

/** Where a value came from. `none`: nothing set it. */
export type ProblemSource = "flag" | "env" | "yaml" | "none";

/** What kind of mistake was made; stable, for programs. */
export type ProblemCode =
  | "required"
  | "invalid_value"
  | "out_of_range"
  | "invalid_reference"
  | "reserved_name"
  | "duplicate"
  | "conflict"
  | "unsupported"
  | "missing_binding"
  /** The text of the file is not YAML. */
  | "invalid_file"
  /** The file cannot be read. */
  | "unreadable_file"
  /** The file has a key that does not exist. */
  | "unknown_key";

/** One mistake in the configuration (CFG-111). No member ever holds a secret. */
export interface ConfigProblem {
  readonly code: ProblemCode;
  /** Canonical name of the setting; the YAML path of what is no setting. */
  readonly setting: string;
  /** What the user typed: flag without dashes, variable, or YAML path; the setting's name when nothing set it. */
  readonly key: string;
  readonly source: ProblemSource;
  /** What is wrong, where it came from, and the bad value. */
  readonly message: string;
  /** What is valid, or what to do next; empty when the message says it. */
  readonly suggestion: string;
  /** Where it stands, if it stands in a file. */
  readonly location?: Location;
}

/** Something that works and should still be looked at. No member ever holds a secret. */
export interface ConfigWarning {
  readonly code: "literal_secret" | "ignored_key" | "no_effect";
  readonly setting: string;
  readonly message: string;
  readonly suggestion: string;
}

/** The configuration cannot be used; holds every mistake that was found, most important first (CFG-108). */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join("\n"));
  }
}

/** One problem, or one warning, on one line. */
export function formatProblem(problem: Pick<ConfigProblem, "message" | "suggestion">): string {
  return problem.suggestion === "" ? problem.message : `${problem.message}; ${problem.suggestion}`;
}
