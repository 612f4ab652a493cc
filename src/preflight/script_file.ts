import { PreflightError } from "./preflight_error.ts";

/**
 * Checks that a script is a file that may be read (F-5).
 * @param program who would read it, for the message
 * @throws {PreflightError} when it is not there, a directory, or not readable
 */
export async function checkScript(path: string, cwd: string, program: string): Promise<void> {
  const full = absolutePath(path, cwd);
  const kind = await kindOf(full);
  if (kind === "file") return;
  const what = `${program} is to run ${JSON.stringify(path)}`;
  if (kind === "unreadable") {
    throw new PreflightError(`${what}, which is not readable (${full})`, "run chmod +r on it");
  }
  if (kind === "directory") {
    throw new PreflightError(`${what}, which is a directory (${full})`, "name the script itself");
  }
  throw new PreflightError(`${what}, which is not found (${full})`, "correct the path, or make it absolute");
}

/** What is at a path; `file` means that it can be read. */
export async function kindOf(path: string): Promise<"file" | "directory" | "unreadable" | "missing"> {
  try {
    const info = await Deno.stat(path);
    if (info.isDirectory) return "directory";
    // A pipe is read when it is opened: it must wait for the program itself (`bash <(…)`).
    if (!info.isFile) return "file";
    (await Deno.open(path)).close();
    return "file";
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return "unreadable";
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return "missing";
    if (error instanceof Deno.errors.FilesystemLoop) return "missing";
    throw error;
  }
}

/** The path as seen from a directory. */
export function absolutePath(path: string, cwd: string): string {
  return /^(?:[/\\]|[A-Za-z]:[/\\])/.test(path) ? path : `${cwd}/${path}`;
}
