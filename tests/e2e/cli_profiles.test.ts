import assert from "node:assert/strict";
import { type CliOutcome, runCli } from "../support/cli_process.ts";
import { Folder } from "../support/e2e_folder.ts";

const TUNNEL_ID = `tunnel_${"a1".repeat(16)}`;
const SECRET = "a-literal-secret-1";

/** Runs one `profiles` command in a directory. */
function profiles(
  dir: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<CliOutcome> {
  return runCli(["profiles", "--profile-dir", dir, ...args], env);
}

function namesIn(dir: string): readonly string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

function modeOf(path: string): string {
  return ((Deno.lstatSync(path).mode ?? 0) & 0o777).toString(8);
}

/** A program called `vi` that does with the file what a shell script says; `$1` is the file. */
async function fakeEditor(folder: Folder, script: string): Promise<Record<string, string>> {
  await Deno.mkdir(folder.file("bin"), { recursive: true });
  await Deno.writeTextFile(folder.file("bin/vi"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { EDITOR: "vi", PATH: `${folder.file("bin")}:${Deno.env.get("PATH")}` };
}

Deno.test("profiles list, path and show of an empty or missing directory [P-4]", async () => {
  await using folder = new Folder();
  const dir = folder.file("missing");
  assert.deepEqual(await profiles(dir, ["list"]), {
    code: 0,
    stdout: `no profiles found in ${dir}; make one with tunnel-client init\n`,
    stderr: "",
  });
  assert.deepEqual(await profiles(dir, ["list", "--json"]), { code: 0, stdout: "[]\n", stderr: "" });
  assert.deepEqual(await profiles(dir, ["path"]), { code: 0, stdout: `${dir}\n`, stderr: "" });
  for (const args of [["show", "x"], ["path", "x"], ["delete", "x", "--confirm"], ["validate", "x"]]) {
    const { code, stdout, stderr } = await profiles(dir, args);
    assert.deepEqual([code, stdout], [1, ""], args.join(" "));
    assert.match(
      stderr,
      /^there is no profile "x" in profile directory ".*\/missing"; see tunnel-client profiles list\n$/,
    );
  }
});

Deno.test("the directory comes from flag, variable, XDG_CONFIG_HOME or HOME, in this order [P-1, CFG-29]", async () => {
  const path = async (env: Record<string, string>, args: readonly string[] = []) =>
    (await runCli(["profiles", "path", ...args], env)).stdout.trim();
  const env = { HOME: "/h", DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno` };
  assert.equal(await path(env), "/h/.config/tunnel-client");
  assert.equal(await path({ ...env, XDG_CONFIG_HOME: "/x" }), "/x/tunnel-client");
  assert.equal(await path({ ...env, XDG_CONFIG_HOME: "/x", TUNNEL_CLIENT_PROFILE_DIR: "~/p" }), "/h/p");
  assert.equal(await path({ ...env, TUNNEL_CLIENT_PROFILE_DIR: "/p" }, ["--profile-dir", "/f/../g"]), "/g");
  const blank = await runCli(["profiles", "path", "--profile-dir", " "], env);
  assert.deepEqual([blank.code, blank.stdout], [1, ""]);
  assert.match(blank.stderr, /--profile-dir must not be blank/);
});

Deno.test("profiles add keeps a file byte for byte, with tight modes and no overwriting [P-5, CFG-31, CFG-148]", async () => {
  await using folder = new Folder();
  const dir = folder.file("d/e");
  const text = "# a comment\r\nconfig_version: 1\ncontrol_plane: {api_key: 'env:K'}   \n";
  await Deno.writeTextFile(folder.file("in.yaml"), text, { mode: 0o644 });
  const add = (...args: string[]) =>
    profiles(dir, ["add", "team", "--from-file", folder.file("in.yaml"), ...args]);
  assert.deepEqual(await add(), { code: 0, stdout: `Added profile team at ${dir}/team.yaml\n`, stderr: "" });
  assert.equal(await folder.read("d/e/team.yaml"), text);
  assert.deepEqual([folder.file("d"), dir, `${dir}/team.yaml`].map(modeOf), ["700", "700", "600"]);
  const again = await add();
  assert.deepEqual([again.code, again.stdout], [1, ""]);
  assert.match(
    again.stderr,
    /^profile "team" already exists at .*team\.yaml; pass --force to overwrite it\n$/,
  );
  await Deno.remove(`${dir}/team.yaml`);
  await Deno.symlink(folder.file("in.yaml"), `${dir}/team.yaml`);
  const forced = await add("--force", "--json");
  assert.deepEqual(JSON.parse(forced.stdout), { name: "team", path: `${dir}/team.yaml` });
  assert.equal(Deno.lstatSync(`${dir}/team.yaml`).isSymlink, false);
  assert.deepEqual([modeOf(`${dir}/team.yaml`), modeOf(folder.file("in.yaml"))], ["600", "644"]);
  assert.deepEqual(namesIn(dir), ["team.yaml"]);
});

Deno.test("profiles add names what is wrong with the file that was given, and writes nothing", async () => {
  await using folder = new Folder();
  const dir = folder.file("d");
  await Deno.writeTextFile(folder.file("bad.yaml"), "control_plane:\n  apikey: x\nlog: {level: loud}\n");
  const bad = await profiles(dir, ["add", "a", "--from-file", folder.file("bad.yaml")]);
  assert.deepEqual([bad.code, bad.stdout], [1, ""]);
  assert.match(
    bad.stderr,
    /^profile did not validate:\n\S*bad\.yaml:2:3: .*did you mean api_key\?\n\S*bad\.yaml:3:14: /,
  );
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [["a"], /needs exactly one of --from-file and --sample/],
    [["a", "--from-file", "x", "--sample", "y"], /needs exactly one of/],
    [["a", "--from-file", folder.file("none.yaml")], /cannot read ".*none\.yaml": no such file/],
    [["a/b", "--from-file", folder.file("bad.yaml")], /path separator/],
    [["..", "--sample", "sample_mcp_http"], /is no profile name/],
    [
      ["a", "--sample", "sample_mcp_htp"],
      /no sample "sample_mcp_htp", did you mean sample_mcp_http\?; see tunnel-client profiles samples list/,
    ],
    [["a", "--sample", "sample_mcp_http", "--tunnel-id", "x"], /--tunnel-id "x" is no tunnel ID/],
    [
      ["a", "--sample", "sample_mcp_http", "--tunnel-id", TUNNEL_ID],
      /sample_mcp_http needs --mcp-server-url/,
    ],
    [[], /too few arguments/],
    [["a", "b"], /unexpected argument "b"/],
    [["a", "--sampel", "x"], /--sampel/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await profiles(dir, ["add", ...args]);
    assert.deepEqual([code, stdout], [1, ""], args.join(" "));
    assert.match(stderr, message);
  }
  await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
});

Deno.test("profiles add --sample fills a sample, looks for no command, and puts the schema beside it [P-5]", async () => {
  await using folder = new Folder();
  const args = [
    "--tunnel-id",
    TUNNEL_ID,
    "--mcp-command",
    "no-such-program --x",
    "--mcp-server-url",
    "https://h/mcp",
  ];
  const { code, stdout, stderr } = await profiles(folder.path, [
    "add",
    "s",
    "--sample",
    "sample_mcp_stdio_local",
    ...args,
  ]);
  assert.deepEqual([code, stdout], [0, `Added profile s at ${folder.path}/s.yaml\n`]);
  assert.equal(stderr, "--mcp-server-url is ignored: sample_mcp_stdio_local has no use for it\n");
  assert.match(
    await folder.read("s.yaml") ?? "",
    /^# yaml-language-server: \$schema=\.\/\.tunnel-client\.schema\.json\n/,
  );
  assert.deepEqual(namesIn(folder.path), [".tunnel-client.schema.json", "s.yaml"]);
  assert.equal(modeOf(folder.file(".tunnel-client.schema.json")), "600");
  const schema = await profiles(folder.path, ["schema"]);
  assert.equal(await folder.read(".tunnel-client.schema.json"), schema.stdout);
  assert.equal(JSON.parse(schema.stdout).title, "tunnel-client profile");
  const written = await profiles(folder.path, ["schema", "--output", folder.file("s.json")]);
  assert.deepEqual(written, {
    code: 0,
    stdout: `Wrote the schema to ${folder.file("s.json")}\n`,
    stderr: "",
  });
  assert.equal(await folder.read("s.json"), schema.stdout);
  assert.equal((await profiles(folder.path, ["list"])).stdout, `s\t${folder.file("s.yaml")}\n`);
  const missing = await profiles(folder.path, ["schema", "--output", folder.file("no/s.json")]);
  assert.deepEqual([missing.code, missing.stdout], [1, ""]);
  assert.match(missing.stderr, /^cannot write --output /);
});

Deno.test("a literal secret is taken, warned about by every command, and never shown [C-16, issue 5 §1]", async () => {
  await using folder = new Folder();
  const text =
    `# was ${SECRET}\ncontrol_plane: { api_key: ${SECRET} }\nmcp:\n  server_urls: [{ url: "https://u:${SECRET}@h/" }]\n`;
  await Deno.writeTextFile(folder.file("in"), text);
  const env = await fakeEditor(folder, 'echo "# edited" >> "$1"');
  for (
    const args of [
      ["add", "lit", "--from-file", folder.file("in")],
      ["show", "lit"],
      ["show", "lit", "--json"],
      ["validate", "lit"],
      ["validate"],
      ["edit", "lit"],
      ["edit", "lit", "--json"],
      ["validate", "--json"],
    ]
  ) {
    const { stdout, stderr } = await profiles(folder.path, args, env);
    assert.ok(!`${stdout}${stderr}`.includes(SECRET), args.join(" "));
    const told = args.includes("validate") && args.includes("--json") ? stdout : stderr;
    assert.match(
      told,
      /lit\.yaml:2:27: control_plane\.api_key holds a secret itself; .*env:NAME.*file:\/path/,
      args.join(" "),
    );
    assert.match(told, /lit\.yaml:4:24: mcp\.server_urls\.url holds a secret itself/);
  }
});

Deno.test("profiles show masks and keeps the rest; what is not YAML is not shown", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(
    folder.file("a.yaml"),
    `config_version: 1 # mine\ncontrol_plane:\n  api_key: ${SECRET}\n`,
  );
  const shown = await profiles(folder.path, ["show", "a"]);
  assert.equal(shown.stdout, 'config_version: 1 # mine\ncontrol_plane:\n  api_key: "[REDACTED]"\n');
  const json = JSON.parse((await profiles(folder.path, ["show", "a", "--json"])).stdout);
  assert.deepEqual(Object.keys(json), ["name", "path", "text", "warnings"]);
  assert.equal(json.text, shown.stdout);
  await Deno.writeTextFile(folder.file("bad.yaml"), `a: [${SECRET}`);
  const bad = await profiles(folder.path, ["show", "bad"]);
  assert.deepEqual([bad.code, bad.stdout], [1, ""]);
  assert.match(bad.stderr, /bad\.yaml is not valid YAML.*see tunnel-client profiles validate bad\n$/);
});

Deno.test("profiles validate tells all mistakes of one profile, a file or all profiles as file:line:column", async () => {
  await using folder = new Folder();
  const good = "config_version: 1\n";
  await Deno.writeTextFile(folder.file("good.yaml"), good);
  await Deno.writeTextFile(
    folder.file("bad.yaml"),
    "config_version: 7\nlog:\n  level: loud\n  colour: red\n",
  );
  assert.deepEqual(await profiles(folder.path, ["validate", "good"]), {
    code: 0,
    stdout: `${folder.file("good.yaml")}: valid\n`,
    stderr: "",
  });
  const all = await profiles(folder.path, ["validate"]);
  assert.deepEqual([all.code, all.stdout], [1, `${folder.file("good.yaml")}: valid\n`]);
  assert.deepEqual(all.stderr.trim().split("\n").map((line) => /:(\d+:\d+): /.exec(line)?.[1]), [
    "1:17",
    "3:10",
    "4:3",
  ]);
  const file = await profiles("/nowhere", ["validate", folder.file("bad.yaml"), "--json"]);
  assert.deepEqual([file.code, file.stderr], [1, ""]);
  const document = JSON.parse(file.stdout);
  assert.deepEqual([document.valid, document.profiles.length], [false, 1]);
  assert.deepEqual(Object.keys(document.profiles[0]), ["path", "valid", "problems"]);
  assert.deepEqual(
    document.profiles[0].problems.map((
      { code, line, column }: Record<string, unknown>,
    ) => [code, line, column]),
    [["unsupported", 1, 17], ["invalid_value", 3, 10], ["unknown_key", 4, 3]],
  );
  const ok = JSON.parse((await profiles(folder.path, ["validate", "good", "--json"])).stdout);
  assert.deepEqual(ok, {
    valid: true,
    profiles: [{ name: "good", path: folder.file("good.yaml"), valid: true }],
  });
  assert.match(
    (await profiles(folder.path, ["validate", "./none.yaml"])).stderr,
    /cannot read ".\/none\.yaml"/,
  );
});

Deno.test("profiles delete wants --confirm [issue 5 §2]", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("a.yaml"), "x: 1");
  const refused = await profiles(folder.path, ["delete", "a"]);
  assert.deepEqual(refused, {
    code: 1,
    stdout: "",
    stderr: `refusing to delete ${folder.file("a.yaml")}; add --confirm\n`,
  });
  assert.ok(await folder.exists("a.yaml"));
  const done = await profiles(folder.path, ["delete", "a", "--confirm", "--json"]);
  assert.deepEqual(JSON.parse(done.stdout), { name: "a", path: folder.file("a.yaml"), deleted: true });
  assert.equal(await folder.exists("a.yaml"), false);
});

Deno.test("profiles samples list and show, also as JSON [S-1, S-2]", async () => {
  const list = await runCli(["profiles", "samples", "list"]);
  const names = list.stdout.trim().split("\n").map((line) => line.split("\t")[0] ?? "");
  assert.deepEqual(names, [...names].sort());
  assert.equal(names.length, 5);
  const json = JSON.parse((await runCli(["profiles", "samples", "list", "--json"])).stdout);
  assert.deepEqual(json.map(({ name }: { name: string }) => name), names);
  const shown = await runCli(["profiles", "samples", "show", "sample_mcp_http"]);
  const file = await Deno.readTextFile(
    new URL("../../samples/profiles/sample_mcp_http.yaml", import.meta.url),
  );
  assert.match(
    shown.stdout,
    /^Sample: sample_mcp_http\nSummary: .*\nUse when: .*\nRequired:\n- --tunnel-id\n- --mcp-server-url\nOptional:\n/,
  );
  assert.ok(shown.stdout.endsWith(`\n\n${file}`));
  const facts = JSON.parse(
    (await runCli(["profiles", "samples", "show", "sample_mcp_http", "--json"])).stdout,
  );
  assert.deepEqual(Object.keys(facts), [
    "name",
    "summary",
    "use_when",
    "required",
    "optional",
    "notes",
    "yaml",
  ]);
  assert.equal(facts.yaml, file);
  const unknown = await runCli(["profiles", "samples", "show", "nope"]);
  assert.deepEqual([unknown.code, unknown.stdout], [1, ""]);
  assert.match(unknown.stderr, /see tunnel-client profiles samples list\n$/);
});

Deno.test("profiles edit starts a missing profile from the DCR sample, and saves it [P-6, CFG-145]", async () => {
  await using folder = new Folder();
  const dir = folder.file("d");
  const env = await fakeEditor(folder, `cp "$1" ${folder.file("seen")}; ls -la "$1" > ${folder.file("ls")}`);
  assert.deepEqual(await profiles(dir, ["edit", "new"], env), {
    code: 0,
    stdout: `Saved profile new at ${dir}/new.yaml\n`,
    stderr: "",
  });
  const seen = await folder.read("seen") ?? "";
  assert.match(seen, new RegExp(`tunnel_id: "tunnel_${"0".repeat(32)}"`));
  assert.match(seen, /url: "http:\/\/127\.0\.0\.1:3001\/mcp"/);
  assert.equal(await folder.read("d/new.yaml"), seen);
  assert.match(await folder.read("ls") ?? "", /^-rw------- .*\/d\/\.new\.\w+\.yaml\n$/);
  assert.deepEqual(namesIn(dir), [".tunnel-client.schema.json", "new.yaml"]);
  assert.deepEqual([modeOf(dir), modeOf(`${dir}/new.yaml`)], ["700", "600"]);
});

Deno.test("profiles edit loses nothing when what was written is not valid, or the editor fails [P-6]", async () => {
  await using folder = new Folder();
  const dir = folder.file("d");
  await Deno.mkdir(dir);
  await Deno.writeTextFile(`${dir}/p.yaml`, "config_version: 1\n");
  const kept = (stderr: string) => / is in (\S+); /.exec(stderr)?.[1] ?? assert.fail(stderr);
  const invalid = await profiles(dir, ["edit", "p"], await fakeEditor(folder, 'echo "colour: red" >> "$1"'));
  assert.deepEqual([invalid.code, invalid.stdout], [1, ""]);
  assert.match(invalid.stderr, /^profile did not validate:\n\S+:2:1: field colour not found/);
  assert.match(invalid.stderr, /profiles add p --force --from-file \S+\n$/);
  assert.equal(await Deno.readTextFile(kept(invalid.stderr)), "config_version: 1\ncolour: red\n");
  const failed = await profiles(dir, ["edit", "p"], await fakeEditor(folder, 'echo "# x" >> "$1"; exit 3'));
  assert.match(failed.stderr, /^the editor ended with code 3; nothing was saved\n/);
  assert.equal(await Deno.readTextFile(kept(failed.stderr)), "config_version: 1\n# x\n");
  const changed = await profiles(
    dir,
    ["edit", "p"],
    await fakeEditor(folder, `echo "# mine" >> "$1"; echo "# theirs" >> ${dir}/p.yaml`),
  );
  assert.match(changed.stderr, /^profile "p" was changed by somebody else meanwhile\n/);
  assert.equal(await Deno.readTextFile(kept(changed.stderr)), "config_version: 1\n# mine\n");
  assert.equal(await folder.read("d/p.yaml"), "config_version: 1\n# theirs\n");
  const untouched = await profiles(dir, ["edit", "p"], await fakeEditor(folder, "exit 1"));
  assert.equal(untouched.stderr, "the editor ended with code 1; nothing was saved\n");
  assert.equal(namesIn(dir).length, 4, "the profile and three named copies");
  assert.equal((await profiles(dir, ["list"])).stdout, `p\t${dir}/p.yaml\n`, "the copies are no profiles");
  const added = await profiles(dir, ["add", "p", "--force", "--from-file", kept(changed.stderr)]);
  assert.equal(added.code, 0);
});

Deno.test("profiles edit starts no program but the allowed ones [A-150 … A-153]", async () => {
  await using folder = new Folder();
  const env = await fakeEditor(folder, `touch ${folder.file("started")}`);
  const cases: readonly (readonly [env: Record<string, string>, message: RegExp])[] = [
    [{ ...env, EDITOR: "" }, /set VISUAL or EDITOR/],
    [{ ...env, VISUAL: "sh -c id" }, /"sh" is no supported editor; use one of vim, nvim/],
    [{ ...env, EDITOR: "vi -c :!id" }, /unsupported option "-c" for vi; supported: -R, -n/],
  ];
  for (const [variables, message] of cases) {
    const { code, stdout, stderr } = await profiles(folder.path, ["edit", "p"], variables);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, message);
  }
  assert.equal(await folder.exists("started"), false);
  assert.deepEqual(namesIn(folder.path), ["bin"]);
});

Deno.test("profiles edit follows a link that stays inside the directory, and no other [A-155]", async () => {
  await using folder = new Folder();
  await using outside = new Folder();
  await Deno.writeTextFile(folder.file("real.yaml"), "config_version: 1\n");
  await Deno.writeTextFile(outside.file("x.yaml"), "config_version: 1\n");
  await Deno.symlink("real.yaml", folder.file("link.yaml"));
  await Deno.symlink(outside.file("x.yaml"), folder.file("abs.yaml"));
  await Deno.symlink(`../${outside.path.split("/").at(-1)}/x.yaml`, folder.file("out.yaml"));
  await Deno.symlink("nothing.yaml", folder.file("dangling.yaml"));
  const env = await fakeEditor(folder, 'echo "# edited" >> "$1"');
  assert.equal((await profiles(folder.path, ["edit", "link"], env)).code, 0);
  assert.equal(await folder.read("real.yaml"), "config_version: 1\n# edited\n");
  assert.ok(Deno.lstatSync(folder.file("link.yaml")).isSymlink);
  for (
    const [name, why] of [["abs", /absolute/], ["out", /leads out/], ["dangling", /to nothing/]] as const
  ) {
    const { code, stderr } = await profiles(folder.path, ["edit", name], env);
    assert.equal(code, 1);
    assert.match(stderr, why);
  }
  assert.equal(await outside.read("x.yaml"), "config_version: 1\n");
});

Deno.test("profiles without a command is help, and a stray word is a mistake [C-9, C-10]", async () => {
  const help = await runCli(["profiles"]);
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  assert.match(help.stdout, /^Usage: tunnel-client profiles COMMAND \[flags\]$/m);
  const bogus = await runCli(["profiles", "lst"]);
  assert.deepEqual([bogus.code, bogus.stdout], [2, ""]);
  assert.match(bogus.stderr, /did you mean tunnel-client profiles list\?/);
  assert.equal((await runCli(["profiles", "list", "extra"])).code, 2);
});
