import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { call, handshake, postText } from "../support/e2e_json_rpc.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { json, result, SlowTarget, Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";

const CHILD = new URL("../support/stdio_child.ts", import.meta.url).pathname;

Deno.test("401 without a token, metadata through the tunnel, then the token travels to the target and nowhere else [T-4]", async () => {
  // Plays both: the protected server and its metadata, on one origin.
  await using target = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname, origin } = new URL(request.url);
    if (pathname === "/.well-known/oauth-protected-resource/mcp") {
      return json(`{ "resource":"${origin}/mcp", "authorization_servers":["https://auth.example"],"x":1.0 }`);
    }
    if (request.headers.get("authorization") !== "Bearer good-token") {
      const challenge =
        `Bearer realm="e2e", resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;
      return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    }
    const { id } = await request.json();
    return Response.json({ jsonrpc: "2.0", id, result: { let: "in" } });
  });
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=http://127.0.0.1:${target.addr.port}/mcp`],
  });
  assert.match((await agent.get("/readyz")).body, /^ready \(mcp initialize requires auth/);

  const ask = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
  const refused = await postText(relay.mcpUrl, ask);
  assert.equal(refused.status, 401);
  const challenge = refused.headers.get("www-authenticate") ?? "";
  const [, metadataUrl = ""] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
  assert.match(challenge, /realm="e2e"/);
  assert.ok(metadataUrl.startsWith(relay.url), challenge);
  const metadata = await (await fetch(metadataUrl)).json();
  assert.deepEqual(metadata, {
    resource: relay.mcpUrl,
    authorization_servers: ["https://auth.example"],
    x: 1,
  });
  const welcome = await postText(relay.mcpUrl, ask, { headers: { authorization: "Bearer good-token" } });
  assert.equal(welcome.status, 200);
  assert.equal(welcome.text, '{"jsonrpc":"2.0","id":1,"result":{"let":"in"}}');
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

Deno.test("a connector that hangs up harms no other, and its late answer is no failure", async () => {
  await using target = new SlowTarget();
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${target.url}`, "--mcp.max-concurrent-requests=2"],
  });
  const hangUp = new AbortController();
  const gone = call(relay.mcpUrl, 1, "work", {}, { signal: hangUp.signal });
  const stays = call(relay.mcpUrl, 2, "work");
  await eventually("both run", () => target.gate.waiting === 2);
  hangUp.abort();
  await assert.rejects(gone, { name: "AbortError" });
  await eventually("the relay has noticed", () => relay.counts.abandoned === 1);
  target.gate.open();
  assert.deepEqual((await stays).result, { worked: 2 });
  assert.deepEqual((await call(relay.mcpUrl, 3, "work")).result, { worked: 3 });
  assert.equal((await agent.stopped()).code, 0);
  assert.equal(relay.counts.answered, 2);
  assert.equal(relay.counts.late, 1);
  assert.equal(relay.counts.inFlight, 0);
});

Deno.test("a call that its server never answers ends at the connector's deadline, and the next one is served [T-11]", async () => {
  await using relay = await TestRelay.start({ responseTimeoutMs: 800 });
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${Deno.execPath()} run -A --no-check --quiet ${CHILD} plain`],
  });
  await handshake(relay.mcpUrl);
  assert.deepEqual((await call(relay.mcpUrl, 1, "echo", { n: 1 })).result, { n: 1 });
  const never = await call(relay.mcpUrl, 2, "hold");
  assert.equal(never.status, 504);
  assert.equal((never.error as unknown as { code: string }).code, "tunnel_response_timeout");
  assert.deepEqual((await call(relay.mcpUrl, 3, "echo", { n: 3 })).result, { n: 3 });
  // It was the same child all the time, and what it says too late reaches nobody.
  assert.equal((await call(relay.mcpUrl, 4, "release")).result, "released");
  assert.deepEqual((await call(relay.mcpUrl, 2, "echo", { n: 2 })).result, { n: 2 });
  assert.equal(await agent.metric("mcp_stdio_restarts_total"), 0);
  assert.equal((await agent.stopped()).code, 0);
  const [stopped] = agent.events("tunnel-client stopped");
  // The handshake makes one call and one notification.
  assert.equal(stopped?.received, 5 + 2);
  assert.equal(stopped?.expired, 1);
  assert.equal(stopped?.answered, 4 + 1);
});

Deno.test("each channel of the URL leads to its own server; one that is not bound is refused", async () => {
  await using main = new Target((arrival) => result(arrival, "main"));
  await using extra = new Target((arrival) => result(arrival, "extra"));
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${main.url}`, `--mcp.server-url=channel=extra,url=${extra.url}`],
  });
  for (const [path, server] of [["", "main"], ["/main", "main"], ["/extra", "extra"], ["/EXTRA", "extra"]]) {
    assert.equal((await call(relay.mcpUrl + path, 1, "who")).result, server);
  }
  const refused = await call(`${relay.mcpUrl}/nobody`, 7, "who");
  assert.equal(refused.status, 400);
  assert.equal(refused.id, 7);
  assert.ok(refused.error);
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});
