/** Child processes of the bench, and what the kernel says they cost. */

export interface Started {
  readonly pid: number;
  /** The line that said it was ready. */
  readonly line: string;
  /** ms from start to that line. */
  readonly readyMs: number;
  /** The next line it prints, undefined when it has ended. */
  nextLine(): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** Starts a Deno process; otherwise as {@link startProgram}. */
export async function startProcess(args: readonly string[]): Promise<Started> {
  return await startProgram([Deno.execPath(), ...args]);
}

/**
 * Starts a program and waits for its first line, or for the first one that holds a text.
 * @param argv executable and arguments
 * @throws {Error} when it ends before
 */
export async function startProgram(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  readyText = "",
): Promise<Started> {
  const startedAt = performance.now();
  const [executable = "", ...args] = argv;
  const child = new Deno.Command(executable, {
    args,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = linesOf(child.stdout);
  const nextLine = async () => (await lines.next()).value ?? undefined;
  let line = await nextLine();
  while (line !== undefined && !line.includes(readyText)) line = await nextLine();
  if (line === undefined) throw new Error(`${argv.join(" ")} ended before it was ready`);
  return {
    pid: child.pid,
    line,
    readyMs: performance.now() - startedAt,
    nextLine,
    async stop() {
      try {
        child.kill("SIGTERM");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended by itself
      }
      while (await nextLine() !== undefined);
      await child.status;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

const TICKS_PER_SECOND = 100;

/** User and system time of a process, all threads, in seconds. */
export function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]) / 1024;
}
