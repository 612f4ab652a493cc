import assert from "node:assert/strict";
import { CliError } from "../../../src/cli/exit.ts";
import { resolveCommandLine } from "../../../src/cli/program.ts";
import { UsageError } from "../../../src/config/mod.ts";

/** What a command line would run. */
async function resolved(...args: string[]) {
  const resolution = await resolveCommandLine(args);
  assert.equal(resolution.kind, "call", JSON.stringify(resolution));
  return resolution.kind === "call" ? resolution.call : assert.fail();
}

async function textOf(...args: string[]): Promise<string> {
  const resolution = await resolveCommandLine(args);
  return resolution.kind === "text" ? resolution.text : assert.fail(resolution.call.path);
}

const ANYWHERE: ReadonlyArray<readonly string[]> = [
  ["admin", "--json", "tunnels", "get", "X"],
  ["admin", "tunnels", "--json", "get", "X"],
  ["admin", "tunnels", "get", "--json", "X"],
  ["admin", "tunnels", "get", "X", "--json"],
  ["--json", "admin", "tunnels", "get", "X"],
];
for (const args of ANYWHERE) {
  Deno.test(`${args.join(" ")} gives the group's flag to the command below [C-1]`, async () => {
    const { path, args: words, flags } = await resolved(...args);
    assert.deepEqual([path, words, flags], ["tunnel-client admin tunnels get", ["X"], { json: ["true"] }]);
  });
}

const WITH_VALUES: ReadonlyArray<[args: string[], path: string, flags: Record<string, string[]>]> = [
  [["--log.level", "debug", "run"], "run", { "log.level": ["debug"] }],
  [["--log.level=debug", "run"], "run", { "log.level": ["debug"] }],
  [["run", "--log.level", "debug", "--log.level", "warn"], "run", { "log.level": ["debug", "warn"] }],
  // `run` is the value here, and the word behind it is the command.
  [["--url-file", "run", "health"], "health", { "url-file": ["run"] }],
  [
    ["admin", "--control-plane.base-url", "tunnels", "tunnels", "get", "X"],
    "admin tunnels get",
    { "control-plane.base-url": ["tunnels"] },
  ],
  [["dev", "--listen", ":1", "proxy"], "dev proxy", { listen: [":1"] }],
];
for (const [args, path, flags] of WITH_VALUES) {
  Deno.test(`${args.join(" ")} finds its command behind a flag with a value [C-1]`, async () => {
    const call = await resolved(...args);
    assert.deepEqual([call.path, call.flags], [`tunnel-client ${path}`, flags]);
  });
}

Deno.test("-- ends the flags [C-1]", async () => {
  assert.deepEqual((await resolved("help", "--", "--json")).args, ["--json"]);
  assert.deepEqual((await resolved("help", "dev", "--", "proxy")).args, ["dev", "proxy"]);
});

for (const args of [["--help", "dev"], ["dev", "--help"], ["dev", "-h"], ["dev"]]) {
  Deno.test(`${args.join(" ")} is the help of the group [C-2, C-10]`, async () => {
    assert.match(
      await textOf(...args),
      /^Tools for developers\.\n\nUsage: tunnel-client dev COMMAND \[flags\]\n/,
    );
  });
}

for (
  const args of [
    ["admin", "tunnels", "create", "--help"], // before required flags
    ["admin", "tunnels", "get", "--help"], // before the number of words
    ["admin", "tunnels", "get", "a", "b", "-h"],
    ["run", "stray", "--help"],
  ]
) {
  Deno.test(`${args.join(" ")} prints help before anything else is checked [C-7]`, async () => {
    assert.match(await textOf(...args), /\nUsage: tunnel-client /);
  });
}

const WRONG: ReadonlyArray<[args: string[], code: 1 | 2, message: RegExp, rule: string]> = [
  [["admin", "tunnels", "get"], 1, /^too few arguments; use: tunnel-client admin tunnels get ID$/, "C-7"],
  [
    ["admin", "tunnels", "get", "a", "b"],
    1,
    /^unexpected argument "b"; use: tunnel-client admin tunnels get ID$/,
    "C-7",
  ],
  [["admin", "tunnels", "create"], 1, /^required flags are missing: --name, --description; see /, "C-7"],
  // The number of words is looked at before required flags, flags before both.
  [["admin", "tunnels", "create", "stray"], 2, /^unexpected argument "stray"/, "C-7"],
  [["admin", "tunnels", "create", "stray", "--bogus"], 1, /^unknown flag: --bogus$/, "C-7"],
  [["admin", "tunnels", "bogus"], 2, /^unknown command "bogus" for tunnel-client admin tunnels; /, "C-9"],
  [["admin", "tunels"], 2, /; did you mean tunnel-client admin tunnels\?$/, "C-9"],
  [["bogus"], 2, /^unknown command "bogus" for tunnel-client; there are: .*run, /, "C-8"],
  [["heatlh"], 2, /; did you mean tunnel-client health\?$/, "C-8"],
  [["completion", "nushell"], 2, /there are: bash, zsh, fish, powershell$/, "C-9"],
  [
    ["run", "log.level", "debug"],
    2,
    /^unexpected argument "log\.level"; did you mean --log\.level\?$/,
    "C-11",
  ],
  [["health", "8080"], 2, /^unexpected argument "8080"; tunnel-client health takes only flags/, "C-11"],
  [["dev", "--bogus"], 1, /^unknown flag: --bogus$/, "C-7"],
  [["dev", "--", "proxy"], 1, /^unexpected argument "proxy"$/, "C-1"],
  [["--", "run"], 1, /^unexpected argument "run"$/, "C-1"],
  [["-json"], 1, /^unknown shorthand flag: 'j' in -json; did you mean --json\?$/, "C-6"],
  [["--version=maybe"], 1, /^invalid argument "maybe" for "--version" flag/, "C-3"],
];
for (const [args, code, message, rule] of WRONG) {
  Deno.test(`${args.join(" ")} is refused with exit code ${code} [${rule}]`, async () => {
    await assert.rejects(resolveCommandLine(args), (error) => {
      assert.ok(error instanceof UsageError || error instanceof CliError);
      assert.match(error.message, message);
      assert.equal(error instanceof CliError ? error.exitCode : 1, code);
      return true;
    });
  });
}
