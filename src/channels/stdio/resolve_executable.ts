/** Endings that make a file a program on Windows, tried in this order when the word has none. */
const WINDOWS_ENDINGS = [".exe", ".com", ".cmd", ".bat"] as const;

/** The first word of a stdio command names no program that could be started (ST-4). */
export class ExecutableNotFoundError extends Error {
  override readonly name = "ExecutableNotFoundError";
}

/**
 * Finds the program that the first word of a stdio command means (ST-5): a word with a path separator is a path, relative
 * to `cwd`; any other word is looked up in the directories of `PATH`. Entries of `PATH` that are not absolute are passed
 * over, so that no program is picked up from wherever the agent happens to be started. Links are not resolved: what a
 * program finds (a Python environment, a multi-call binary) may depend on the name it is started by.
 * @param pathVar value of `PATH`
 * @returns absolute path
 * @throws {ExecutableNotFoundError} when there is no such file, or it may not be executed
 */
export async function resolveExecutable(
  word: string,
  pathVar: string | undefined,
  cwd: string,
): Promise<string> {
  // Only main resolves commands; the agent thread loads this file too and would pay 5 ms at every start.
  const { delimiter, isAbsolute, join, resolve } = await import("node:path");
  const windows = Deno.build.os === "windows";
  if (word.includes("/") || (windows && word.includes("\\"))) {
    const path = resolve(cwd, word);
    const found = await firstProgram(withEndings(path));
    if (found.path !== undefined) return found.path;
    throw new ExecutableNotFoundError(
      found.refused === undefined
        ? `stdio MCP executable "${word}" does not exist (looked for ${path}); correct the path in mcp.command`
        : `stdio MCP executable "${word}" ${found.refused}`,
    );
  }
  let refused: string | undefined;
  for (const directory of (pathVar ?? "").split(delimiter)) {
    if (!isAbsolute(directory)) continue;
    const found = await firstProgram(withEndings(join(directory, word)));
    if (found.path !== undefined) return found.path;
    refused ??= found.refused;
  }
  throw new ExecutableNotFoundError(
    refused === undefined
      ? `stdio MCP executable "${word}" is not in PATH; install it, or give its absolute path in mcp.command`
      : `stdio MCP executable "${word}" ${refused}`,
  );
}

function withEndings(path: string): readonly string[] {
  if (Deno.build.os !== "windows") return [path];
  const lower = path.toLowerCase();
  if (WINDOWS_ENDINGS.some((ending) => lower.endsWith(ending))) return [path];
  return WINDOWS_ENDINGS.map((ending) => path + ending);
}

/** The first of the paths that can be started, or why the first that exists cannot. */
async function firstProgram(paths: readonly string[]): Promise<{ path?: string; refused?: string }> {
  let refused: string | undefined;
  for (const path of paths) {
    const info = await statIfThere(path);
    if (info === undefined) continue;
    if (info.isDirectory) refused ??= `is a directory (${path}); name the program itself in mcp.command`;
    else if (info.mode !== null && (info.mode & 0o111) === 0) {
      refused ??= `is not executable (${path}); run chmod +x on it, or start it through its interpreter`;
    } else return { path };
  }
  return refused === undefined ? {} : { refused };
}

async function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    // ENOTDIR comes for a PATH entry that is a file, PermissionDenied for one that may not be searched.
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotADirectory
    ) return undefined;
    throw error;
  }
}
