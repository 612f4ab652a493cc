import { fileURLToPath } from "node:url";

/** How one command line ended. */
export interface CliOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** Variables without which Deno itself does not find its cache. */
const NEEDED = ["HOME", "PATH", "DENO_DIR", "XDG_CACHE_HOME", "USERPROFILE", "LOCALAPPDATA"];

/** The arguments that run the program from source. */
export function cliArguments(args: readonly string[]): string[] {
  return ["run", "-A", "--no-lock", "--no-check", MAIN, ...args];
}

/** An environment that holds only what is asked for. */
export function cliEnvironment(env: Record<string, string> = {}): Record<string, string> {
  const needed = NEEDED.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(needed), NO_COLOR: "1", ...env };
}

/** Runs one command line to its end. */
export async function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<CliOutcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: cliArguments(args),
    clearEnv: true,
    env: cliEnvironment(env),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A command that keeps running. */
export interface RunningCli {
  /** Everything on stdout up to and including the first text that matches. @throws when the command ends before */
  untilStdout(pattern: RegExp): Promise<string>;
  /** Sends a signal and waits for the end. */
  stop(signal: Deno.Signal): Promise<CliOutcome>;
}

/** Starts a command that keeps running; `stop` must be called. */
export function startCli(args: readonly string[], env: Record<string, string> = {}): RunningCli {
  const child = new Deno.Command(Deno.execPath(), {
    args: cliArguments(args),
    clearEnv: true,
    env: cliEnvironment(env),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const stderr = new Response(child.stderr).text();
  let stdout = "";
  async function readMore(): Promise<boolean> {
    const { done, value } = await reader.read();
    stdout += value ?? "";
    return !done;
  }
  return {
    async untilStdout(pattern) {
      while (!pattern.test(stdout)) {
        if (!await readMore()) throw new Error(`ended before ${pattern}: ${stdout}${await stderr}`);
      }
      return stdout;
    },
    async stop(signal) {
      child.kill(signal);
      while (await readMore());
      const { code } = await child.status;
      return { code, stdout, stderr: await stderr };
    },
  };
}
