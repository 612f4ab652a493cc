/** Everything before the last separator, `.` for a bare name. node:path would cost 5 ms of every start. */
export function directoryOf(path: string): string {
  const end = lastSeparator(path);
  if (end < 0) return ".";
  return path.slice(0, Math.max(end, 1));
}

function lastSeparator(path: string): number {
  return Math.max(path.lastIndexOf("/"), Deno.build.os === "windows" ? path.lastIndexOf("\\") : -1);
}

/**
 * Writes a small file so that a reader sees the old content or the new one, never a part. A symbolic link at the path
 * is replaced, never followed (P-1).
 * @param mode permission bits, set whatever the umask says
 */
export async function writeFileAtomically(path: string, content: string, mode: number): Promise<void> {
  const nameStart = lastSeparator(path) + 1;
  // A name that is known before, so that the right to write it can be given without the whole directory.
  const temporary = `${path.slice(0, nameStart)}.${path.slice(nameStart)}.tmp`;
  await removeIfPresent(temporary);
  try {
    await Deno.writeTextFile(temporary, content, { createNew: true, mode });
    if (Deno.build.os !== "windows") await Deno.chmod(temporary, mode);
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfPresent(temporary);
    throw error;
  }
}

/** Makes a directory and those above it. A process whose rights end at its files must find it there. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}

/** Removes a file; that it is missing is fine. */
export async function removeIfPresent(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Content of a file, undefined when there is none. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Removes a file that still says what we wrote, and leaves one that another process has taken over. */
export async function removeIfOurs(path: string, content: string): Promise<void> {
  if (await readIfPresent(path) === content) await removeIfPresent(path);
}
