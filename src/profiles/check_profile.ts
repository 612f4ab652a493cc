import {
  ConfigError,
  type ConfigProblem,
  formatLocation,
  loadConfiguration,
  validateProfileText,
} from "../config/mod.ts";
import { type LiteralSecret, maskProfile } from "./mask_profile.ts";

/** What a look at a profile has brought. */
export interface ProfileFindings {
  /** Every message begins with `file:line:column: `. None when the profile is good. */
  readonly problems: readonly ConfigProblem[];
  readonly secrets: readonly LiteralSecret[];
}

/**
 * Checks a profile as far as it can be done without anything else: what CFG-41 checks before a profile is written, and the
 * values themselves. No reference is followed, and what is missing may still come from flags or variables.
 * @param path names the file in problems
 */
export async function checkProfile(text: string, path: string): Promise<ProfileFindings> {
  const problems = [...await validateProfileText(text, path)];
  const places = new Set(problems.map(placeOf));
  for (const problem of await problemsOfValues(text, path)) {
    if (!places.has(placeOf(problem))) problems.push(problem);
  }
  return {
    problems: problems.map(located).sort((a, b) =>
      (a.location?.line ?? 0) - (b.location?.line ?? 0) ||
      (a.location?.column ?? 0) - (b.location?.column ?? 0)
    ),
    secrets: maskProfile(text, path)?.secrets ?? [],
  };
}

async function problemsOfValues(text: string, path: string): Promise<readonly ConfigProblem[]> {
  const readTextFile = (wanted: string) => {
    if (wanted === path) return text;
    throw new Deno.errors.NotFound("references are not followed");
  };
  try {
    await loadConfiguration({ flags: { config: [path] }, env: {}, readTextFile });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.filter((problem) => problem.location !== undefined && !followsReference(problem));
  }
}

/** What is only wrong because no variable and no file is there to look into. */
function followsReference({ code, message }: ConfigProblem): boolean {
  return code === "invalid_reference" || /environment variable \S+ .*is not set|cannot read /.test(message);
}

function placeOf({ location }: ConfigProblem): string {
  return location === undefined ? "" : formatLocation(location);
}

/** The place in front, and not a second time inside. */
function located(problem: ConfigProblem): ConfigProblem {
  const place = placeOf(problem);
  if (place === "" || problem.message.startsWith(place)) return problem;
  return { ...problem, message: `${place}: ${problem.message.replaceAll(` at ${place}`, "")}` };
}
