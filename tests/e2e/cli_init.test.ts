import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runCli } from "../support/cli_process.ts";
import { Folder } from "../support/e2e_folder.ts";
import { HAS_TERMINAL, startAtTerminal, type TerminalSession } from "../support/profiles_terminal.ts";

const TUNNEL_ID = `tunnel_${"a1".repeat(16)}`;
const URL_FLAG = ["--mcp-server-url", "https://mcp.example.com/mcp"];
const PAGES = [
  "Tunnels management: https://platform.openai.com/settings/organization/tunnels",
  "Runtime API keys: https://platform.openai.com/settings/organization/api-keys",
  "Admin API keys: https://platform.openai.com/settings/organization/admin-keys",
  "ChatGPT connector settings: https://chatgpt.com/#settings/Connectors",
];

function modeOf(path: string): string {
  return ((Deno.lstatSync(path).mode ?? 0) & 0o777).toString(8);
}

function init(dir: string, args: readonly string[], env: Record<string, string> = {}) {
  return runCli(["init", "--profile-dir", dir, "--tunnel-id", TUNNEL_ID, ...args], env);
}

Deno.test("init writes a profile and says how to go on [I-3, I-5, X-10]", async () => {
  await using folder = new Folder();
  const dir = folder.file("a b");
  const { code, stdout, stderr } = await init(dir, URL_FLAG);
  assert.deepEqual([code, stderr], [0, ""]);
  const run = `tunnel-client run --profile sample_mcp_with_dcr --profile-dir '${dir}'`;
  const lines = stdout.split("\n");
  assert.deepEqual(lines.slice(0, 10), [
    `Created profile sample_mcp_with_dcr at ${dir}/sample_mcp_with_dcr.yaml`,
    "Sample: sample_mcp_with_dcr",
    "Next:",
    `  ${run.replace(" run ", " doctor ")}`,
    `  ${run}`,
    "Setup pages:",
    ...PAGES.map((page) => `  ${page}`),
  ]);
  assert.ok(lines.slice(10).join(" ").includes(`\`${run}\``));
  assert.deepEqual([dir, `${dir}/sample_mcp_with_dcr.yaml`].map(modeOf), ["700", "600"]);
  const again = await init(dir, URL_FLAG);
  assert.deepEqual([again.code, again.stdout], [1, ""]);
  assert.match(again.stderr, /already exists at .*; pass --force to overwrite it\n$/);
  await Deno.chmod(`${dir}/sample_mcp_with_dcr.yaml`, 0o644);
  const forced = await init(dir, [...URL_FLAG, "--force", "--json"]);
  assert.deepEqual(JSON.parse(forced.stdout), {
    name: "sample_mcp_with_dcr",
    path: `${dir}/sample_mcp_with_dcr.yaml`,
    sample: "sample_mcp_with_dcr",
    next: [run.replace(" run ", " doctor "), run],
  });
  assert.equal(modeOf(`${dir}/sample_mcp_with_dcr.yaml`), "600");
});

Deno.test("init puts every flag where it belongs [CFG-146]", async () => {
  await using folder = new Folder();
  const { code } = await init(folder.path, [
    ...["--profile", "full", "--sample", "sample_mcp_http", ...URL_FLAG, "--open-web-ui"],
    ...[
      "--control-plane-base-url",
      "https://gateway.example.com",
      "--control-plane-url-path",
      "/workspace/us",
    ],
    ...["--control-plane-api-key-ref", "file:/run/secrets/key", "--health-listen-addr", "127.0.0.1:0"],
  ]);
  assert.equal(code, 0);
  const text = await folder.read("full.yaml") ?? "";
  for (
    const line of [
      `base_url: "https://gateway.example.com"`,
      `url_path: "/workspace/us"`,
      `tunnel_id: "${TUNNEL_ID}"`,
      `api_key: "file:/run/secrets/key"`,
      `listen_addr: "127.0.0.1:0"`,
      "open_browser: true",
      `url: "https://mcp.example.com/mcp"`,
    ]
  ) assert.ok(text.includes(line), `${line} in\n${text}`);
});

Deno.test("init chooses the stdio sample when only a command is given, and takes what starts [S-3, issue 5 §1]", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("x.py"), "");
  const deno = Deno.execPath();
  const commands = [
    `${deno} run -A npm:a-server`,
    `python3 -W ignore ${folder.file("x.py")}`,
    "sh -c 'cd d && server'",
    "env:MCP_COMMAND_LINE",
  ];
  for (const [index, command] of commands.entries()) {
    const name = `p${index}`;
    const { code, stdout, stderr } = await init(folder.path, ["--profile", name, "--mcp-command", command]);
    assert.deepEqual([code, stderr], [0, ""], command);
    assert.match(stdout, /^Sample: sample_mcp_stdio_local$/m);
    assert.ok((await folder.read(`${name}.yaml`))?.includes(`command: ${JSON.stringify(command)}`));
  }
});

Deno.test("init says what is wrong, writes nothing, and ends with 1 [I-1, I-2]", async () => {
  await using folder = new Folder();
  const dir = folder.file("d");
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [["--sample", "nope", ...URL_FLAG], /no sample "nope"/],
    [["--profile", "../x", ...URL_FLAG], /--profile: profile name "\.\.\/x" holds a path separator/],
    [["--tunnel-id", "tunnel_x", ...URL_FLAG], /--tunnel-id "tunnel_x" is no tunnel ID/],
    [["--control-plane-base-url", "nohost", ...URL_FLAG], /invalid --control-plane-base-url/],
    [["--control-plane-url-path", "//h", ...URL_FLAG], /invalid --control-plane-url-path/],
    [
      ["--control-plane-api-key-ref", "sk-secretsecretsecret", ...URL_FLAG],
      /must be env:NAME or file:\/path/,
    ],
    [["--health-listen-addr", "8080", ...URL_FLAG], /invalid --health-listen-addr "8080"/],
    [
      ["--mcp-server-url", "nohost"],
      /invalid --mcp-server-url "nohost": a URL needs both a scheme and a host/,
    ],
    [["--mcp-server-url", "https://u:secretsecretsecret@h/"], /--mcp-server-url holds a password/],
    [[], /needs exactly one of --mcp-server-url and --mcp-command/],
    [
      ["--mcp-command", "no-such-program"],
      /^mcp-command preflight failed: stdio MCP executable "no-such-program"/,
    ],
    [["--mcp-command", "python3 no-such.py"], /^mcp-command preflight failed: .*no-such\.py/],
    [
      [...URL_FLAG, "--sample", "sample_mcp_http", "--mcp-command", "no-such"],
      /^mcp-command preflight failed/,
    ],
    [["--mcp-command", "server --token secretsecretsecret"], /holds the value of token/],
    [["--open-web-ui=maybe", ...URL_FLAG], /--open-web-ui/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await init(dir, args);
    assert.deepEqual([code, stdout], [1, ""], args.join(" "));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /secretsecret/);
    await assert.rejects(Deno.stat(dir), Deno.errors.NotFound, args.join(" "));
  }
});

Deno.test("init never asks in a pipe, and tells where a tunnel comes from [I-1]", async () => {
  await using folder = new Folder();
  for (const args of [[], ["--tunnel-id", " "]]) {
    const { code, stdout, stderr } = await runCli(["init", "--profile-dir", folder.file("d"), ...args]);
    assert.deepEqual([code, stdout], [1, ""]);
    for (
      const said of [
        "--tunnel-id is required",
        ...PAGES,
        "tunnel-client admin tunnels create --help",
        "tunnel-client admin tunnels list --help",
        "tunnel-client help quickstart",
      ]
    ) assert.ok(stderr.includes(said), said);
  }
});

const atTerminal = { ignore: !HAS_TERMINAL };

/** Goes through the first two questions. */
async function begin(session: TerminalSession, kind: string): Promise<void> {
  await session.shows("Tunnel ID: ");
  await session.shows("Tunnel ID: ");
  await session.types(TUNNEL_ID);
  await session.shows("What is the MCP server?");
  await session.shows("1-4: ");
  await session.types(kind);
}

Deno.test(
  "init on a terminal asks, tests an HTTP server, and writes the profile [issue 5 §2]",
  atTerminal,
  async () => {
    await using folder = new Folder();
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
      async (request) => {
        const text = await request.text();
        if (!text.includes('"initialize"')) return new Response(null, { status: 202 });
        const result = {
          protocolVersion: "2025-06-18",
          capabilities: {},
          serverInfo: { name: "x", version: "1" },
        };
        return Response.json({ jsonrpc: "2.0", id: JSON.parse(text).id, result });
      },
    );
    const session = startAtTerminal(["init", "--profile-dir", folder.path]);
    await session.shows("Tunnel ID: ");
    await session.shows("Tunnel ID: ");
    await session.types("tunnel_wrong");
    await session.shows('"tunnel_wrong" is no tunnel ID');
    await session.shows("Tunnel ID: ");
    await session.types(TUNNEL_ID);
    await session.shows("1-4: ");
    await session.types("7");
    await session.shows("Type a number from 1 to 4.");
    await session.shows("1-4: ");
    await session.types("2");
    await session.shows("http://127.0.0.1:3000/mcp");
    await session.shows("URL: ");
    await session.types("nohost");
    await session.shows("a URL needs both a scheme and a host");
    await session.shows("URL: ");
    await session.types("http://127.0.0.1:1/mcp");
    await session.shows("Testing it ... failed: ");
    await session.shows("Take it all the same? [y/N]: ");
    await session.types("");
    await session.shows("URL: ");
    const url = `http://127.0.0.1:${server.addr.port}/mcp`;
    await session.types(url);
    await session.shows("Testing it ... it answers and speaks MCP.");
    await session.shows("Name [local-http]: ");
    await session.types("mine");
    await session.shows(`Created profile mine at ${folder.path}/mine.yaml`);
    const { code, screen } = await session.end();
    assert.equal(code, 0, screen);
    assert.match(screen, /Sample: sample_mcp_http\n/);
    assert.ok((await folder.read("mine.yaml"))?.includes(`url: "${url}"`));
    assert.equal(modeOf(folder.file("mine.yaml")), "600");
  },
);

Deno.test("init on a terminal starts the command, and asks before it overwrites", atTerminal, async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("local-stdio.yaml"), "old");
  const child = fileURLToPath(new URL("../support/stdio_child.ts", import.meta.url));
  const command = `${Deno.execPath()} run -A --no-lock --no-check ${child}`;
  const session = startAtTerminal(["init", "--profile-dir", folder.path]);
  await begin(session, "1");
  await session.shows("Command: ");
  await session.types("no-such-program");
  await session.shows('The command cannot be started: stdio MCP executable "no-such-program"');
  await session.shows("Command: ");
  await session.types(`${Deno.execPath()} --version`);
  await session.shows("Testing it ... failed: ");
  await session.shows("Take it all the same? [y/N]: ");
  await session.types("n");
  await session.shows("Command: ");
  await session.types(command);
  await session.shows('it answers and speaks MCP. It is called "scripted".');
  await session.shows("Name [local-stdio]: ");
  await session.types("");
  await session.shows("There is a profile local-stdio already. Overwrite it? [y/N]: ");
  await session.types("n");
  await session.shows("Name [local-stdio]: ");
  await session.types("");
  await session.shows("Overwrite it? [y/N]: ");
  await session.types("y");
  await session.shows("Created profile local-stdio at ");
  assert.equal((await session.end()).code, 0);
  assert.ok((await folder.read("local-stdio.yaml"))?.includes(JSON.stringify(command)));
});

Deno.test(
  "init on a terminal takes the tunnel from its variable, and says what a test lacks",
  atTerminal,
  async () => {
    await using folder = new Folder();
    const session = startAtTerminal(["init", "--profile-dir", folder.path, "--profile", "corp"], {
      CONTROL_PLANE_TUNNEL_ID: TUNNEL_ID,
      MCP_SERVER_URL: "http://elsewhere.example/",
    });
    await session.shows(`Tunnel ID [${TUNNEL_ID}]: `);
    await session.types("");
    await session.shows("1-4: ");
    await session.types("4");
    await session.shows("URL: ");
    await session.types("https://mcp.internal.example.com/mcp");
    await session.shows("it cannot be tested yet:");
    await session.shows("HTTPS_PROXY");
    await session.shows("Take it all the same? [y/N]: ");
    await session.types("yes");
    await session.shows("Created profile corp at ");
    assert.equal((await session.end()).code, 0);
    assert.match(await folder.read("corp.yaml") ?? "", /http_proxy: "env:HTTPS_PROXY"/);
  },
);

Deno.test(
  "init on a terminal ends with Ctrl-D and writes nothing; with flags it does not ask",
  atTerminal,
  async () => {
    await using folder = new Folder();
    const dir = folder.file("d");
    const session = startAtTerminal(["init", "--profile-dir", dir]);
    await begin(session, "2");
    await session.shows("URL: ");
    await session.pressesCtrlD();
    await session.shows("init was ended; nothing was written");
    assert.equal((await session.end()).code, 1);
    const flagged = startAtTerminal(["init", "--profile-dir", dir, ...URL_FLAG]);
    await flagged.shows("--tunnel-id is required");
    assert.equal((await flagged.end()).code, 1);
    const json = startAtTerminal(["init", "--profile-dir", dir, "--json"]);
    await json.shows("--tunnel-id is required");
    assert.equal((await json.end()).code, 1);
    await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
  },
);

Deno.test("Ctrl-C in a test ends the server that was started for it", atTerminal, async () => {
  await using folder = new Folder();
  const session = startAtTerminal(["init", "--profile-dir", folder.file("d")]);
  await begin(session, "1");
  await session.shows("Command: ");
  await session.types(`sh -c 'trap "" TERM; echo $$ > ${folder.file("pid")}; while :; do sleep 1; done'`);
  await session.shows("Testing it ... ");
  const pid = await poll(async () => Number(await folder.read("pid")) || undefined);
  await session.pressesCtrlC();
  await session.shows("init was interrupted; nothing was written");
  assert.equal((await session.end()).code, 130);
  await poll(() => isRunning(pid) ? undefined : true);
  await assert.rejects(Deno.stat(folder.file("d")), Deno.errors.NotFound);
});

async function poll<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(performance.now() < endMs, "in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A dead child that nobody has collected yet does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
