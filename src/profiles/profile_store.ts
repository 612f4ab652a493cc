import { parseProfileName, PROFILE_EXTENSION, profilePath, suggestName, whyRefused } from "../config/mod.ts";
import { InvalidValueError } from "../config/mod.ts";
import { ProfileError } from "./profile_error.ts";
import { putFile, readText, type WriteMode } from "./put_file.ts";

export type { WriteMode } from "./put_file.ts";

const DIRECTORY_MODE = 0o700;

/** A profile that is there. */
export interface StoredProfile {
  readonly name: string;
  readonly path: string;
}

/** The profiles of a directory, sorted by name; none when the directory is missing (CFG-33, P-4). @throws {ProfileError} */
export async function listProfiles(profileDir: string): Promise<readonly StoredProfile[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(profileDir)) {
      const stem = name.slice(0, -PROFILE_EXTENSION.length);
      if (!isDirectory && name.endsWith(PROFILE_EXTENSION) && isProfileName(stem)) names.push(stem);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new ProfileError(`cannot list ${profileDirText(profileDir)}: ${whyRefused(error)}`);
  }
  return names.sort((a, b) => a < b ? -1 : 1).map((name) => ({ name, path: profilePath(profileDir, name) }));
}

/** A profile directory as messages name it. */
export function profileDirText(profileDir: string): string {
  return `profile directory ${JSON.stringify(profileDir)}`;
}

function isProfileName(text: string): boolean {
  try {
    return parseProfileName(text) === text;
  } catch (error) {
    if (error instanceof InvalidValueError) return false;
    throw error;
  }
}

/**
 * Finds a profile by its name.
 * @param word the name as it was typed
 * @throws {InvalidValueError} when it is no name
 * @throws {ProfileError} when there is no such profile; a similar name is suggested
 */
export async function findProfile(profileDir: string, word: string): Promise<StoredProfile> {
  const name = parseProfileName(word);
  const profiles = await listProfiles(profileDir);
  const found = profiles.find((profile) => profile.name === name);
  if (found !== undefined) return found;
  const meant = suggestName(name, profiles.map((profile) => profile.name));
  const hint = meant === undefined
    ? "see tunnel-client profiles list"
    : `did you mean ${JSON.stringify(meant)}?`;
  throw new ProfileError(
    `there is no profile ${JSON.stringify(name)} in ${profileDirText(profileDir)}; ${hint}`,
  );
}

/** Text of a profile, or of a file that is to become one. @throws {ProfileError} when it cannot be read */
export async function readProfile(path: string): Promise<string> {
  try {
    return await readText(path);
  } catch (error) {
    if (error instanceof TypeError) {
      throw new ProfileError(`cannot read ${JSON.stringify(path)}: it is not UTF-8 text`);
    }
    throw new ProfileError(`cannot read ${JSON.stringify(path)}: ${whyRefused(error)}`);
  }
}

/** Creates the directory, with its parents, for its owner only (CFG-31). @throws {ProfileError} */
export async function ensureProfileDir(profileDir: string): Promise<void> {
  try {
    await Deno.mkdir(profileDir, { recursive: true, mode: DIRECTORY_MODE });
  } catch (error) {
    throw new ProfileError(`cannot create ${profileDirText(profileDir)}: ${whyRefused(error)}`);
  }
}

/**
 * Writes a profile (CFG-31, I-3): atomically, mode 0600, never through a symbolic link.
 * @param text must have been validated
 * @throws {ProfileError} when it exists and must not be replaced, or cannot be written
 */
export async function addProfile(
  profileDir: string,
  name: string,
  text: string,
  mode: WriteMode,
): Promise<StoredProfile> {
  const path = profilePath(profileDir, name);
  await ensureProfileDir(profileDir);
  try {
    await putFile(path, text, mode);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists && mode === "create") {
      throw new ProfileError(
        `profile ${JSON.stringify(name)} already exists at ${path}; pass --force to overwrite it`,
      );
    }
    throw new ProfileError(`cannot write profile ${JSON.stringify(path)}: ${whyRefused(error)}`);
  }
  return { name, path };
}

/** Deletes a profile; of a symbolic link only the link. @throws {ProfileError} when it cannot be deleted */
export async function deleteProfile({ path }: StoredProfile): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    throw new ProfileError(`cannot delete profile ${JSON.stringify(path)}: ${whyRefused(error)}`);
  }
}
