/** Ends process groups, and what is needed to where the right to signal is limited to a list of programs. */
export interface GroupKiller {
  /** Program that signals process groups, if the machine has one. */
  readonly killProgram: string | undefined;
  /** Is told of every group that could not be ended. */
  readonly onFailed: (group: number, error: string) => void;
}

/** Ends whole process groups at once; for a thread that has the right to. A group that is gone is fine. */
export function killGroups(groups: readonly number[], { killProgram, onFailed }: GroupKiller): void {
  for (const group of groups) {
    try {
      Deno.kill(-group, "SIGKILL");
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      // With `run` limited to a list the runtime lets nobody be signalled, but the program for it may be on the list.
      if (error instanceof Deno.errors.NotCapable && killProgram !== undefined) {
        killBy(killProgram, group, onFailed);
      } else onFailed(group, String(error));
    }
  }
}

function killBy(program: string, group: number, onFailed: GroupKiller["onFailed"]): void {
  const args = Deno.build.os === "windows" ? ["/T", "/F", "/PID", `${group}`] : ["-KILL", "--", `-${group}`];
  try {
    const { success, stderr } = new Deno.Command(program, {
      args,
      clearEnv: true,
      stdin: "null",
      stdout: "null",
    }).outputSync();
    const text = new TextDecoder().decode(stderr).trim();
    if (!success && !/no such process/i.test(text)) onFailed(group, text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    onFailed(group, error.message);
  }
}
