/**
 * Ends whole process groups at once; for a thread that has the right to. A group that is gone is fine.
 * @param onFailed is told of every group that could not be ended
 */
export function killGroups(
  groups: readonly number[],
  onFailed: (group: number, error: string) => void,
): void {
  for (const group of groups) {
    try {
      Deno.kill(-group, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) onFailed(group, String(error));
    }
  }
}
