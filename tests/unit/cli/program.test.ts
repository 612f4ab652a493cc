import assert from "node:assert/strict";
import { VERSION } from "../../../src/version.ts";
import { cliArguments, cliEnvironment, runCli } from "../../support/cli_process.ts";

for (const flag of ["--version", "-v"]) {
  Deno.test(`${flag} prints the version and nothing else [C-2, C-17]`, async () => {
    assert.deepEqual(await runCli([flag]), { code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });
}

Deno.test("--version --json prints a JSON document [issue 5 §4, C-15]", async () => {
  const { code, stdout } = await runCli(["--version", "--json"]);
  assert.deepEqual([code, stdout], [0, `${JSON.stringify({ version: VERSION }, null, 2)}\n`]);
});

for (const args of [[], ["--help"], ["-h"], ["help"], ["--help", "--version"]]) {
  Deno.test(`tunnel-client ${args.join(" ")} prints the root help [C-2, C-22, T-1]`, async () => {
    const { code, stdout, stderr } = await runCli(args);
    assert.deepEqual([code, stderr], [0, ""]);
    for (
      const text of [
        "outbound tunnel",
        "OpenAI control plane",
        "daemon",
        "/healthz",
        "/readyz",
        "/ui",
        "Commands:",
      ]
    ) {
      assert.ok(stdout.includes(text), text);
    }
    for (const topic of ["quickstart", "samples", "doctor", "oauth", "plugin", "troubleshooting"]) {
      assert.match(stdout, new RegExp(`^  tunnel-client help ${topic} +\\S`, "m"));
    }
    for (const command of ["health", "run", "demo", "relay", "dev", "admin", "help", "completion"]) {
      assert.match(stdout, new RegExp(`^  ${command} +\\S`, "m"));
    }
    const pages = [...stdout.matchAll(/^ {2}([^:\n]+): (https:\S+)$/gm)].map((
      [, label, url],
    ) => [label, url]);
    assert.deepEqual(pages, [
      ["Tunnels management", "https://platform.openai.com/settings/organization/tunnels"],
      ["Runtime API keys", "https://platform.openai.com/settings/organization/api-keys"],
      ["Admin API keys", "https://platform.openai.com/settings/organization/admin-keys"],
      ["ChatGPT connector settings", "https://chatgpt.com/#settings/Connectors"],
    ]);
    assert.doesNotMatch(stdout, /control-plane\.base-url|sessions/);
  });
}

Deno.test("run --help says everything about run, in 80 columns [R-3, R-4, CFG-113]", async () => {
  const { code, stdout, stderr } = await runCli(["run", "--help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  const wanted = [
    `tunnel-client run ${VERSION}`,
    "--embedded-mcp-stub",
    "--mcp.extra-headers",
    "MCP_EXTRA_HEADERS",
    "--mcp.discovery-extra-headers",
    "MCP_DISCOVERY_EXTRA_HEADERS",
    "--control-plane.extra-headers",
    "CONTROL_PLANE_EXTRA_HEADERS",
    "CONTROL_PLANE_API_KEY",
    "OPENAI_API_KEY",
    "OpenAI-Organization",
    "env:VAR or file:/path",
    "HEALTH_URL_FILE",
    "http://<health.listen-addr>/ui",
    "--sandbox",
    "default: 127.0.0.1:8080",
    "actively dispatched to MCP servers",
    "local buffer of polled commands",
    "SHUTDOWN_DRAIN_TIMEOUT",
  ];
  for (const text of wanted) assert.ok(stdout.includes(text), text);
  assert.doesNotMatch(stdout, /Commands:/);
  assert.doesNotMatch(stdout, /--mcp-server-url|--control-plane-tunnel-id|--health-url-file/);
});

for (const path of ["", "run", "demo", "dev", "dev proxy", "dev mcp-stub"]) {
  Deno.test(`help ${path} is the same as --help [T-1]`, async () => {
    const words = path === "" ? [] : path.split(" ");
    const [help, flag] = await Promise.all([runCli(["help", ...words]), runCli([...words, "--help"])]);
    assert.deepEqual(help, flag);
    assert.equal(help.code, 0);
  });
}

for (
  const args of [["--help", "run"], ["run", "--log.level=debug", "-h"], ["--log.level=debug", "run", "-h"]]
) {
  Deno.test(`${args.join(" ")} prints the help of run [C-1, C-2]`, async () => {
    const { code, stdout } = await runCli(args);
    assert.equal(code, 0);
    assert.match(stdout, /^tunnel-client run /);
  });
}

Deno.test("a group without a command prints its help [C-10]", async () => {
  const { code, stdout, stderr } = await runCli(["dev"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /Commands:\n {2}proxy .*\n {2}mcp-stub /);
});

const MISTAKES: ReadonlyArray<[args: string[], code: number, stderr: RegExp, rule: string]> = [
  [
    ["bogus"],
    2,
    /^unknown command "bogus" for tunnel-client; there are: .*\n$/,
    "C-8, issue 5",
  ],
  [["rnu"], 2, /^unknown command "rnu" for tunnel-client; did you mean tunnel-client run\?\n$/, "C-8"],
  [["dev", "prxy"], 2, /^unknown command "prxy" .*did you mean tunnel-client dev proxy\?\n$/, "C-9, issue 5"],
  [
    ["help", "bogus"],
    1,
    /^unknown help topic or command "bogus" for tunnel-client; topics: quickstart, .*; commands: .*\n$/,
    "T-1",
  ],
  [
    ["help", "run", "x"],
    1,
    /^tunnel-client run has no command "x"; see tunnel-client run --help\n$/,
    "T-1",
  ],
  [["run", "stray"], 2, /^unexpected argument "stray"; .*tunnel-client run --help\n$/, "C-11"],
  [["run", "--bogus"], 1, /^unknown flag: --bogus\n$/, "C-7, CFG-12"],
  [["--bogus"], 1, /^unknown flag: --bogus\n$/, "C-7"],
  [
    ["run", "--mcp.server-ulr", "x"],
    1,
    /^unknown flag: --mcp\.server-ulr; did you mean --mcp\.server-url\?\n$/,
    "issue 3",
  ],
  [["run", "--log.level"], 1, /^flag needs an argument: --log\.level\n$/, "CFG-12"],
  [
    ["run", "--mcp.max-concurrent-requests=many"],
    1,
    /^invalid argument "many" for "--mcp\.max-concurrent-requests" flag: /,
    "CFG-12",
  ],
  [["run", "-v"], 1, /^unknown shorthand flag: 'v' in -v\n$/, "C-2"],
  [["run", "--help", "--bogus"], 1, /^unknown flag: --bogus\n$/, "C-7"],
  [["demo", "--once=maybe"], 1, /^invalid argument "maybe" for "--once" flag/, "C-3"],
  [["dev", "proxy"], 1, /^set --mcp-server-url, --mcp-command, --profile, or/, "V-6"],
  [["dev", "mcp-stub", "x"], 2, /^unexpected argument "x"/, "C-11"],
  [
    ["dev", "mcp-stub", "--listen-addr", "nonsense"],
    1,
    /^invalid --listen-addr "nonsense": .*host:port.*\n$/,
    "V-1",
  ],
];
for (const [args, code, stderr, rule] of MISTAKES) {
  Deno.test(`tunnel-client ${args.join(" ")} exits ${code} with one bare line [${rule}]`, async () => {
    const outcome = await runCli(args);
    assert.equal(outcome.code, code);
    assert.equal(outcome.stdout, "");
    assert.match(outcome.stderr, stderr);
    assert.doesNotMatch(outcome.stderr, /Error:|\n.|\n +at /);
  });
}

Deno.test("a reader that has seen enough does not make the program complain", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const quoted = [Deno.execPath(), ...cliArguments(["run", "--help"])].map((word) => `'${word}'`).join(" ");
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${quoted} | true`],
    clearEnv: true,
    env: cliEnvironment(),
  }).output();
  assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
});

interface ModuleGraph {
  readonly roots: readonly string[];
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly { readonly code?: { readonly specifier?: string } }[];
  }[];
}

/** Everything that is loaded to run a module, types left out. */
function loadedModules({ roots, modules }: ModuleGraph): Set<string> {
  const loaded = new Set<string>(roots);
  for (const specifier of loaded) {
    const module = modules.find((candidate) => candidate.specifier === specifier);
    for (const { code } of module?.dependencies ?? []) {
      if (code?.specifier !== undefined) loaded.add(code.specifier); // the loop goes on to what is added
    }
  }
  return loaded;
}

Deno.test("nothing of a command is loaded before it runs, so that start is fast", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", cliArguments([]).at(-1)!],
    env: { NO_COLOR: "1" },
  }).output();
  const loaded = [...loadedModules(JSON.parse(new TextDecoder().decode(stdout)))];
  const elsewhere = loaded.filter((specifier) =>
    !/^file:.*\/(main|src\/version|src\/(cli|config)\/\w+)\.ts$/.test(specifier)
  );
  assert.deepEqual(elsewhere, []);
  assert.ok(loaded.length > 20);
});
