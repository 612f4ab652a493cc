/** Something with a profile went wrong; the message is fit for a person as it stands and holds no secret. */
export class ProfileError extends Error {
  override readonly name = "ProfileError";
}

/** Why the system refused something with a file, in a few words. @throws what is no failure of the system */
export function whyRefused(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file or directory";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.NotADirectory) return "a part of the path is no directory";
  if (error instanceof Error && /\(os error \d+\)/.test(error.message)) {
    return error.message.replace(/ ?\(os error \d+\).*$/s, "").toLowerCase();
  }
  throw error;
}
