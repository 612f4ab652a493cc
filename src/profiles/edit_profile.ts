import { formatProblem, parseProfileName, profilePath, whyRefused } from "../config/mod.ts";
import { checkProfile, type ProfileFindings } from "./check_profile.ts";
import type { Editor } from "./editor.ts";
import { ProfileError } from "./profile_error.ts";
import { ensureProfileDir, readProfile, type StoredProfile } from "./profile_store.ts";
import { readIfThere, removeIfThere, writeOwn } from "./put_file.ts";
import { exampleOf, renderSample } from "./render_sample.ts";
import { findSample } from "./samples.ts";
import { writeSchemaFile } from "./schema_file.ts";

/** What a new profile starts from (CFG-145). */
const SKELETON = "sample_mcp_with_dcr";
const SKELETON_TUNNEL_ID = `tunnel_${"0".repeat(32)}`;

/**
 * Lets a person edit a profile, or make one, in a copy beside it (P-6, A-154). The profile changes only when what was written
 * is valid; what was written is never lost: where it cannot be saved, the copy stays and is named.
 * @param word name of the profile
 * @returns the saved profile and what is still to be said of it
 * @throws {ProfileError} when nothing was saved
 */
export async function editProfile(
  profileDir: string,
  word: string,
  editor: Editor,
): Promise<StoredProfile & Pick<ProfileFindings, "secrets">> {
  const name = parseProfileName(word);
  const path = profilePath(profileDir, name);
  await ensureProfileDir(profileDir);
  const target = await followLink(profileDir, path);
  const before = await readExisting(target);
  const start = before ?? skeleton();
  const copy = await Deno.realPath(profileDir) + `/.${name}.${crypto.randomUUID().slice(0, 8)}.yaml`;
  await refusing(copy, () => writeOwn(copy, start));
  // Without it the editor cannot help; that is no reason not to edit.
  if (before === undefined) void await writeSchemaFile(profileDir);
  const ended = await runEditor(editor, copy);
  const after = await readProfile(copy);
  const keep = (what: string): ProfileError =>
    new ProfileError(
      `${what}\nThe profile is as it was. What you have written is in ${copy}; go on with it, then save it with ` +
        `tunnel-client profiles add ${name} --force --from-file ${copy}`,
    );
  const drop = async (what: string): Promise<ProfileError> => {
    await removeIfThere(copy);
    return new ProfileError(what);
  };
  if (!ended.success) {
    const what = `the editor ended with ${ended.how}; nothing was saved`;
    throw after === start ? await drop(what) : keep(what);
  }
  const { problems, secrets } = await checkProfile(after, copy);
  if (problems.length > 0) {
    const what = `profile did not validate:\n${problems.map(formatProblem).join("\n")}`;
    throw after === start ? await drop(what) : keep(what);
  }
  if (await readExisting(target) !== before) {
    throw keep(`profile ${JSON.stringify(name)} was changed by somebody else meanwhile`);
  }
  await refusing(target, () => Deno.rename(copy, target));
  return {
    name,
    path,
    secrets: secrets.map((secret) => ({ ...secret, location: { ...secret.location, path } })),
  };
}

function skeleton(): string {
  const sample = findSample(SKELETON);
  return renderSample(sample, { ...exampleOf(sample), tunnelId: SKELETON_TUNNEL_ID });
}

/** A profile may be a link only with a relative target that stays inside its directory. */
async function followLink(profileDir: string, path: string): Promise<string> {
  let link: string;
  try {
    link = await Deno.readLink(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    // EINVAL: it is no link.
    if (error instanceof Error && !(error instanceof Deno.errors.PermissionDenied)) return path;
    throw new ProfileError(`cannot read ${JSON.stringify(path)}: ${whyRefused(error)}`);
  }
  const refuse = (why: string) =>
    new ProfileError(
      `profile ${JSON.stringify(path)} is a symbolic link ${why}; edit the file that it points to`,
    );
  if (link.startsWith("/") || /^[A-Za-z]:/.test(link)) throw refuse("with an absolute target");
  try {
    const target = await Deno.realPath(path);
    if (target.startsWith(`${await Deno.realPath(profileDir)}/`)) return target;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw refuse("to nothing");
  }
  throw refuse("that leads out of the profile directory");
}

async function readExisting(path: string): Promise<string | undefined> {
  try {
    return await readIfThere(path);
  } catch (error) {
    if (error instanceof TypeError) {
      throw new ProfileError(`cannot edit ${JSON.stringify(path)}: it is not UTF-8 text`);
    }
    throw new ProfileError(`cannot read ${JSON.stringify(path)}: ${whyRefused(error)}`);
  }
}

async function refusing(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new ProfileError(`cannot write ${JSON.stringify(path)}: ${whyRefused(error)}`);
  }
}

/** Runs the editor with the terminal attached. Ctrl-C belongs to the editor meanwhile. */
async function runEditor(
  { program, options }: Editor,
  path: string,
): Promise<{ readonly success: boolean; readonly how: string }> {
  const ignore = () => undefined;
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const { success, code, signal } = await new Deno.Command(program, {
      args: [...options, path],
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn().status;
    return { success, how: signal ?? `code ${code}` };
  } catch (error) {
    await removeIfThere(path);
    throw new ProfileError(`cannot start the editor ${program}: ${whyRefused(error)}`);
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}
