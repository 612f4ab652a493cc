import { cliArguments, cliEnvironment } from "./cli_process.ts";

/** A command that talks with a person at a real pseudo terminal. */
export interface TerminalSession {
  /** Waits until the terminal shows a text behind what was waited for last. @throws when the command ends before */
  shows(text: string): Promise<void>;
  /** Types a line. */
  types(line: string): Promise<void>;
  /** Presses Ctrl-D at the beginning of a line. */
  pressesCtrlD(): Promise<void>;
  /** Presses Ctrl-C. */
  pressesCtrlC(): Promise<void>;
  /** Waits for the end of the command. */
  end(): Promise<{ readonly code: number; readonly screen: string }>;
}

/** Whether this machine can do it: `script` of util-linux makes the pseudo terminal. */
export const HAS_TERMINAL = Deno.build.os === "linux";

/** Starts the program under a pseudo terminal; `end` must be awaited. */
export function startAtTerminal(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = Deno.cwd(),
): TerminalSession {
  const words = [Deno.execPath(), ...cliArguments(args)].map((word) => `'${word.replaceAll("'", `'"'"'`)}'`);
  const child = new Deno.Command("script", {
    args: ["-qefc", words.join(" "), "/dev/null"],
    clearEnv: true,
    env: { ...cliEnvironment(env), TERM: "dumb", SHELL: "/bin/sh" },
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  let screen = "";
  let seen = 0;
  async function readMore(): Promise<boolean> {
    const { done, value } = await reader.read();
    screen += (value ?? "").replaceAll("\r", "");
    return !done;
  }
  return {
    async shows(text) {
      for (let at = screen.indexOf(text, seen); at === -1; at = screen.indexOf(text, seen)) {
        if (!await readMore()) throw new Error(`ended before ${JSON.stringify(text)}:\n${screen}`);
      }
      seen = screen.indexOf(text, seen) + text.length;
    },
    types: (line) => writer.write(encoder.encode(`${line}\n`)),
    pressesCtrlD: () => writer.write(encoder.encode("\x04")),
    pressesCtrlC: () => writer.write(encoder.encode("\x03")),
    async end() {
      while (await readMore());
      const { code } = await child.status;
      await writer.close().catch((error) => {
        if (!(error instanceof Error)) throw error; // the reader of the pipe is gone already
      });
      return { code, screen };
    },
  };
}
