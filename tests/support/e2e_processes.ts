/** Which processes a program has left behind: found by a mark in their environment, which descendants inherit. */

/** The variable that holds the mark: one of those that stdio servers get as well. */
export const MARK_VARIABLE = "LOGNAME";

/** A process that carries the mark. */
export interface MarkedProcess {
  readonly pid: number;
  readonly commandLine: string;
  readonly environment: string;
}

/** Every living process whose environment holds the mark. Linux only, like everything that reads `/proc`. */
export function processesWith(mark: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid)) continue;
    try {
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
      if (!environment.includes(mark)) continue;
      const commandLine = Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
      found.push({ pid, commandLine, environment });
    } catch (error) {
      // It ended meanwhile, or it is none of ours.
      if (
        !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
          isGone(error))
      ) throw error;
    }
  }
  return found;
}

/** Ends what a failed test has left behind. */
export function killAllWith(mark: string): void {
  for (const { pid } of processesWith(mark)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** ESRCH, which has no class of its own. */
function isGone(error: unknown): boolean {
  return error instanceof Error && /os error 3/.test(error.message);
}
