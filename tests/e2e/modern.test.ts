import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import {
  callWithProgress,
  type ClientKind,
  connect,
  type Step,
  type TestClient,
  transcript,
} from "../support/e2e_clients.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { MODERN_STDIO, startModern } from "../support/e2e_servers.ts";

const MIB = 1024 * 1024;

const STEPS: readonly Step[] = [
  ["tools", (client) => client.listTools()],
  ["structured", (client) => client.callTool("add", { a: 2, b: 40 })],
  ["progress", (client) => callWithProgress(client, "steps", { count: 20 })],
  ["tool error", (client) => client.callTool("fail")],
  ["wrong arguments", (client) => client.callTool("add", { a: "two" })],
  ["unknown tool", (client) => client.callTool("no-such-tool")],
  ["resources", (client) => client.listResources()],
  ["templates", (client) => client.listResourceTemplates()],
  ["resource", (client) => client.readResource("test://note")],
  ["template", (client) => client.readResource("test://square/12")],
  ["unknown resource", (client) => client.readResource("test://no-such-thing")],
  ["prompts", (client) => client.listPrompts()],
  ["prompt", (client) => client.getPrompt("greet", { name: "Ada" })],
  ["prompt without its argument", (client) => client.getPrompt("greet")],
  ["ping", (client) => client.ping()],
];

const TWENTY_STEPS = Array.from({ length: 20 }, (_, n) => ({
  progress: n + 1,
  total: 20,
  message: `step ${n + 1}`,
}));

const LARGE_TEXT = "0123456789äbcdef";

async function assertLargeResult(client: TestClient, mebibytes: number): Promise<void> {
  const { content } = await client.callTool("large", { mebibytes });
  assert.ok(content[0].text === LARGE_TEXT.repeat(mebibytes * MIB / LARGE_TEXT.length));
}

async function assertLargeRequest(client: TestClient, mebibytes: number): Promise<void> {
  const text = LARGE_TEXT.repeat(mebibytes * MIB / LARGE_TEXT.length);
  const { content } = await client.callTool("length", { text });
  assert.equal(content[0].text, `${mebibytes * MIB}`);
}

Deno.test("a server of the 2026-07-28 form over HTTP, through the tunnel as without it", async (t) => {
  await using server = await startModern();
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, { args: [`--mcp.server-url=${server.url}`] });
  const eras = { "v1": undefined, "v2-2025": "legacy", "v2-auto": "modern", "v2-2026": "modern" };

  for (const kind of Object.keys(eras) as ClientKind[]) {
    await t.step(`a whole session of the ${kind} client is the same`, async () => {
      await using near = await connect(kind, server.url);
      const expected = await transcript(near, STEPS);
      await using far = await connect(kind, relay.mcpUrl);
      const lines = await transcript(far, STEPS);
      assert.deepEqual(lines, expected);
      assert.equal(far.era(), eras[kind]);
      assert.equal(lines.server[0].name, "modern");
      assert.equal(lines.tools.tools.length, 5);
      assert.deepEqual(lines.structured.structuredContent, { sum: 42 });
      assert.deepEqual(lines.progress.slice(0, -1), TWENTY_STEPS);
      assert.equal(lines.progress.at(-1).result.content[0].text, "20 steps");
      assert.equal(lines["tool error"].isError, true);
      assert.equal(lines.resource.contents[0].text, "a note: ä 🙂 \u2028 end");
      assert.equal(atob(lines.template.contents[0].blob), "144");
      assert.ok(lines["unknown resource"].code < 0);
    });
  }

  await t.step("server/discover brings what it brings without the tunnel", async () => {
    await using near = await connect("v2-2026", server.url);
    await using far = await connect("v2-2026", relay.mcpUrl);
    const discovered = await far.discover();
    assert.deepEqual(discovered, await near.discover());
    assert.deepEqual(discovered.supportedVersions, ["2026-07-28"]);
  });

  await t.step("500 calls at once all get their own answer", async () => {
    await using client = await connect("v2-2026", relay.mcpUrl);
    const replies = await Promise.all(
      Array.from({ length: 500 }, (_, n) => client.callTool("add", { a: n, b: n * 3 })),
    );
    assert.deepEqual(
      replies.map(({ structuredContent }) => structuredContent.sum),
      replies.map((_, n) => n * 4),
    );
  });

  await t.step("progress of calls at once goes to its own call, in order, before its answer", async () => {
    await using client = await connect("v2-2026", relay.mcpUrl);
    const seen = await Promise.all(
      Array.from({ length: 30 }, () => callWithProgress(client, "steps", { count: 20 })),
    );
    for (const progress of seen) assert.deepEqual(progress.slice(0, -1), TWENTY_STEPS);
  });

  for (const kind of ["v1", "v2-2026"] as const) {
    await t.step(`20 MB there and back arrive whole at the ${kind} client`, async () => {
      await using client = await connect(kind, relay.mcpUrl);
      await assertLargeResult(client, 20);
      await assertLargeRequest(client, 20);
    });
  }

  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

Deno.test("a server of the 2026-07-28 form over stdio, through the tunnel as without it", async (t) => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${MODERN_STDIO.join(" ")}`],
  });

  await t.step("a whole session of the v2-2026 client is the same", async () => {
    await using near = await connect("v2-2026", MODERN_STDIO);
    const expected = await transcript(near, STEPS);
    await using far = await connect("v2-2026", relay.mcpUrl);
    const lines = await transcript(far, STEPS);
    assert.deepEqual(lines.progress.slice(0, -1), TWENTY_STEPS);
    assert.deepEqual(lines, expected);
    assert.deepEqual(lines.structured.structuredContent, { sum: 42 });
    assert.deepEqual((await far.discover()).supportedVersions, ["2026-07-28"]);
  });

  await t.step("20 MB arrive whole", async () => {
    await using client = await connect("v2-2026", relay.mcpUrl);
    await assertLargeResult(client, 20);
    // What the server's own reader costs grows with the square of this.
    await assertLargeRequest(client, 3);
  });

  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});
