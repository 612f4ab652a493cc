import assert from "node:assert/strict";
import { request } from "node:http";
import { startStubServer } from "../../../src/stub/mod.ts";

const OPTIONS = { listenAddr: "127.0.0.1:0", name: "demo", version: "1" };

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
});

/** POSTs with a Host of one's own, which fetch does not allow. */
function postWithHost(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, {
      method: "POST",
      agent: false,
      headers: {
        Host: host,
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
      },
    }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    call.on("error", reject);
    call.end(INITIALIZE);
  });
}

Deno.test("startStubServer() tells where it listens [SB-1]", async () => {
  const server = startStubServer(OPTIONS);
  assert.match(server.baseUrl, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(server.mcpUrl, `${server.baseUrl}/mcp`);
  for (const url of [server.protectedResourceUrl, server.authorizationServerUrl]) {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.match(await response.text(), new RegExp(`"${server.baseUrl}`));
  }
  await server.stop();
});

for (
  const [listenAddr, shape] of [[":0", /^http:\/\/localhost:\d+$/], [
    "[::1]:0",
    /^http:\/\/\[::1\]:\d+$/,
  ]] as const
) {
  Deno.test(`startStubServer() on ${listenAddr} prints a URL that can be called [R-15]`, async () => {
    const server = startStubServer({ ...OPTIONS, listenAddr });
    assert.match(server.baseUrl, shape);
    const response = await fetch(`${server.baseUrl}/jwks`);
    assert.equal(response.status, 200);
    await response.text();
    await server.stop();
  });
}

for (
  const [host, status] of [["evil.example", 403], ["127.0.0.1", 200], ["localhost:1", 200], [
    "[::1]:5",
    200,
  ]] as const
) {
  Deno.test(`a loopback server answers Host ${host} with ${status} [SB-6]`, async () => {
    const server = startStubServer(OPTIONS);
    assert.equal(await postWithHost(server.mcpUrl, host), status);
    await server.stop();
  });
}

Deno.test("a server on all interfaces answers any Host [SB-6]", async () => {
  const server = startStubServer({ ...OPTIONS, listenAddr: "0.0.0.0:0" });
  assert.equal(await postWithHost(server.mcpUrl, "demo.example"), 200);
  await server.stop();
});

Deno.test("startStubServer() throws when the port is taken [V-1]", async () => {
  const server = startStubServer(OPTIONS);
  const { host } = new URL(server.baseUrl);
  assert.throws(() => startStubServer({ ...OPTIONS, listenAddr: host }), Deno.errors.AddrInUse);
  await server.stop();
});

Deno.test("stop() does not wait for idle connections or open streams [R-8]", async () => {
  const server = startStubServer(OPTIONS);
  const idle = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(server.baseUrl).port) });
  await idle.write(new TextEncoder().encode("GET /jwks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
  assert.ok((await idle.read(new Uint8Array(1024)) ?? 0) > 0);
  const headers = { "Content-Type": "application/json", Accept: "application/json, text/event-stream" };
  const opened = await fetch(server.mcpUrl, { method: "POST", headers, body: INITIALIZE });
  await opened.text();
  const session = { "Mcp-Session-Id": opened.headers.get("mcp-session-id")!, Accept: "text/event-stream" };
  const stream = await fetch(server.mcpUrl, { headers: session });
  const startedMs = performance.now();
  await server.stop();
  assert.ok(performance.now() - startedMs < 2_000);
  assert.equal(await stream.text(), "");
  assert.equal(await idle.read(new Uint8Array(1)), null);
  idle.close();
});

Deno.test("stop() may be called twice, and finished settles", async () => {
  const server = startStubServer(OPTIONS);
  await Promise.all([server.stop(), server.stop(), server.finished]);
  await assert.rejects(fetch(server.baseUrl));
});
