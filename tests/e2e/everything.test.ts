import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { AgentProgram } from "../support/e2e_agent.ts";
import { type ClientKind, connect, type Endpoint, transcript } from "../support/e2e_clients.ts";
import { Front } from "../support/e2e_front.ts";
import { EVERYTHING_STEPS } from "../support/e2e_everything_steps.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { EVERYTHING_STDIO, startEverything } from "../support/e2e_servers.ts";

const KINDS: readonly ClientKind[] = ["v1", "v2-2025", "v2-auto"];
const MIB = 1024 * 1024;

/** One session through the tunnel brings what it brings without the tunnel. */
async function assertSameSession(kind: ClientKind, direct: Endpoint, tunnelled: string): Promise<void> {
  await using near = await connect(kind, direct);
  const expected = await transcript(near, EVERYTHING_STEPS);
  await using far = await connect(kind, tunnelled);
  const lines = await transcript(far, EVERYTHING_STEPS);
  assert.deepEqual(lines, expected);
  assert.equal(far.era(), near.era());
  // So that the comparison is not one of two failures.
  assert.equal(lines.server[0].name, "mcp-servers/everything");
  assert.ok(lines.tools.tools.length >= 12);
  assert.deepEqual(lines.structured.structuredContent, {
    temperature: 36,
    conditions: "Light rain / drizzle",
    humidity: 82,
  });
  assert.deepEqual(lines.progress.slice(0, -1), [1, 2, 3, 4, 5].map((progress) => ({ progress, total: 5 })));
  assert.match(lines.progress.at(-1).result.content[0].text, /completed/);
  assert.equal(lines["wrong arguments"].isError, true);
  assert.equal(lines["unknown resource"].code, -32602);
  assert.deepEqual(lines.completion.completion.values, ["Sales", "Support"]);
}

/** Many calls at once through one client: each gets its own answer. */
async function assertParallelCalls(kind: ClientKind, url: string, count: number): Promise<void> {
  await using client = await connect(kind, url);
  const replies = await Promise.all(
    Array.from({ length: count }, (_, n) => client.callTool("get-sum", { a: n, b: n * 7 + 1 })),
  );
  for (const [n, reply] of replies.entries()) {
    assert.equal(reply.content[0].text, `The sum of ${n} and ${n * 7 + 1} is ${n * 8 + 1}.`);
  }
}

Deno.test("the reference server over HTTP, through the tunnel as without it [T-1, T-2, T-13]", async (t) => {
  await using server = await startEverything({ GZIP_MAX_FETCH_SIZE: `${20 * MIB}` });
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, { args: [`--mcp.server-url=${server.url}`] });

  for (const kind of KINDS) {
    await t.step(`a whole session of the ${kind} client is the same`, async () => {
      await assertSameSession(kind, server.url, relay.mcpUrl);
    });
  }

  await t.step("a session ends with DELETE and is gone", async () => {
    for (const kind of ["v1", "v2-2025"] as const) {
      const ends = [];
      for (const url of [server.url, relay.mcpUrl]) {
        await using client = await connect(kind, url);
        const sessionId = client.sessionId();
        assert.ok(sessionId, "a session has an id");
        await client.ping();
        await client.endSession();
        const headers = { "Mcp-Session-Id": sessionId, accept: "application/json, text/event-stream" };
        const response = await fetch(url, { method: "DELETE", headers });
        ends.push([client.sessionId(), response.status]);
        await response.body?.cancel();
      }
      assert.deepEqual(ends[1], ends[0]);
      assert.equal(ends[1]?.[0], undefined);
    }
  });

  await t.step("500 calls at once all get their own answer", async () => {
    await Promise.all([
      assertParallelCalls("v1", relay.mcpUrl, 250),
      assertParallelCalls("v2-2025", relay.mcpUrl, 250),
    ]);
  });

  await t.step("a result of 20 MB arrives whole", async () => {
    const noise = new Uint8Array(15 * MIB);
    for (let at = 0; at < noise.length; at += 65_536) {
      crypto.getRandomValues(noise.subarray(at, at + 65_536));
    }
    await using files = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(noise),
    );
    await using client = await connect("v1", relay.mcpUrl);
    const reply = await client.callTool("gzip-file-as-resource", {
      name: "noise.gz",
      data: `http://127.0.0.1:${files.addr.port}/noise`,
      outputType: "resource",
    });
    const { blob } = reply.content[0].resource;
    assert.ok(blob.length >= 20 * MIB);
    assert.equal(Buffer.compare(gunzipSync(Buffer.from(blob, "base64")), noise), 0);
  });

  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

Deno.test("the reference server over stdio, through the tunnel as without it [T-1, ST-14]", async (t) => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${EVERYTHING_STDIO.join(" ")}`],
  });

  for (const kind of KINDS) {
    await t.step(`a whole session of the ${kind} client is the same`, async () => {
      await assertSameSession(kind, EVERYTHING_STDIO, relay.mcpUrl);
    });
  }

  await t.step("there is no session to end; DELETE harms nothing [T-12]", async () => {
    const response = await fetch(relay.mcpUrl, { method: "DELETE", headers: { "mcp-session-id": "any" } });
    await response.body?.cancel();
    assert.equal(response.status, 405);
    await assertParallelCalls("v1", relay.mcpUrl, 1);
  });

  await t.step("500 calls at once of two clients with the same ids all get their own answer", async () => {
    await Promise.all([
      assertParallelCalls("v1", relay.mcpUrl, 250),
      assertParallelCalls("v2-2025", relay.mcpUrl, 250),
    ]);
  });

  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

Deno.test("several calls run at once over one stdio child, progress of each goes to its own call", async () => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${EVERYTHING_STDIO.join(" ")}`, "--mcp.stdio-concurrency=8"],
  });
  await using one = await connect("v1", relay.mcpUrl);
  await using other = await connect("v2-2025", relay.mcpUrl);
  const startedAt = performance.now();
  const seen = await Promise.all([one, other, one, other].map(async (client, n) => {
    const steps = n + 2;
    const progress: number[] = [];
    const reply = await client.callTool("trigger-long-running-operation", { duration: 1, steps }, {
      onProgress: ({ progress: step, total }) => {
        assert.equal(total, steps, "progress of another call");
        progress.push(step);
      },
    });
    assert.match(reply.content[0].text, new RegExp(`Steps: ${steps}\\.`));
    return progress;
  }));
  assert.deepEqual(seen, [[1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5]]);
  assert.ok(performance.now() - startedAt < 3_500, "four calls of one second each ran one after the other");
  await assertParallelCalls("v1", relay.mcpUrl, 200);
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

for (const transport of ["HTTP", "stdio"] as const) {
  Deno.test(`a server's request over ${transport} is refused where the wire cannot carry it, and the call goes on [P-104]`, async () => {
    await using server = transport === "HTTP" ? await startEverything() : undefined;
    await using relay = await TestRelay.start();
    await using front = new Front({ upstream: relay.url, without: "x-tunnel-relay-features" });
    await using agent = await AgentProgram.listening({
      controlPlaneUrl: front.url,
      args: [
        server === undefined
          ? `--mcp.command=${EVERYTHING_STDIO.join(" ")}`
          : `--mcp.server-url=${server.url}`,
        "--control-plane.poll-timeout=1s",
      ],
    });
    await relay.polled();
    await using client = await connect("v1", relay.mcpUrl, { sampling: () => "never asked" });
    const reply = await client.callTool("trigger-sampling-request", { prompt: "what now?" });
    assert.equal(reply.isError, true);
    assert.match(reply.content[0].text, /-32601/);
    await assertParallelCalls("v1", relay.mcpUrl, 3);
    assert.equal((await agent.stopped()).code, 0);
    assertNothingLost(relay.counts);
  });
}
