import assert from "node:assert/strict";
import { makePki } from "../../support/net_pki.ts";
import { Folder } from "../../support/e2e_folder.ts";
import { ask, assertExplained, checkOf, smallServer, told } from "../../support/doctor_ask.ts";
import { MetadataPlane } from "../../support/doctor_control_plane.ts";

async function askWell(args: readonly string[], env: Record<string, string> = {}) {
  await using plane = new MetadataPlane();
  const report = await ask([
    `--control-plane.base-url=${plane.url}`,
    `--mcp.command=${smallServer()}`,
    ...args,
  ], { env });
  assertExplained(report);
  return report;
}

Deno.test("an address that is free is bound and let go; the page is on it [D-15, D-16]", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const report = await askWell([`--health.listen-addr=0.0.0.0:${port}`]);
  assert.equal(told(report, "health_listener"), `PASS will bind http://127.0.0.1:${port}`);
  assert.equal(told(report, "ui"), `PASS http://127.0.0.1:${port}/ui`);
  const ephemeral = await askWell(["--health.listen-addr=127.0.0.1:0"]);
  assert.match(told(ephemeral, "health_listener"), /^PASS ephemeral bind ok on http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(checkOf(ephemeral, "ui").status, "PASS");
});

Deno.test("an address that is taken fails, and who has it is said when it is one of us", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = await askWell([`--health.listen-addr=127.0.0.1:${other.addr.port}`]);
  assert.match(told(taken, "health_listener"), /^FAIL .*address already in use$/);
  assert.equal(checkOf(taken, "ui").status, "SKIP");
  await using agent = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    () => new Response("live"),
  );
  const ours = await askWell([`--health.listen-addr=127.0.0.1:${agent.addr.port}`]);
  assert.match(told(ours, "health_listener"), /^FAIL .*by a tunnel-client that is running$/);
  assert.ok(
    checkOf(ours, "health_listener").next?.[0]?.endsWith(`tunnel-client health --port ${agent.addr.port}`),
  );
  const foreign = await askWell(["--health.listen-addr=192.0.2.1:8080"]);
  assert.match(told(foreign, "health_listener"), /^FAIL .*not an address of this machine/);
});

Deno.test("a socket is bound in a directory of its own, and no file of it is left [D-15]", async () => {
  await using folder = new Folder();
  const path = folder.file("new/agent.sock");
  const report = await askWell([`--health.unix-socket=${path}`]);
  assert.equal(told(report, "health_listener"), `PASS will bind unix socket ${path}`);
  await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
  await Deno.writeTextFile(path, "not a socket");
  const taken = await askWell([`--health.unix-socket=${path}`]);
  assert.match(told(taken, "health_listener"), /^FAIL .*is not a unix socket/);
  assert.equal(await Deno.readTextFile(path), "not a socket");
});

Deno.test("files that a run writes are tried, and nothing of the attempt is left", async () => {
  await using folder = new Folder();
  const well = await askWell([
    `--pid.file=${folder.file("a.pid")}`,
    `--health.url-file=${folder.file("new/deep/health.url")}`,
    `--log.file=${folder.file("a.log")}`,
    "--log.format=json",
  ]);
  assert.equal(told(well, "files"), "PASS log.file, pid.file, health.url-file can be written");
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  const bad = await askWell([`--pid.file=${folder.file("none/a.pid")}`]);
  assert.match(told(bad, "files"), /^FAIL pid\.file .*: its directory does not exist$/);
  const directory = await askWell([`--log.file=${folder.path}`, "--log.format=json"]);
  assert.match(told(directory, "files"), /^FAIL log\.file .*: is a directory$/);
  assert.equal(told(await askWell([]), "files"), "SKIP none configured");
});

Deno.test("a PID file of an agent that runs is left to it", async () => {
  await using folder = new Folder();
  // A program of the same name as this one, as another agent would be.
  const other = new Deno.Command(Deno.execPath(), {
    args: ["eval", "await new Promise(r=>setTimeout(r,1e8))"],
    stdin: "null",
  })
    .spawn();
  try {
    await Deno.writeTextFile(folder.file("a.pid"), `${other.pid}\n`);
    const report = await askWell([`--pid.file=${folder.file("a.pid")}`]);
    assert.match(
      told(report, "files"),
      new RegExp(`^FAIL pid\\.file .* belongs to the running process ${other.pid}$`),
    );
    assert.equal(await Deno.readTextFile(folder.file("a.pid")), `${other.pid}\n`);
  } finally {
    other.kill("SIGKILL");
    await other.status;
  }
});

Deno.test("certificates: none, good, nearly over, over, and unreadable", async () => {
  await using pki = await makePki();
  const client = (name: string) => [
    `--control-plane.client-cert=${pki.folder}/${name}.pem`,
    `--control-plane.client-key=${pki.folder}/${name}.key`,
  ];
  assert.match(told(await askWell([]), "certificates"), /^SKIP none configured/);
  const soon = await askWell([`--ca-bundle=${pki.folder}/authority.pem`, ...client("client")]);
  assert.match(told(soon, "certificates"), /^WARN .* in [012] days$/);
  assert.equal(checkOf(soon, "control_plane_tunnel").status, "PASS", "they are used all the same");
  const over = await askWell(client("late-client"));
  assert.match(
    told(over, "certificates"),
    /^FAIL control-plane client certificate .* has expired \d+ days ago$/,
  );
  const unreadable = await askWell([`--ca-bundle=${pki.folder}/none.pem`]);
  assert.match(told(unreadable, "certificates"), /^FAIL .*none\.pem/);
  for (
    const id of [
      "proxies",
      "control_plane_reachable",
      "control_plane_key",
      "control_plane_tunnel",
      "clock",
    ] as const
  ) {
    assert.equal(told(unreadable, id), "SKIP not asked: the certificates cannot be used");
  }
  const other = await askWell([
    `--control-plane.client-cert=${pki.folder}/client.pem`,
    `--control-plane.client-key=${pki.folder}/strange.key`,
  ]);
  assert.match(told(other, "certificates"), /^FAIL .*does not match/);
});

Deno.test("a certificate that lasts is no matter of doubt", async () => {
  await using folder = new Folder();
  const { success } = await new Deno.Command("openssl", {
    cwd: folder.path,
    args: [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "400",
      "-subj",
    ]
      .concat("/CN=long", "-keyout", "a.key", "-out", "a.pem"),
    stdout: "null",
    stderr: "null",
  }).output();
  assert.ok(success);
  const report = await askWell([
    `--ca-bundle=${folder.file("a.pem")}`,
    `--control-plane.client-cert=${folder.file("a.pem")}`,
    `--control-plane.client-key=${folder.file("a.key")}`,
  ]);
  assert.match(
    told(report, "certificates"),
    /^PASS ca-bundle: 1 certificates; .* is valid for (?:399|400) days$/,
  );
});

Deno.test("TLS is judged as a run judges it: only with the authority's certificate, never for another name", async () => {
  await using pki = await makePki();
  const through = async (certificate: typeof pki.good, args: readonly string[]) => {
    await using plane = new MetadataPlane(undefined, certificate);
    const report = await ask([
      `--control-plane.base-url=${plane.url}`,
      `--mcp.command=${smallServer()}`,
      ...args,
    ]);
    assertExplained(report);
    return told(report, "control_plane_reachable");
  };
  const trusting = [`--ca-bundle=${pki.folder}/authority.pem`];
  assert.match(await through(pki.good, trusting), /^PASS HTTP 200 from https:\/\/localhost:\d+$/);
  assert.match(await through(pki.good, []), /^FAIL .*ca-bundle/);
  assert.match(await through(pki.expired, trusting), /^FAIL .*expired/);
  assert.match(await through(pki.otherName, trusting), /^FAIL .*name/);
});

Deno.test("Codex is looked for and never started [D-17, CX-2]", async () => {
  await using folder = new Folder();
  const env = { CODEX_HOME: folder.path };
  const without = await askWell([], env);
  assert.equal(checkOf(without, "codex_plugin").status, "SKIP");
  assert.deepEqual(checkOf(without, "codex_plugin").next, ["tunnel-client codex plugin install"]);
  const plugin = folder.file("plugins/cache/debug/tunnel-mcp/1.0.0");
  await Deno.mkdir(`${plugin}/.codex-plugin`, { recursive: true });
  await Deno.writeTextFile(`${plugin}/.codex-plugin/plugin.json`, "{}");
  assert.equal(told(await askWell([], env), "codex_plugin"), `PASS ${plugin}`);
  const none = await askWell([], { CODEX_HOME: folder.file("nowhere") });
  assert.equal(told(none, "codex_plugin"), "SKIP Codex is not installed here");
});

Deno.test("a sandbox that is off is a warning", async () => {
  assert.match(told(await askWell(["--sandbox=off"]), "permissions"), /^WARN the sandbox is off/);
});

Deno.test("a line for a colleague holds no name, id, host, path or port of anybody", async () => {
  await using folder = new Folder();
  const report = await askWell([`--pid.file=${folder.file("none/a.pid")}`]);
  assert.match(
    report.summaryLine,
    /^tunnel-client \S+, Deno \S+, \w+ \w+; main stdio, 1 channel; \d+ PASS, \d+ WARN, \d+ SKIP, 1 FAIL; FAIL: files; control plane [\d.]+ ms, initialize [\d.]+ ms, tools\/list [\d.]+ ms$/,
  );
});

Deno.test("whoever gives up gets no report, and nothing is left running", async () => {
  await using plane = new MetadataPlane();
  const stop = new AbortController();
  const reason = new Error("enough");
  const asking = ask([`--control-plane.base-url=${plane.url}`, `--mcp.command=${smallServer("silent")}`], {
    signal: stop.signal,
    onProgress: (running) => {
      // Everything else has come to its end, only the silent child is still waited for.
      if (running.includes("mcp_handshake") && !running.includes("control_plane_key")) stop.abort(reason);
    },
  });
  await assert.rejects(asking, reason);
});
