import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { TestRelay } from "../support/e2e_relay.ts";

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
  });

  assert.ok(await discovery(relay) >= 400);
  assert.ok(target.visits > 1);
  assert.equal(other.visits, 0, "it went where its profile does not lead");
  assert.deepEqual((await call(`${relay.mcpUrl}/child`, 1, "echo", { a: 1 })).result, { a: 1 });
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("--sandbox off lets the agent go where the process may go, and warns of it", async () => {
  await using relay = await TestRelay.start();
  await using other = elsewhere();
  await using target = pointing(other);
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=http://${target.host}/mcp`, "--sandbox=off"],
  });
  // The same as above: what stopped it there was the sandbox.
  assert.equal(await discovery(relay), 200);
  assert.equal(other.visits, 1);
  const warning = agent.log().find(({ msg }) => /sandbox is off/.test(msg));
  assert.equal(warning?.level, "WARN");
  const status = JSON.parse((await agent.get("/api/status")).body);
  assert.equal(status.sandbox.mode, "off");
  assert.match(status.warnings[0], /sandbox is off/);
  assert.equal((await agent.stopped()).code, 0);
});
