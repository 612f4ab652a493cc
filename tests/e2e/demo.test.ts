import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { connect } from "../support/e2e_clients.ts";
import { MARK_VARIABLE, processesWith } from "../support/e2e_processes.ts";
import { tunnelClient, tunnelClientEnd } from "../support/e2e_program.ts";
import { TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";

Deno.test("demo --once shows one tool call through the tunnel and ends", async () => {
  const mark = `e2e-${crypto.randomUUID()}`;
  const end = await tunnelClientEnd(["demo", "--once"], { env: { [MARK_VARIABLE]: mark } });
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /found "mcp-stub" with 3 tools/);
  assert.match(end.stdout, /and got {4}"hello from tunnel-client" {2}after \d/);
  assert.match(end.stdout, /^Connector URL {2}http:\/\/127\.0\.0\.1:\d+\/v1\/mcp\/tunnel_demo0+$/m);
  assert.match(end.stdout, /^Page {11}http:\/\/127\.0\.0\.1:\d+\/ui$/m);
  assert.deepEqual(processesWith(mark), []);
});

Deno.test("demo says nothing on stderr when all is well", async () => {
  assert.equal((await tunnelClientEnd(["demo", "--once"])).stderr, "");
});

Deno.test("demo --json --once prints one JSON document and nothing else", async () => {
  const end = await tunnelClientEnd(["demo", "--json", "--once"]);
  assert.equal(end.code, 0, end.stderr);
  const document = JSON.parse(end.stdout);
  assert.equal(document.call.answer, "hello from tunnel-client");
  assert.deepEqual(document.call.tools, ["server_info", "echo", "uppercase"]);
  assert.match(document.mcp_url, /\/v1\/mcp\/tunnel_demo0+$/);
  assert.match(document.ui_url, /\/ui$/);
});

Deno.test("demo stays up for any client and for a browser until SIGINT", async () => {
  await using program = tunnelClient(["demo"]);
  await program.untilPrinted(/Up until Ctrl-C/);
  const url = /^Connector URL {2}(\S+)$/m.exec(program.stdout)?.[1] ?? "";
  const page = /^Page {11}(\S+)$/m.exec(program.stdout)?.[1] ?? "";
  for (const kind of ["v1", "v2-2026"] as const) {
    await using client = await connect(kind, url);
    const reply = await client.callTool("uppercase", { input: "loud" });
    assert.deepEqual(reply.structuredContent, { uppercase: "LOUD" });
  }
  const shown = await fetch(page);
  assert.equal(shown.status, 200);
  assert.match(await shown.text(), /<html/i);
  program.signal("SIGINT");
  assert.equal((await program.ended()).code, 0);
});

Deno.test("run --embedded-mcp-stub serves the demo server through a tunnel [R-5 … R-8]", async (t) => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: ["--embedded-mcp-stub", "--embedded-mcp-server-name=my-stub"],
    // the flag wins over the environment.
    env: { MCP_SERVER_URL: "http://127.0.0.1:9/mcp" },
  });
  assert.match(agent.program.stdout, /Embedded demo MCP server is enabled\./);
  const [stubUrl] = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(agent.program.stdout) ?? [""];
  await using client = await connect("v1", relay.mcpUrl);
  assert.equal(client.server()[0].name, "my-stub");
  assert.equal((await client.callTool("echo", { input: "ä" })).structuredContent.echoed, "ä");

  await t.step("with its OAuth metadata [P-180]", async () => {
    const response = await fetch(`${relay.url}/.well-known/oauth-protected-resource/v1/mcp/${TUNNEL_ID}`);
    const document = await response.json();
    assert.equal(response.status, 200, JSON.stringify(document));
    assert.equal(document.resource, relay.mcpUrl);
    assert.deepEqual(document.scopes_supported, ["read", "write"]);
  });

  await t.step("and the stub ends with the agent", async () => {
    assert.equal((await agent.stopped()).code, 0);
    await assert.rejects(fetch(stubUrl), TypeError);
  });

  await t.step("a target of one's own beside it is refused [R-5]", async () => {
    for (const flag of ["--mcp.server-url=http://127.0.0.1:9/mcp", "--mcp.command=cat"]) {
      const end = await tunnelClientEnd(["run", "--embedded-mcp-stub", flag]);
      assert.equal(end.code, 1);
      assert.match(end.stderr, /--embedded-mcp-stub cannot be combined with --mcp\.(?:server-url|command)/);
      assert.equal(end.stdout, "");
    }
  });
});
