/** `tunnel-client profiles validate`. */
import { formatProblem, type ParsedFlags } from "../config/mod.ts";
import {
  checkProfile,
  findProfile,
  listProfiles,
  type ProfileFindings,
  readProfile,
} from "../profiles/mod.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { isOn, jsonText, profileDirOf, secretText, warnOfSecrets } from "./profile_options.ts";

interface Checked extends ProfileFindings {
  /** Absent for a file that was named by its path. */
  readonly name?: string;
  readonly path: string;
}

/**
 * Checks what the word names, every profile without one, and tells each mistake.
 * @returns the exit code: 1 when there is a mistake
 */
export async function validateProfiles(
  word: string | undefined,
  flags: ParsedFlags,
  io: CliIo,
): Promise<number> {
  const dir = profileDirOf(flags, io);
  const checked: Checked[] = [];
  for (const found of await namedBy(word, dir)) {
    checked.push({ ...found, ...await checkProfile(await readProfile(found.path), found.path) });
  }
  const isGood = checked.every(({ problems }) => problems.length === 0);
  if (isOn(flags, "json")) {
    io.stdout(jsonText({ valid: isGood, profiles: checked.map(documentOf) }));
    return isGood ? EXIT_OK : EXIT_FAILURE;
  }
  if (checked.length === 0) io.stdout(`no profiles found in ${dir}\n`);
  for (const { path, problems, secrets } of checked) {
    for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
    warnOfSecrets(secrets, io);
    if (problems.length === 0) io.stdout(`${path}: valid\n`);
  }
  return isGood ? EXIT_OK : EXIT_FAILURE;
}

async function namedBy(
  word: string | undefined,
  dir: string,
): Promise<readonly { readonly name?: string; readonly path: string }[]> {
  if (word === undefined) return await listProfiles(dir);
  return /[/\\]|\.ya?ml$/.test(word) ? [{ path: word }] : [await findProfile(dir, word)];
}

function documentOf({ name, path, problems, secrets }: Checked): unknown {
  return {
    ...(name === undefined ? {} : { name }),
    path,
    valid: problems.length === 0,
    ...(problems.length === 0 ? {} : {
      problems: problems.map(({ code, setting, message, suggestion, location }) => ({
        code,
        setting,
        message,
        ...(suggestion === "" ? {} : { suggestion }),
        ...(location === undefined ? {} : { line: location.line, column: location.column }),
      })),
    }),
    ...(secrets.length === 0 ? {} : { warnings: secrets.map(secretText) }),
  };
}
