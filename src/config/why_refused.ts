/** Why the system refused something with a file, in a few words. @throws what is no failure of the system */
export function whyRefused(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotCapable) return "access to it is not permitted";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.NotADirectory) return "a part of the path is no directory";
  // A name that is too long, a loop of links and the like: plain errors of the system.
  if (error instanceof Error && /\(os error \d+\)/.test(error.message)) {
    return error.message.replace(/ ?\(os error \d+\).*$/s, "").toLowerCase();
  }
  // A NUL in the path.
  if (error instanceof TypeError) return "not a valid path";
  throw error;
}
