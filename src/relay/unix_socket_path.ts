import { dirname } from "node:path";

/** The path for a Unix socket cannot be used. */
export class SocketPathError extends Error {
  override readonly name = "SocketPathError";
}

/**
 * Makes the way for a Unix socket: missing parents are created 0755; what is already there is never replaced (P-157).
 * @throws {SocketPathError} when something exists at the path
 */
export async function prepareSocketPath(path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o755 });
  if (await exists(path)) {
    throw new SocketPathError(
      `cannot listen on unix socket ${path}: the path exists; remove it or choose another`,
    );
  }
}

/** Removes a socket file; one that is gone already is no error. */
export async function removeSocket(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}
