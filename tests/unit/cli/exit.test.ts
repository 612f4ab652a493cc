import assert from "node:assert/strict";
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

const FIRST_STEPS: ReadonlyArray<[message: string, hint: RegExp]> = [
  [
    "tunnel ID is required: set it",
    /; n; see tunnel-client admin tunnels create --help, tunnel-client admin tunnels list --help, tunnel-client init, or tunnel-client help quickstart\n$/,
  ],
  ["main channel is required: bind it", /; n; see tunnel-client init, or tunnel-client help quickstart\n$/],
  [
    "control plane API key is required: set it",
    /; see tunnel-client help quickstart, or tunnel-client init\n$/,
  ],
  ["tunnel ID is wrong", /: tunnel ID is wrong; n\n$/],
];
for (const [message, hint] of FIRST_STEPS) {
  Deno.test(`reportFailure() says what to read after "${message}" [R-30]`, () => {
    const io = recorder();
    assert.equal(reportFailure(new ConfigError([{ ...problem, message }]), io), 1);
    assert.match(io.said.stderr, /^configure tunnel-client: /);
    assert.match(io.said.stderr, hint);
  });
}
