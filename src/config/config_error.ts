/** Where a value came from. `none`: nothing set it. */
export type ProblemSource = "flag" | "env" | "none";

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
  | "missing_binding";

/** One mistake in the configuration (CFG-111). No member ever holds a secret. */
export interface ConfigProblem {
  readonly code: ProblemCode;
  /** Canonical name of the setting. */
  readonly setting: string;
  /** What the user typed: flag without dashes, or variable; the setting's name when nothing set it. */
  readonly key: string;
  readonly source: ProblemSource;
  /** What is wrong, where it came from, and the bad value. */
  readonly message: string;
  /** What is valid, or what to do next; empty when the message says it. */
  readonly suggestion: string;
}

/** The configuration cannot be used; holds every mistake that was found, most important first (CFG-108). */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join("\n"));
  }
}

/** One problem on one line. */
export function formatProblem(problem: ConfigProblem): string {
  return problem.suggestion === "" ? problem.message : `${problem.message}; ${problem.suggestion}`;
}
