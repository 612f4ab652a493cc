import { whyRefused } from "../config/mod.ts";
import { readIfPresent, removeIfOurs, writeFileAtomically } from "./atomic_file.ts";
import type { Log } from "./observe.ts";
import { StartError } from "./start_error.ts";

const FILE_MODE = 0o644;

/**
 * Writes `<pid>\n` (P-8), unless the file names a process that runs and may be another of us.
 * @returns what removes the file again, unless another process has taken it over (P-10)
 * @throws {StartError} when the file belongs to a running process or cannot be written
 */
export async function writePidFile(
  path: string,
  log: Log,
  pid: number = Deno.pid,
): Promise<() => Promise<void>> {
  const content = `${pid}\n`;
  try {
    const owner = await runningOwnerOf(path, pid);
    if (owner !== undefined) {
      throw new StartError(
        `pid.file ${JSON.stringify(path)} belongs to the running process ${owner}: ` +
          "stop that one first, or give this one a file of its own",
      );
    }
    await writeFileAtomically(path, content, FILE_MODE);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `cannot write pid.file ${JSON.stringify(path)}: ${
        whyRefused(error)
      }; its directory must exist and be writable`,
      { cause: error },
    );
  }
  log.info("pid file written", { component: "process", pid, path });
  return () => removeIfOurs(path, content);
}

/**
 * The process that a PID file names, if it runs and may be another of us.
 * @param pid the process that asks
 */
export async function runningOwnerOf(path: string, pid: number = Deno.pid): Promise<number | undefined> {
  const owner = Number((await readIfPresent(path))?.trim());
  const isOther = Number.isSafeInteger(owner) && owner > 0 && owner !== pid;
  return isOther && await mayBeOneOfUs(owner) ? owner : undefined;
}

/** A number that a dead run left behind may belong to any program by now; only one like ours keeps us from starting. */
async function mayBeOneOfUs(pid: number): Promise<boolean> {
  return await isRunning(pid) && (programName(pid) ?? programName("self")) === programName("self");
}

/** Signal 0 asks without harming; a process of another user answers with a refusal, and runs (HC-5). */
async function isRunning(pid: number): Promise<boolean> {
  // Deno.kill knows no signal 0; loading node:process takes milliseconds, so only when there is an owner to ask about.
  const { default: process } = await import("node:process");
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    if (error instanceof Error) return true;
    throw error;
  }
}

/** What Linux calls the program; undefined where nobody says. */
function programName(pid: number | "self"): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
