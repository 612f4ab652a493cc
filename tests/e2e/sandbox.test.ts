import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { CHECKOUT } from "../support/e2e_program.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { result, Target } from "../support/e2e_target.ts";
import { Gate } from "../support/e2e_wait.ts";
import { shakeHands } from "../support/stdio_handshake.ts";

const CHILD = new URL("../support/stdio_child.ts", import.meta.url).pathname;

/** A server that notes who comes. */
class Server implements AsyncDisposable {
  visits = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answer: () => Response) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      this.visits++;
      return answer();
    });
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Where the target below points to, although the profile does not name it. */
function elsewhere(): Server {
  return new Server(() => Response.json({ resource: "x", authorization_servers: ["https://auth.example"] }));
}

/** A target that makes the agent look for metadata at a place of the target's choice. */
function pointing(to: Server): Server {
  const challenge = `Bearer resource_metadata="http://${to.host}/metadata"`;
  return new Server(() => new Response(null, { status: 401, headers: { "www-authenticate": challenge } }));
}

async function discovery(relay: TestRelay): Promise<number> {
  const response = await fetch(`${relay.url}/.well-known/oauth-protected-resource/v1/mcp/${relay.tunnelId}`);
  await response.body?.cancel();
  return response.status;
}

Deno.test("the agent may reach what its profile names and nothing else, and says what that is", async () => {
  await using relay = await TestRelay.start();
  await using other = elsewhere();
  await using target = pointing(other);
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--mcp.server-url=http://${target.host}/mcp`,
      `--mcp.command=channel=child,command=${Deno.execPath()} run -A --no-check --quiet ${CHILD} plain`,
    ],
  });
  const [logged] = agent.events("agent permissions");
  assert.equal(logged?.mode, "strict");
  const net = [new URL(relay.url).host, target.host].sort();
  assert.deepEqual(logged?.net, net);
  const run = logged?.run as string[];
  assert.ok(run.includes(Deno.execPath()), `${run}`);
  assert.ok(run.every((path) => path === Deno.execPath() || /\/kill$/.test(path)), `${run}`);
  const status = JSON.parse((await agent.get("/api/status")).body);
  assert.deepEqual(status.sandbox, {
    mode: "strict",
    permissions: [...net.map((peer) => `net ${peer}`), ...run.map((path) => `run ${path}`)],
    refusals: {},
  });

  assert.ok(await discovery(relay) >= 400);
  assert.ok(target.visits > 1);
  assert.equal(other.visits, 0, "it went where its profile does not lead");
  const refused = await agent.untilEvent("origin of oauth metadata refused");
  assert.equal(refused.origin, `http://${other.host}`);
  assert.match(String(refused.advice), /oauth_trusted_origins.*or set sandbox\.learn to same-site/);
  await shakeHands(`${relay.mcpUrl}/child`);
  assert.deepEqual((await call(`${relay.mcpUrl}/child`, 1, "echo", { a: 1 })).result, { a: 1 });
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("--sandbox off lets the agent go where the process may go, and warns of it", async () => {
  await using relay = await TestRelay.start();
  await using other = elsewhere();
  await using target = pointing(other);
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=http://${target.host}/mcp`, "--sandbox=off", "--sandbox.learn=any"],
  });
  assert.equal(await discovery(relay), 200);
  assert.equal(other.visits, 1);
  const warning = agent.log().find(({ msg }) => /sandbox is off/.test(msg));
  assert.equal(warning?.level, "WARN");
  const status = JSON.parse((await agent.get("/api/status")).body);
  assert.equal(status.sandbox.mode, "off");
  assert.match(status.warnings[0], /sandbox is off/);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("metadata of a trusted origin is fetched at once, without a restart [A-171]", async () => {
  await using relay = await TestRelay.start();
  await using other = elsewhere();
  await using target = pointing(other);
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=http://${target.host}/mcp`, `--mcp.oauth-trusted-origin=http://${other.host}`],
  });
  assert.equal(await discovery(relay), 200);
  assert.equal(other.visits, 1);
  assert.equal(await agent.metric("agent_restarts_total"), 0);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("what sandbox.learn allows is learned: the agent restarts with the wider set and nothing is lost [issue 6 §2]", async () => {
  await using relay = await TestRelay.start();
  await using other = elsewhere();
  await using target = pointing(other);
  const gate = new Gate();
  await using slow = new Target(async (arrival) => {
    await gate.pass();
    return result(arrival, { done: true });
  });
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--mcp.server-url=http://${target.host}/mcp`,
      `--mcp.server-url=channel=slow,url=${slow.url}`,
      "--sandbox.learn=same-site",
    ],
  });
  const calls = [1, 2, 3].map((id) => call(`${relay.mcpUrl}/slow`, id, "tools/call"));
  await agent.program.until("three running calls", () => gate.waiting === 3);
  const first = await fetch(`${relay.url}/.well-known/oauth-protected-resource/v1/mcp/${relay.tunnelId}`);
  await first.body?.cancel();
  assert.notEqual(first.status, 200);
  const learned = await agent.untilEvent("origin of oauth metadata learned");
  assert.deepEqual([learned.origin, learned.policy, learned.restart], [
    `http://${other.host}`,
    "same-site",
    true,
  ]);
  gate.open();
  for (const answer of await Promise.all(calls)) assert.deepEqual(answer.result, { done: true });
  await agent.program.until("a search that finds the metadata", async () => await discovery(relay) === 200);
  assert.ok(other.visits > 0);
  const { sandbox } = JSON.parse((await agent.get("/api/status")).body);
  assert.ok(sandbox.permissions.includes(`net ${other.host}`));
  assert.ok(sandbox.permissions.includes(`learned http://${other.host}`));
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

Deno.test("a stdio server gets the base list and its own variables; inherit_env gives it the rest, without our secrets", async () => {
  for (const inherits of [false, true]) {
    await using folder = new Folder();
    await using relay = await TestRelay.start();
    const profile = folder.file("p.yaml");
    const command = `${Deno.execPath()} run -A --no-check --quiet ${CHILD} plain`;
    await Deno.writeTextFile(
      profile,
      `mcp:\n  commands:\n    - channel: main\n      command: ${JSON.stringify(command)}\n` +
        `      env:\n        GREETING: hello\n      inherit_env: ${inherits}\n`,
    );
    await using agent = await AgentProgram.serving(relay, {
      args: [`--profile-file=${profile}`],
      env: { COMPANY_TOKEN: "for others" },
    });
    await shakeHands(relay.mcpUrl);
    const { result: env } = await call(relay.mcpUrl, 1, "env");
    assert.equal(env.GREETING, "hello");
    assert.equal(env.PATH, Deno.env.get("PATH"));
    assert.equal(env.COMPANY_TOKEN, inherits ? "for others" : undefined);
    assert.equal(env.CONTROL_PLANE_API_KEY, undefined);
    assert.equal((await agent.stopped()).code, 0);
  }
});

Deno.test("a wrapper gets the command as its own words, and is what the agent may start [issue 6 §2]", async () => {
  await using folder = new Folder();
  await using relay = await TestRelay.start();
  const wrapper = folder.file("wrap.sh");
  await Deno.writeTextFile(
    wrapper,
    `#!/bin/sh\nprintf '%s\\n' "$@" > "${folder.file("words")}"\nshift\nexec "$@"\n`,
  );
  await Deno.chmod(wrapper, 0o755);
  const profile = folder.file("p.yaml");
  const command = `${Deno.execPath()} run -A --no-check --quiet ${CHILD} plain`;
  await Deno.writeTextFile(
    profile,
    `mcp:\n  commands:\n    - channel: main\n      command: ${JSON.stringify(command)}\n` +
      `      wrapper: [${JSON.stringify(wrapper)}, "two words"]\n`,
  );
  await using agent = await AgentProgram.serving(relay, { args: [`--profile-file=${profile}`] });
  await shakeHands(relay.mcpUrl);
  assert.deepEqual((await call(relay.mcpUrl, 1, "echo", { a: 1 })).result, { a: 1 });
  assert.equal(await folder.read("words"), ["two words", ...command.split(" "), ""].join("\n"));
  const run = agent.events("agent permissions")[0]?.run as string[];
  assert.ok(run.includes(wrapper) && !run.includes(Deno.execPath()), `${run}`);
  assert.equal((await agent.stopped()).code, 0);
});

/** Programs that wrap a stdio server in earnest, as docs/operation.md shows them, and whether they can work here. */
const WRAPPERS: Readonly<Record<string, readonly string[]>> = {
  bwrap: [
    "bwrap",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
    // It may lie in /tmp itself.
    "--ro-bind",
    CHECKOUT,
    CHECKOUT,
    "--unshare-all",
    "--die-with-parent",
    "--",
  ],
  "systemd-run": [
    "systemd-run",
    "--user",
    "--scope",
    "--quiet",
    "--collect",
    "--property=MemoryMax=512M",
    "--",
  ],
};

for (const [name, words] of Object.entries(WRAPPERS)) {
  const trial = await works(words);
  const mustRun = name === "bwrap" && Deno.env.get("REQUIRE_ALL") === "1";
  Deno.test({
    name: `a stdio server works inside ${name}${trial ? "" : " (not possible on this machine)"} [issue 6 §2]`,
    ignore: !trial && !mustRun,
    async fn() {
      await using folder = new Folder();
      await using relay = await TestRelay.start();
      const profile = folder.file("p.yaml");
      const command = `${Deno.execPath()} run -A --no-check --quiet --cached-only ${CHILD} plain`;
      await Deno.writeTextFile(
        profile,
        `mcp:\n  commands:\n    - channel: main\n      command: ${JSON.stringify(command)}\n` +
          `      wrapper: ${JSON.stringify(words)}\n`,
      );
      await using agent = await AgentProgram.serving(relay, { args: [`--profile-file=${profile}`] });
      await shakeHands(relay.mcpUrl);
      assert.deepEqual((await call(relay.mcpUrl, 1, "echo", { a: 1 })).result, { a: 1 });
      assert.equal((await agent.stopped()).code, 0);
    },
  });
}

/** Whether this machine lets a wrapper do its work: user namespaces, a service manager of the user. */
async function works([program = "", ...words]: readonly string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args: [...words, "true"], stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
