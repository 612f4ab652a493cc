import { directoryOf, makeDirectory, removeIfPresent } from "./atomic_file.ts";
import { StartError } from "./start_error.ts";

const DIRECTORY_MODE = 0o755;
const PROBE_LIMIT_MS = 100;

/**
 * Makes room for a socket: creates its directory and removes a socket that nobody serves any more (H-5).
 * @param setting name of the setting, for the errors
 * @throws {StartError} when the path is in use, or is something else than a socket, which is left alone
 */
export async function clearSocketPath(path: string, setting: string): Promise<void> {
  const name = `${setting} ${JSON.stringify(path)}`;
  try {
    await makeDirectory(directoryOf(path), DIRECTORY_MODE);
    const info = await lstatIfPresent(path);
    if (info === undefined) return;
    if (info.isSocket !== true) {
      throw new StartError(`${name} exists and is not a unix socket: move it away or choose another path`);
    }
    if (await accepts(path)) {
      throw new StartError(`${name} is already accepting connections: another process serves it`);
    }
    await removeIfPresent(path);
  } catch (error) {
    if (error instanceof StartError || !(error instanceof Error)) throw error;
    throw new StartError(`cannot use ${name}: ${error.message}`, { cause: error });
  }
}

async function lstatIfPresent(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** True when somebody takes the connection, false when it is refused or the socket vanished. @throws otherwise */
async function accepts(path: string): Promise<boolean> {
  const connecting = Deno.connect({ transport: "unix", path });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_LIMIT_MS} ms`)), PROBE_LIMIT_MS);
  });
  try {
    (await Promise.race([connecting, late])).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) return false;
    // A connection that comes after all must not stay open; one that fails after all changes nothing.
    connecting.then((connection) => connection.close(), () => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
