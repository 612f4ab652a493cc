/** `create`: there must be nothing under the name. `replace`: whatever is there is replaced, a symbolic link too. */
export type WriteMode = "create" | "replace";

const FILE_MODE = 0o600;

/**
 * Writes a file so that a reader sees all of it or nothing, readable by its owner only. Never writes through a symbolic link.
 * @throws {Deno.errors.AlreadyExists} when something is there and must not be replaced
 */
export async function putFile(path: string, text: string, mode: WriteMode): Promise<void> {
  const slash = path.lastIndexOf("/") + 1;
  const temporary = `${path.slice(0, slash)}.${path.slice(slash)}.${crypto.randomUUID()}.tmp`;
  try {
    await writeOwn(temporary, text);
    if (mode === "replace") return await Deno.rename(temporary, path);
    await createFrom(temporary, path, text);
  } finally {
    await removeIfThere(temporary);
  }
}

/** A hard link appears at once and only where nothing is; a file system without links gets the next best. */
async function createFrom(temporary: string, path: string, text: string): Promise<void> {
  try {
    await Deno.link(temporary, path);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof Deno.errors.AlreadyExists) throw error;
    await writeOwn(path, text);
  }
}

/** Creates a file for its owner only, whatever the umask says. @throws {Deno.errors.AlreadyExists} */
export async function writeOwn(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text, { createNew: true, mode: FILE_MODE });
  if (Deno.build.os !== "windows") await Deno.chmod(path, FILE_MODE);
}

/** Removes a file; that it is missing is fine. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Text of a file, undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Text of a file, each byte of it. @throws {TypeError} when it is not UTF-8 */
export async function readText(path: string): Promise<string> {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await Deno.readFile(path));
}
