/** The rights that `permissions` prints are enough for `run`, and no more than the profile needs. */
import assert from "node:assert/strict";
import { API_KEY } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { CHECKOUT, Program, tunnelClientEnd } from "../support/e2e_program.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { Place, PROFILE_KINDS } from "../support/sandbox_profiles.ts";

/** The flags are for source; a binary has its rights inside (`tests/binary`). */
const IS_BINARY = Boolean(Deno.env.get("TUNNEL_CLIENT_BINARY"));
const PROFILE = `control_plane:
  base_url: https://control.example
  tunnel_id: tunnel_0123456789abcdef0123456789abcdef
  api_key: env:COMPANY_KEY
mcp:
  server_urls:
    - channel: main
      url: https://mcp.example:8443/mcp?token=secret
  oauth_trusted_origins: [https://login.example]
log:
  file: /var/log/tunnel-client/agent.log
`;

async function permissions(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await tunnelClientEnd(["permissions", ...args], { env });
  assert.equal(code, 0, stderr);
  return stdout;
}

for (const kind of PROFILE_KINDS) {
  Deno.test({
    name: `run works with exactly the rights that permissions prints: profile "${kind}" [issue 6 §2]`,
    ignore: IS_BINARY,
    async fn() {
      await using folder = new Folder();
      await using relay = await TestRelay.start();
      await using place = new Place(kind, folder, relay);
      await place.write();
      const { process } = JSON.parse(await permissions([`--profile-file=${place.path}`, "--json"]));
      assert.equal(process.flags[0], "--no-prompt");
      assert.ok(
        !process.flags.some((flag: string) =>
          /^(?:-A|--allow-all|--allow-(?:net|run|read|write))$/.test(flag)
        ),
      );
      await using program = new Program([
        Deno.execPath(),
        "run",
        ...process.flags,
        "--no-check",
        "--frozen",
        `${CHECKOUT}main.ts`,
        "run",
        `--profile-file=${place.path}`,
      ], { env: place.env });
      await place.serves(program);
    },
  });
}

Deno.test({
  name: "the same rights are not enough for another control plane [issue 6 §2]",
  ignore: IS_BINARY,
  async fn() {
    await using folder = new Folder();
    await using relay = await TestRelay.start();
    let visits = 0;
    await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      visits++;
      return new Response();
    });
    await using place = new Place("http", folder, relay);
    await place.write();
    const { process } = JSON.parse(await permissions([`--profile-file=${place.path}`, "--json"]));
    await using program = new Program([
      Deno.execPath(),
      "run",
      ...process.flags,
      "--no-check",
      "--frozen",
      `${CHECKOUT}main.ts`,
      "run",
      `--profile-file=${place.path}`,
      `--control-plane.base-url=http://127.0.0.1:${other.addr.port}`,
    ], { env: place.env });
    const { code } = await program.ended();
    assert.equal(code, 1);
    assert.equal(visits, 0);
  },
});

Deno.test("permissions tells both sets apart and needs no secret to do so [issue 6 §2]", async () => {
  await using folder = new Folder();
  const path = folder.file("p.yaml");
  await Deno.writeTextFile(path, PROFILE);
  const { agent, process } = JSON.parse(await permissions([`--profile-file=${path}`, "--format=json"]));
  assert.deepEqual(agent.net, ["control.example:443", "login.example:443", "mcp.example:8443"]);
  assert.deepEqual([agent.sockets, agent.run, agent.read, agent.write, agent.env], [[], [], [], [], []]);
  assert.deepEqual(agent.flags, ["--allow-net=control.example:443,login.example:443,mcp.example:8443"]);
  assert.deepEqual(process.net, ["127.0.0.1:8080", ...agent.net]);
  assert.deepEqual(process.write, ["/var/log/tunnel-client/agent.log"]);
  assert.ok(process.read.includes(path));
  assert.ok(process.env.includes("COMPANY_KEY") && process.env.includes("CONTROL_PLANE_API_KEY"));
  assert.ok(!JSON.stringify(process).includes("secret"));
});

Deno.test("permissions --format flags can be given to a shell, without its comments [issue 6 §2]", async () => {
  await using folder = new Folder();
  const path = folder.file("p.yaml");
  await Deno.writeTextFile(path, PROFILE);
  const lines = (await permissions([`--profile-file=${path}`])).trim().split("\n");
  assert.equal(lines[0], "# agent: what its thread may touch");
  assert.ok(
    lines.filter((line) => !line.startsWith("#")).every((line) =>
      /^--(?:no-prompt|allow-\w+=\S+)$/.test(line)
    ),
  );
});

Deno.test("permissions --format systemd limits addresses, ports and files [issue 6 §2, §4]", async () => {
  await using folder = new Folder();
  const path = folder.file("p.yaml");
  await Deno.writeTextFile(
    path,
    PROFILE.replace("https://mcp.example:8443/mcp?token=secret", "http://10.1.2.3/mcp"),
  );
  const lines = (await permissions([`--profile-file=${path}`, "--format=systemd"])).trim().split("\n");
  for (
    const line of [
      "[Service]",
      "IPAddressDeny=any",
      "IPAddressAllow=localhost",
      "IPAddressAllow=10.1.2.3",
      "SocketBindDeny=any",
      "SocketBindAllow=tcp:8080",
      "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
      "ProtectSystem=strict",
      "ReadWritePaths=-/var/log/tunnel-client",
    ]
  ) assert.ok(lines.includes(line), `${line} in\n${lines.join("\n")}`);
  assert.ok(lines.some((line) => line.startsWith("# control.example")), "names stand beside their addresses");
});

Deno.test("permissions grants what may be learned, and no more [issue 6 §2]", async () => {
  await using folder = new Folder();
  const path = folder.file("p.yaml");
  await Deno.writeTextFile(path, PROFILE.replace("mcp.example:8443", "mcp.corp.example"));
  const net = async (policy: string) =>
    JSON.parse(await permissions([`--profile-file=${path}`, `--sandbox.learn=${policy}`, "--json"])).process
      .net;
  assert.ok(!(await net("ask-config")).some((peer: string) => peer.includes("*")));
  const site = await net("same-site");
  assert.ok(site.includes("corp.example") && site.includes("*.corp.example"), `${site}`);
  assert.ok((await net("any")).includes("*"));
});

Deno.test("permissions refuses what run would refuse, with the same words", async () => {
  const { code, stderr } = await tunnelClientEnd(["permissions", "--format=yaml"], {
    env: { CONTROL_PLANE_API_KEY: API_KEY },
  });
  assert.equal(code, 1);
  assert.match(stderr, /invalid argument "yaml" for "--format" flag: use flags or json or systemd/);
  const missing = await tunnelClientEnd(["permissions"]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /main channel is required/);
});

Deno.test({
  name: "a process with exactly these rights can still learn what its policy allows [issue 6 §2]",
  ignore: IS_BINARY,
  async fn() {
    await using folder = new Folder();
    await using relay = await TestRelay.start();
    await using other = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => Response.json({ resource: "x", authorization_servers: ["https://auth.example"] }),
    );
    const challenge = `Bearer resource_metadata="http://127.0.0.1:${other.addr.port}/metadata"`;
    await using target = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(null, { status: 401, headers: { "www-authenticate": challenge } }),
    );
    const path = folder.file("p.yaml");
    await Deno.writeTextFile(
      path,
      `control_plane:\n  base_url: "${relay.url}"\n  tunnel_id: ${relay.tunnelId}\n  api_key: env:TEST_TUNNEL_KEY\n` +
        `mcp:\n  server_urls:\n    - channel: main\n      url: "http://127.0.0.1:${target.addr.port}/mcp"\n` +
        `health:\n  listen_addr: "127.0.0.1:0"\nsandbox:\n  learn: same-site\n`,
    );
    const { process } = JSON.parse(await permissions([`--profile-file=${path}`, "--json"]));
    await using program = new Program([
      Deno.execPath(),
      "run",
      ...process.flags,
      "--no-check",
      "--frozen",
      `${CHECKOUT}main.ts`,
      "run",
      `--profile-file=${path}`,
    ], { env: { TEST_TUNNEL_KEY: API_KEY } });
    await relay.polled();
    const search = `${relay.url}/.well-known/oauth-protected-resource/v1/mcp/${relay.tunnelId}`;
    await program.until("a search that finds the metadata", async () => {
      const response = await fetch(search);
      await response.body?.cancel();
      return response.status === 200;
    });
    const { code, stderr } = await program.stopped();
    assert.equal(code, 0, stderr);
  },
});
