import { whyRefused } from "../config/mod.ts";
import { directoryOf, makeDirectory, removeIfOurs, writeFileAtomically } from "./atomic_file.ts";
import type { Log } from "./observe.ts";
import { StartError } from "./start_error.ts";

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o755;

/**
 * Writes the file that tells others where the listener is (P-1): the base URL and no line feed. Creates the directory.
 * @returns what removes the file again, unless another process has taken it over (P-3)
 * @throws {StartError} when it cannot be written
 */
export async function writeUrlFile(path: string, url: string, log: Log): Promise<() => Promise<void>> {
  try {
    await makeDirectory(directoryOf(path), DIRECTORY_MODE);
    await writeFileAtomically(path, url, FILE_MODE);
  } catch (error) {
    throw new StartError(`cannot write health.url-file ${JSON.stringify(path)}: ${whyRefused(error)}`, {
      cause: error,
    });
  }
  log.info(`🩺 HEALTH URL: ${url} (written to ${path})`, { component: "health", url, path });
  return () => removeIfOurs(path, url);
}
