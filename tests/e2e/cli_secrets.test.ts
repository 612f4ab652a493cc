import assert from "node:assert/strict";
import { ROOT } from "../../src/cli/commands.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { tunnelClient, tunnelClientEnd } from "../support/e2e_program.ts";
import { TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";
import { Target } from "../support/e2e_target.ts";

const SECRETS = {
  key: "sk-literal-key-that-nobody-may-see",
  gateway: "gateway-secret-4711",
  target: "target-secret-0815",
  query: "query-secret-31337",
  variable: "variable-secret-2718",
} as const;
const ENV = { TARGET_TOKEN: SECRETS.variable };

/** A profile as somebody in a hurry writes it: most secrets stand in it. */
function profileText(controlPlaneUrl: string, targetUrl: string): string {
  return [
    "config_version: 1",
    "control_plane:",
    `  base_url: ${controlPlaneUrl}`,
    `  tunnel_id: ${TUNNEL_ID}`,
    `  api_key: ${SECRETS.key}`,
    "  extra_headers:",
    `    X-Gateway: ${SECRETS.gateway}`,
    "health:",
    "  listen_addr: 127.0.0.1:0",
    "mcp:",
    "  server_urls:",
    "    - channel: main",
    `      url: ${targetUrl}?token=${SECRETS.query}`,
    "  extra_headers:",
    `    Authorization: Bearer ${SECRETS.target}`,
    "    X-Token: env:TARGET_TOKEN",
    "",
  ].join("\n");
}

function searchFor(text: string, what: string): void {
  for (const [name, secret] of Object.entries(SECRETS)) {
    assert.ok(!text.includes(secret), `${what} shows ${name}:\n${text.slice(0, 4_000)}`);
    assert.ok(!text.includes(btoa(secret)), `${what} shows ${name} in base64`);
  }
}

const LOGS: readonly (readonly [level: string, format: string])[] = [
  ["debug", "json"],
  ["debug", "struct-text"],
  ["info", "json"],
  ["warn", "struct-text"],
];
for (const [level, format] of LOGS) {
  Deno.test(`run with a profile full of secrets shows none of them at level ${level} as ${format} [C-16, issue 5 §6]`, async () => {
    await using target = new Target();
    await using relay = await TestRelay.start({}, SECRETS.key);
    await using folder = new Folder();
    const profile = folder.file("secrets.yaml");
    await Deno.writeTextFile(profile, profileText(relay.url, target.url));
    await using agent = tunnelClient([
      "run",
      `--profile-file=${profile}`,
      `--log.level=${level}`,
      `--log.format=${format}`,
      `--health.url-file=${folder.file("health.url")}`,
      `--pid.file=${folder.file("agent.pid")}`,
    ], { env: ENV });
    const healthUrl = await agent.until("URL file", () => folder.read("health.url"));
    await relay.polled();
    assert.equal((await call(relay.mcpUrl, 1, "ping")).status, 200);
    assert.equal(target.arrivals[0]?.headers.get("x-token"), SECRETS.variable, "the secrets are in use");
    for (const path of ["/readyz?format=json", "/metrics", "/ui", "/healthz"]) {
      const response = await fetch(healthUrl + path);
      searchFor(await response.text(), path);
    }
    const health = await tunnelClientEnd(["health", `--url-file=${folder.file("health.url")}`, "--json"]);
    searchFor(health.stdout + health.stderr, "health");
    if (Deno.build.os === "linux") {
      searchFor(await Deno.readTextFile(`/proc/${agent.pid}/cmdline`), "the command line");
    }
    const end = await agent.stopped();
    assert.equal(end.code, 0, end.stderr);
    searchFor(end.stdout + end.stderr, "run");
    // A key in a profile works, and is warned about every time.
    assert.match(
      end.stderr,
      /^warning: the control plane API key stands literally .*secrets\.yaml:5:12; .*env:NAME/m,
    );
  });
}

/** What else can be done with a profile; what does not exist is not asked. */
const COMMANDS: readonly (readonly string[])[] = [
  ["dev", "proxy", "--duration=1ms", "--print-json"],
  ["doctor", "--explain"],
  ["doctor", "--json"],
  ["permissions"],
  ["permissions", "--json"],
];
for (const words of COMMANDS) {
  const [name = ""] = words;
  const exists = ROOT.children.some((child) => child.name === name);
  for (const level of ["debug", "info"]) {
    Deno.test(
      `${words.join(" ")} with a profile full of secrets shows none of them at level ${level} [C-16]`,
      {
        ignore: !exists,
      },
      async () => {
        await using target = new Target();
        await using relay = await TestRelay.start({}, SECRETS.key);
        await using folder = new Folder();
        await Deno.writeTextFile(folder.file("secrets.yaml"), profileText(relay.url, target.url));
        const env = { ...ENV, LOG_LEVEL: level, LOG_FORMAT: "json" };
        const selection = ["--profile=secrets", `--profile-dir=${folder.path}`];
        const { stdout, stderr } = await tunnelClientEnd([...words, ...selection], { env });
        assert.notEqual(stdout + stderr, "");
        searchFor(stdout + stderr, name);
      },
    );
  }
}

for (
  const words of [["validate", "secrets"], ["show", "secrets"], ["show", "secrets", "--json"], [
    "list",
    "--json",
  ]]
) {
  Deno.test(`profiles ${words.join(" ")} shows no secret of a profile [C-16]`, async () => {
    await using folder = new Folder();
    await Deno.writeTextFile(
      folder.file("secrets.yaml"),
      profileText("https://h.example", "https://m.example/mcp"),
    );
    const { stdout, stderr } = await tunnelClientEnd([
      "profiles",
      ...words,
      `--profile-dir=${folder.path}`,
    ], { env: ENV });
    assert.notEqual(stdout + stderr, "");
    searchFor(stdout + stderr, words.join(" "));
  });
}

Deno.test("a wrong profile full of secrets is refused without one of them [C-16]", async () => {
  await using folder = new Folder();
  const wrong = [
    ["url", `url: https://user:${SECRETS.target}@`, /./],
    ["key", `api_keyy: ${SECRETS.key}`, /api_keyy/],
    ["text", `"${SECRETS.key}`, /./],
  ] as const;
  for (const [name, line, message] of wrong) {
    const text = profileText("http://127.0.0.1:9", "http://127.0.0.1:9/mcp");
    const changed = name === "url"
      ? text.replace(/url: http:\/\/127\.0\.0\.1:9\/mcp\S*/, line)
      : text.replace("control_plane:\n", `control_plane:\n  ${line}\n`);
    const file = folder.file(`${name}.yaml`);
    await Deno.writeTextFile(file, changed);
    const { code, stdout, stderr } = await tunnelClientEnd(["run", `--profile-file=${file}`], { env: ENV });
    assert.equal(code, 1, name);
    assert.match(stderr, /^configure tunnel-client: /);
    assert.match(stderr, message);
    searchFor(stdout + stderr, name);
  }
});

Deno.test("secrets on a wrong command line are not repeated [C-16]", async () => {
  const lines: readonly (readonly string[])[] = [
    ["run", `--control-plane.api-key=${SECRETS.key}`],
    ["run", `--control-plane.extra-headers=X-Gateway=${SECRETS.gateway}`],
    ["run", `--mcp.server-url=http://user:${SECRETS.target}@`],
    ["run", `--no-such-flag=${SECRETS.key}`],
    ["relay", `--api-key=${SECRETS.key}`],
    ["health", `--url=http://user:${SECRETS.target}@127.0.0.1:1/`],
  ];
  for (const words of lines) {
    const { code, stdout, stderr } = await tunnelClientEnd(words);
    assert.notEqual(code, 0, words.join(" "));
    searchFor(stdout + stderr, words[0] ?? "");
  }
});
