import assert from "node:assert/strict";
import { Command, InvalidArgumentError } from "commander";
import { runCommanderCommand } from "../../../src/cli/commander_bridge.ts";
import { CliError, reportFailure } from "../../../src/cli/exit.ts";
import type { CliIo } from "../../../src/cli/io.ts";
import { ConfigError, UsageError } from "../../../src/config/mod.ts";

/** Streams that remember what was said. */
function recorder(): CliIo & { readonly said: { stdout: string; stderr: string } } {
  const said = { stdout: "", stderr: "" };
  return {
    said,
    stdout: (text) => said.stdout += text,
    stderr: (text) => said.stderr += text,
    env: {},
  };
}

const problem = {
  code: "required",
  setting: "s",
  key: "k",
  source: "none",
  message: "m",
  suggestion: "n",
} as const;
const FAILURES: ReadonlyArray<[what: string, error: unknown, code: number, stderr: string]> = [
  ["a usage error", new UsageError("unknown flag: --x"), 1, "unknown flag: --x\n"],
  ["a told failure", new CliError("no"), 1, "no\n"],
  ["a told failure with a code", new CliError("no", { exitCode: 2 }), 2, "no\n"],
  [
    "a configuration error",
    new ConfigError([problem, { ...problem, message: "o", suggestion: "" }]),
    1,
    "configure tunnel-client: m; n\nconfigure tunnel-client: o\n",
  ],
  ["any other error", new TypeError("broken"), 1, "broken\n"],
  ["an error without message", new TypeError(), 1, "TypeError\n"],
  ["something that is no error", "text", 1, "text\n"],
];
for (const [what, error, code, stderr] of FAILURES) {
  Deno.test(`reportFailure() tells ${what} as bare lines [C-14, CFG-109]`, () => {
    const io = recorder();
    assert.equal(reportFailure(error, io), code);
    assert.deepEqual(io.said, { stdout: "", stderr });
  });
}

function sample(action: () => void | Promise<void> = () => {}): Command {
  return new Command("relay").description("A sample.").option("--listen <addr>", "where")
    .option("-c, --count <n>", "how many", () => {
      throw new InvalidArgumentError("use a number.");
    }).action(action);
}

Deno.test("runCommanderCommand() runs the action and returns 0", async () => {
  let listen: unknown;
  const command = sample();
  command.action((options) => void (listen = options.listen));
  assert.equal(await runCommanderCommand(command, ["--listen", "x"], recorder()), 0);
  assert.equal(listen, "x");
});

Deno.test("runCommanderCommand() prints help on stdout and returns 0 [C-2]", async () => {
  const io = recorder();
  assert.equal(await runCommanderCommand(sample(), ["--help"], io), 0);
  assert.match(io.said.stdout, /^Usage: tunnel-client relay \[options\]/);
  assert.equal(io.said.stderr, "");
});

const USAGE: ReadonlyArray<[args: string[], message: RegExp]> = [
  [["--lisen", "x"], /^unknown flag: --lisen; did you mean --listen\?$/],
  [["--zzz"], /^unknown flag: --zzz$/],
  [["--listen"], /^flag needs an argument: --listen$/],
  [["--zzz=secret"], /^unknown flag: --zzz$/],
  [
    ["--count", "'x' is invalid. y"],
    /^invalid argument "'x' is invalid\. y" for "--count" flag: use a number$/,
  ],
  [["stray"], /^unexpected argument "stray"; see tunnel-client relay --help$/],
];
for (const [args, message] of USAGE) {
  Deno.test(`runCommanderCommand() refuses ${args.join(" ")} as the other commands do [C-7]`, async () => {
    const io = recorder();
    await assert.rejects(
      runCommanderCommand(sample(), args, io),
      (error) => error instanceof UsageError && message.test(error.message),
    );
    assert.deepEqual(io.said, { stdout: "", stderr: "" });
  });
}

Deno.test("runCommanderCommand() lets what the action throws through", async () => {
  const failure = new CliError("no");
  const command = sample(() => Promise.reject(failure));
  await assert.rejects(runCommanderCommand(command, [], recorder()), failure);
});
