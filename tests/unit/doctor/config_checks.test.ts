import assert from "node:assert/strict";
import { Folder } from "../../support/e2e_folder.ts";
import { ask, assertExplained, checkOf, KEY, smallServer, told, TUNNEL } from "../../support/doctor_ask.ts";
import { MetadataPlane } from "../../support/doctor_control_plane.ts";

const PAGES = [
  "tunnels_management_url",
  "runtime_api_keys_url",
  "admin_api_keys_url",
  "chatgpt_connector_settings_url",
];
const SERVER_URL = "--mcp.server-url=http://127.0.0.1:9/mcp";

async function idsOf(
  args: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<string[]> {
  const report = await ask(args, { env });
  assertExplained(report);
  return report.checks.map(({ id, status }) => status === "FAIL" ? `${id}!` : id);
}

Deno.test("a selection that is not valid ends the list at once [D-8]", async () => {
  assert.deepEqual(await idsOf(["--profile=a", "--config=b"]), ["config_source!", ...PAGES]);
  assert.deepEqual(await idsOf(["--profile=../a"]), ["config_source!", ...PAGES]);
  assert.deepEqual(await idsOf(["--profile="]), ["config_source!", ...PAGES]);
});

Deno.test("a file that cannot be read ends it behind the file [D-8]", async () => {
  await using folder = new Folder();
  const ids = ["config_source", "profile_load!", ...PAGES];
  assert.deepEqual(await idsOf([`--profile-dir=${folder.path}`, "--profile=none"]), ids);
  const report = await ask([`--profile-dir=${folder.path}`, "--profile=none"]);
  assert.equal(told(report, "config_source"), "PASS profile: none");
  const { next = [] } = checkOf(report, "profile_load");
  assert.ok(
    next.some((step) => step.includes(`doctor --profile none --profile-dir ${folder.path} --explain`)),
    next.join(" / "),
  );
});

Deno.test("every mistake gets the id of its kind, and all are told at once [D-9, CFG-110]", async () => {
  const around = (...ids: string[]) => ["config_source", "profile_load", ...ids, ...PAGES, "codex_plugin"];
  const env = { CODEX_HOME: "/nowhere" };
  assert.deepEqual(
    await idsOf([SERVER_URL], { ...env, CONTROL_PLANE_TUNNEL_ID: undefined }),
    around("tunnel_id!"),
  );
  assert.deepEqual(
    await idsOf([SERVER_URL], { ...env, CONTROL_PLANE_API_KEY: undefined }),
    around("control_plane_api_key!"),
  );
  assert.deepEqual(
    await idsOf([SERVER_URL, "--control-plane.api-key=env:NOT_SET"], env),
    around("control_plane_api_key!"),
  );
  assert.deepEqual(
    await idsOf([SERVER_URL, "--control-plane.base-url=ftp://x"], env),
    around("control_plane_base_url!"),
  );
  assert.deepEqual(await idsOf([], env), around("mcp_target!"));
  assert.deepEqual(await idsOf(["--mcp.command=sh 'x"], env), around("mcp_target!"));
  assert.deepEqual(
    await idsOf([SERVER_URL], { ...env, CONTROL_PLANE_POLL_TIMEOUT: "soon" }),
    around("config_validation!"),
  );
  assert.deepEqual(
    await idsOf([], { ...env, CONTROL_PLANE_TUNNEL_ID: undefined, CONTROL_PLANE_API_KEY: undefined }),
    around("tunnel_id!", "control_plane_api_key!", "mcp_target!"),
  );
});

Deno.test("a mistake in the file is the file's, and it is not said to have loaded [D-9]", async () => {
  await using folder = new Folder();
  const path = folder.file("wiki.yaml");
  await Deno.writeTextFile(
    path,
    "config_version: 1\nmcp:\n  server_urls:\n    - url: http://127.0.0.1:9/mcp\n  oops: 1\n",
  );
  const ids = await idsOf([`--profile-file=${path}`], { CODEX_HOME: "/nowhere" });
  assert.deepEqual(ids.slice(0, 2), ["config_source", "profile_load!"]);
  assert.equal(ids.filter((id) => id.startsWith("profile_load")).length, 1);
  await Deno.writeTextFile(path, "config_version: [1\n");
  assert.deepEqual((await idsOf([`--profile-file=${path}`])).slice(0, 2), ["config_source", "profile_load!"]);
});

Deno.test("what the configuration says is told: source, file, id, where the key is, target [D-10]", async () => {
  await using plane = new MetadataPlane();
  await using folder = new Folder();
  const path = folder.file("wiki.yaml");
  await Deno.writeTextFile(
    path,
    `config_version: 1\ncontrol_plane:\n  tunnel_id: ${TUNNEL}\n  api_key: env:WIKI_KEY\n  base_url: ${plane.url}\n` +
      `mcp:\n  commands:\n    - channel: main\n      command: ${smallServer()} --token hidden-otter-62\n`,
  );
  const env = { CONTROL_PLANE_API_KEY: undefined, WIKI_KEY: KEY, CONTROL_PLANE_TUNNEL_ID: undefined };
  const report = await ask([`--profile-file=${path}`], { env });
  assert.equal(told(report, "config_source"), `PASS profile file: ${path}`);
  assert.equal(told(report, "profile_load"), `PASS ${path}`);
  assert.equal(told(report, "tunnel_id"), `PASS ${TUNNEL}`);
  assert.equal(told(report, "control_plane_api_key"), "PASS env:WIKI_KEY");
  assert.match(told(report, "mcp_target"), /^PASS .*doctor_stdio_server\.ts --token \[REDACTED\]$/);
  assert.equal(report.runCommand, `tunnel-client run --profile-file ${path}`);
  const flag = await ask([`--profile-file=${path}`, "--control-plane.api-key=env:OTHER"], {
    env: { ...env, OTHER: KEY },
  });
  assert.equal(told(flag, "control_plane_api_key"), "PASS env:OTHER");
  const variable = await ask([`--profile-file=${path}`], { env: { ...env, CONTROL_PLANE_API_KEY: KEY } });
  assert.equal(told(variable, "control_plane_api_key"), "PASS env:CONTROL_PLANE_API_KEY");
});

Deno.test("a literal secret is a warning, and no failure [issue 5 §1]", async () => {
  await using plane = new MetadataPlane();
  await using folder = new Folder();
  const path = folder.file("wiki.yaml");
  await Deno.writeTextFile(
    path,
    `config_version: 1\ncontrol_plane:\n  tunnel_id: ${TUNNEL}\n  api_key: ${KEY}\n  base_url: ${plane.url}\n` +
      `mcp:\n  commands:\n    - channel: main\n      command: ${smallServer()}\n`,
  );
  const env = { CONTROL_PLANE_API_KEY: undefined, CONTROL_PLANE_TUNNEL_ID: undefined };
  const report = await ask([`--profile-file=${path}`], { env });
  assert.equal(checkOf(report, "config_warnings").status, "WARN");
  assert.match(checkOf(report, "config_warnings").next?.[0] ?? "", /env:NAME .*file:\/path/);
  assert.equal(told(report, "control_plane_api_key"), "PASS written in the profile itself");
  assert.deepEqual(report.checks.filter(({ status }) => status === "FAIL"), []);
  assert.ok(!JSON.stringify(report).includes(KEY));
  assertExplained(report);
});
