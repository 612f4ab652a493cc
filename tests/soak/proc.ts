/** What the kernel says of a process. Linux only. */

export interface ProcessLook {
  /** Instant of the monotonic clock. */
  readonly atMs: number;
  readonly residentMiB: number;
  /** Open file descriptors, and the sockets among them. */
  readonly descriptors: number;
  readonly sockets: number;
  readonly threads: number;
  /** Processes that it has started and that still run, with theirs. */
  readonly children: number;
  /** Times that any of its threads has gone to sleep: every timer that fires is one more. */
  readonly sleeps: number;
  readonly cpuMs: number;
}

const MS_PER_TICK = 10;

/** Looks at a living process. */
export function lookAt(pid: number): ProcessLook {
  const { descriptors, sockets } = openFiles(pid);
  const tasks = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name);
  const stat = read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  return {
    atMs: performance.now(),
    residentMiB: field(read(`/proc/${pid}/status`), "VmRSS") / 1024,
    descriptors,
    sockets,
    threads: tasks.length,
    children: descendants(pid),
    sleeps: tasks.reduce(
      (sum, task) => sum + field(read(`/proc/${pid}/task/${task}/status`), "voluntary_ctxt_switches"),
      0,
    ),
    cpuMs: (Number(stat[11]) + Number(stat[12])) * MS_PER_TICK,
  };
}

function openFiles(pid: number): { readonly descriptors: number; readonly sockets: number } {
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
  return { descriptors, sockets };
}

function descendants(pid: number): number {
  let tasks: string[];
  try {
    tasks = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name);
  } catch (error) {
    if (!isGone(error)) throw error;
    return 0;
  }
  const children = tasks.flatMap((task) => read(`/proc/${pid}/task/${task}/children`).match(/\d+/g) ?? []);
  return children.reduce((sum, child) => sum + 1 + descendants(Number(child)), 0);
}

/** Empty when the process or thread has ended meanwhile. */
function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!isGone(error)) throw error;
    return "";
  }
}

/** ESRCH has no class of its own. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Error && /os error 3\b/.test(error.message);
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
}
