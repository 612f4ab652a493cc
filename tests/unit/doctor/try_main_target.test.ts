import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadConfiguration } from "../../../src/config/mod.ts";
import { tryMainTarget } from "../../../src/doctor/mod.ts";

const CHILD = fileURLToPath(new URL("../../support/stdio_child.ts", import.meta.url));

async function tried(flag: "mcp.command" | "mcp.server-url", value: string) {
  const env = { ...Deno.env.toObject(), CONTROL_PLANE_API_KEY: "unused" };
  const loaded = await loadConfiguration({
    flags: { [flag]: [value], "control-plane.tunnel-id": [`tunnel_${"0".repeat(32)}`] },
    env,
    readTextFile: Deno.readTextFileSync,
  });
  return await tryMainTarget(loaded, env, new AbortController().signal);
}

Deno.test("tryMainTarget() completes a handshake with a command and leaves nothing running", async () => {
  const command = `${Deno.execPath()} run -A --no-lock --no-check ${CHILD}`;
  assert.deepEqual(await tried("mcp.command", command), { outcome: "ok", detail: "scripted" });
});

Deno.test("tryMainTarget() says why a command is no MCP server", async () => {
  const refusing = `${Deno.execPath()} run -A --no-lock --no-check ${CHILD} refuse-initialize`;
  assert.deepEqual(await tried("mcp.command", refusing), {
    outcome: "failed",
    detail: "initialize was refused with JSON-RPC error -32000",
  });
  const dying = await tried("mcp.command", `${Deno.execPath()} --version`);
  assert.equal(dying.outcome, "failed");
  assert.match(dying.detail, /exit|ended/);
  const missing = await tried("mcp.command", "/nope/server");
  assert.match(missing.detail, /does not exist/);
});

Deno.test("tryMainTarget() reaches an HTTP server, and tells one that wants a token from one that is not there", async () => {
  let status = 200;
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
    async (request) => {
      const text = await request.text();
      if (status !== 200) return new Response("no", { status });
      if (!text.includes('"initialize"')) return new Response(null, { status: 202 });
      const { id } = JSON.parse(text);
      return Response.json({
        jsonrpc: "2.0",
        id,
        result: { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "x", version: "1" } },
      });
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/mcp`;
  assert.deepEqual(await tried("mcp.server-url", url), { outcome: "ok", detail: "x" });
  status = 401;
  assert.equal((await tried("mcp.server-url", url)).outcome, "auth-required");
  status = 500;
  assert.equal((await tried("mcp.server-url", url)).outcome, "failed");
  const refused = await tried("mcp.server-url", "http://127.0.0.1:1/secret-path");
  assert.equal(refused.outcome, "failed");
  assert.match(refused.detail, /127\.0\.0\.1:1/);
  assert.doesNotMatch(refused.detail, /secret-path/);
});
