/** What the kernel says of a process. */

export interface ProcessLook {
  readonly residentMiB: number;
  /** Open file descriptors, and the sockets among them. */
  readonly descriptors: number;
  readonly sockets: number;
  readonly threads: number;
}

/** Looks at a living process. */
export function lookAt(pid: number): ProcessLook {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  let descriptors = 0;
  let sockets = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:")) sockets++;
      descriptors++;
    } catch (error) {
      // It was closed meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return { residentMiB: field("VmRSS") / 1024, descriptors, sockets, threads: field("Threads") };
}

/** What grew over a run, in words; empty when everything stayed flat. */
export function growth(name: string, looks: readonly ProcessLook[]): string[] {
  // The first third is for warming up: caches, connection pools, the heap's size.
  const third = Math.floor(looks.length / 3);
  const early = looks.slice(third, 2 * third);
  const late = looks.slice(2 * third);
  const grown: string[] = [];
  const memory = [median(early, "residentMiB"), median(late, "residentMiB")] as const;
  if (memory[1] > memory[0] * 1.1 + 10) {
    grown.push(`${name}: memory grew from ${memory[0].toFixed(1)} to ${memory[1].toFixed(1)} MiB`);
  }
  for (const [key, slack] of [["descriptors", 4], ["sockets", 4], ["threads", 1]] as const) {
    const [before, after] = [median(early, key), median(late, key)];
    if (after > before + slack) grown.push(`${name}: ${key} grew from ${before} to ${after}`);
  }
  return grown;
}

function median(looks: readonly ProcessLook[], key: keyof ProcessLook): number {
  const sorted = looks.map((look) => look[key]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
