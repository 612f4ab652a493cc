import assert from "node:assert/strict";
import { startStubServer } from "../../../src/stub/mod.ts";
import { Folder } from "../../support/e2e_folder.ts";
import { json, Target } from "../../support/e2e_target.ts";
import { makePki } from "../../support/net_pki.ts";
import { startServer, unusedPort } from "../../support/net_servers.ts";
import { ask, assertExplained, checkOf, smallServer, told } from "../../support/doctor_ask.ts";
import { MetadataPlane } from "../../support/doctor_control_plane.ts";

/** Asks with a control plane that is well. */
async function askWell(args: readonly string[]) {
  await using plane = new MetadataPlane();
  const report = await ask([`--control-plane.base-url=${plane.url}`, ...args]);
  assertExplained(report);
  return report;
}

/** A server that answers every request in the same way. */
function serving(
  answer: (request: Request) => Response,
): Deno.HttpServer<Deno.NetAddr> & { readonly url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, answer);
  return Object.assign(server, { url: `http://127.0.0.1:${server.addr.port}/mcp` });
}

Deno.test("a command is looked at, started, greeted and asked for all pages of its tools; then it is gone", async () => {
  const report = await askWell([`--mcp.command=${smallServer("pages")}`]);
  assert.equal(told(report, "mcp_command_executable"), `PASS ${Deno.execPath()}`);
  assert.equal(told(report, "mcp_server_reachable"), "SKIP main is a command, not a URL");
  assert.equal(told(report, "oauth_metadata"), "SKIP main is a command, not a URL");
  assert.equal(told(report, "mcp_handshake"), "PASS small 1 speaks MCP 2025-06-18");
  assert.equal(told(report, "mcp_tools"), "PASS 3 tools");
  assert.deepEqual(checkOf(report, "mcp_tools").hops?.map(({ name }) => name), [
    "tools/list",
    "tools/list, page 2",
  ]);
  assert.match(
    told(report, "permissions"),
    /^PASS the agent may reach 1 address, [12] programs?, and nothing else$/,
  );
  assert.ok(checkOf(report, "permissions").evidence?.includes(`run ${Deno.execPath()}`));
});

Deno.test("a command that dies tells its last words, without what looks like a secret", async () => {
  const report = await askWell([`--mcp.command=${smallServer("die", "token=sk-abcdefghij0123456789")}`]);
  assert.match(told(report, "mcp_handshake"), /^FAIL .*exited with code 7/);
  const { evidence = [] } = checkOf(report, "mcp_handshake");
  assert.ok(
    evidence.some((line) => line.startsWith("last words on stderr: cannot open the database")),
    evidence.join("\n"),
  );
  assert.ok(!JSON.stringify(report).includes("sk-abcdefghij0123456789"));
  assert.equal(checkOf(report, "mcp_tools").status, "SKIP");
});

Deno.test("a command that cannot be started fails before it is started", async () => {
  const report = await askWell(["--mcp.command=/nowhere/server --stdio"]);
  assert.match(told(report, "mcp_command_executable"), /^FAIL .*\/nowhere\/server/);
  assert.equal(told(report, "mcp_handshake"), "SKIP not asked: the command cannot be started");
});

Deno.test("no tools are a warning, a refused list is a failure", async () => {
  assert.equal(
    told(await askWell([`--mcp.command=${smallServer("no-tools")}`]), "mcp_tools"),
    "WARN the server has no tools",
  );
  const refused = await askWell([`--mcp.command=${smallServer("refuses-tools")}`]);
  assert.equal(told(refused, "mcp_tools"), "FAIL tools/list: refused with JSON-RPC error -32000");
});

Deno.test("a server over HTTP is reached, greeted and asked for its tools and its metadata", async () => {
  await using stub = disposable(startStubServer({ listenAddr: "127.0.0.1:0", name: "demo", version: "3" }));
  const report = await askWell([`--mcp.server-url=${stub.server.mcpUrl}?token=walnut-65-secret`]);
  assert.match(told(report, "mcp_server_reachable"), /^PASS HTTP \d+ from http:\/\/127\.0\.0\.1:\d+\/mcp$/);
  assert.equal(told(report, "oauth_metadata"), `PASS HTTP 200 from ${stub.server.protectedResourceUrl}`);
  assert.equal(told(report, "mcp_handshake"), "PASS demo 3 speaks MCP 2025-06-18");
  assert.equal(told(report, "mcp_tools"), "PASS 3 tools");
  assert.equal(told(report, "mcp_target"), `PASS ${stub.server.mcpUrl}`);
  assert.ok(!JSON.stringify(report).includes("walnut-65-secret"), "the query stays here");
  assert.ok(!report.checks.some(({ id }) => id === "mcp_command_executable"), "there is no command");
});

Deno.test("a server that wants a token is well: its callers bring one [PB-3]", async () => {
  await using server = serving((request) => {
    if (request.url.includes("/.well-known/")) return Response.json({ resource: "https://wiki.example" });
    const origin = new URL(request.url).origin;
    const challenge = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`;
    return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
  });
  const report = await askWell([`--mcp.server-url=${server.url}`]);
  assert.equal(
    told(report, "mcp_handshake"),
    "PASS asks for authorization (401): callers bring their own token",
  );
  assert.equal(checkOf(report, "mcp_tools").status, "SKIP");
  assert.match(told(report, "oauth_metadata"), /^PASS HTTP 200 from /);
  assert.match(told(report, "mcp_server_reachable"), /^PASS HTTP 401 from /);
});

Deno.test("metadata that is broken fails, metadata that nobody has passes [D-14]", async () => {
  const oauth = async (answer: (path: string, origin: string) => Response) => {
    await using server = serving((request) => {
      const { pathname, origin } = new URL(request.url);
      return answer(pathname, origin);
    });
    return told(await askWell([`--mcp.server-url=${server.url}`]), "oauth_metadata");
  };
  const missing = () => new Response("no\n", { status: 404 });
  assert.equal(await oauth(missing), "PASS not advertised (404 everywhere)");
  assert.match(
    await oauth((path) => path.endsWith("resource/mcp") ? json("{}") : missing()),
    /^FAIL invalid metadata: /,
  );
  assert.match(
    await oauth((path) => path.endsWith("resource") ? new Response("x", { status: 500 }) : missing()),
    /^FAIL invalid metadata: /,
  );
  assert.match(
    await oauth((path) => {
      if (path.endsWith("resource/mcp")) return new Response("x", { status: 502 });
      return path.endsWith("resource") ? json('{"resource":"https://x.example"}') : missing();
    }),
    /^PASS HTTP 200 from .*\/oauth-protected-resource$/,
  );
  assert.match(
    await oauth((path, origin) => {
      if (path !== "/mcp") return missing();
      const challenge = `Bearer resource_metadata="${origin}/elsewhere"`;
      return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    }),
    /^FAIL /,
    "it says where it is, and there it is not",
  );
});

Deno.test("something that is no MCP server is reached and not greeted", async () => {
  await using server = serving(() =>
    new Response("<html>hello</html>", { headers: { "content-type": "text/html" } })
  );
  const report = await askWell([`--mcp.server-url=${server.url}`]);
  assert.equal(checkOf(report, "mcp_server_reachable").status, "PASS");
  const { status, next = [] } = checkOf(report, "mcp_handshake");
  assert.equal(status, "FAIL");
  assert.match(next[0] ?? "", /no MCP server/);
});

Deno.test("an open port without HTTP counts as reached, a closed one does not [D-13]", async () => {
  await using raw = startServer((peer) => peer.send("220 mail ready\r\n"));
  const mute = await askWell([`--mcp.server-url=${raw.origin}/mcp`]);
  assert.match(told(mute, "mcp_server_reachable"), /^PASS TCP connect succeeded to /);
  assert.equal(checkOf(mute, "mcp_handshake").status, "FAIL");
  const closed = await askWell([`--mcp.server-url=http://127.0.0.1:${unusedPort()}/mcp`]);
  assert.match(told(closed, "mcp_server_reachable"), /^FAIL .*refused/);
  assert.equal(checkOf(closed, "mcp_handshake").status, "FAIL");
});

Deno.test("every other channel is greeted, too, and one that fails is named", async () => {
  await using target = new Target(({ message }) =>
    json(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: { tools: [] } }))
  );
  const well = await askWell([
    `--mcp.command=${smallServer()}`,
    `--mcp.server-url=channel=wiki,url=${target.url}`,
    `--mcp.command=channel=tools,command=${smallServer("pages")}`,
  ]);
  assert.equal(told(well, "mcp_channels"), "PASS 2 of 2 answer");
  assert.deepEqual(
    checkOf(well, "mcp_channels").evidence?.map((line) => line.replace(/ \(.*?\)/, "")).sort(),
    [
      "channel tools: small 1 speaks MCP 2025-06-18, 3 tools",
      "channel wiki: target 1 speaks MCP 2025-06-18, 0 tools",
    ],
  );
  const bad = await askWell([
    `--mcp.command=${smallServer()}`,
    `--mcp.command=channel=tools,command=${smallServer("die")}`,
  ]);
  assert.match(told(bad, "mcp_channels"), /^FAIL channel tools \(.*\): .*exited with code 7/);
});

Deno.test("without main its checks are left out [D-8]", async () => {
  const report = await askWell([
    `--mcp.command=channel=tools,command=${smallServer()}`,
    "--control-plane.poll-channel=tools",
  ]);
  const ids = report.checks.map(({ id }) => id).filter((id) => /^(?:mcp|oauth)_/.test(id));
  assert.deepEqual(ids, ["mcp_channels"]);
});

/** A stub server that ends with its test. */
function disposable(server: ReturnType<typeof startStubServer>) {
  return { server, [Symbol.asyncDispose]: () => server.stop() };
}

Deno.test("a server of the stateless form is greeted in its own way", async () => {
  const methods: string[] = [];
  await using modern = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      if (request.method !== "POST") return new Response(null, { status: 405 });
      const text = await request.text();
      if (text === "") return new Response(null, { status: 400 });
      const { id, method, params } = JSON.parse(text);
      methods.push(method);
      if (method === "server/discover") {
        const info = { "io.modelcontextprotocol/serverInfo": { name: "modern", version: "9" } };
        const result = { supportedVersions: ["2026-07-28"], capabilities: {}, _meta: info };
        return json(JSON.stringify({ jsonrpc: "2.0", id, result }));
      }
      const isStateless = params?._meta?.["io.modelcontextprotocol/protocolVersion"] === "2026-07-28" &&
        request.headers.get("mcp-method") === "tools/list";
      if (method === "tools/list" && isStateless) {
        return json(JSON.stringify({ jsonrpc: "2.0", id, result: { tools: [{ name: "one" }] } }));
      }
      return json(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no" } }), 400);
    },
  );
  const report = await askWell([`--mcp.server-url=http://127.0.0.1:${modern.addr.port}/mcp`]);
  assert.equal(told(report, "mcp_handshake"), "PASS modern 9 speaks MCP 2026-07-28");
  assert.equal(told(report, "mcp_tools"), "PASS 1 tool");
  assert.deepEqual(methods, ["initialize", "server/discover", "tools/list"]);
});

Deno.test("a server behind a socket, and one with a private certificate, are asked as a run asks them [D-12]", async () => {
  await using folder = new Folder();
  await using pki = await makePki();
  const answer = async (request: Request) => {
    const text = await request.text();
    const { id, method } = text === "" ? { id: undefined, method: "" } : JSON.parse(text);
    if (id === undefined) return new Response(null, { status: text === "" ? 404 : 202 });
    const result = method === "initialize"
      ? { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "hidden", version: "1" } }
      : { tools: [{ name: "one" }] };
    return json(JSON.stringify({ jsonrpc: "2.0", id, result }));
  };
  const path = folder.file("mcp.sock");
  await using socket = Deno.serve({ path, onListen: () => undefined }, answer);
  const behind = await askWell([`--mcp.server-url=url=http://mcp.invalid/mcp,unix-socket=${path}`]);
  assert.equal(told(behind, "mcp_handshake"), "PASS hidden 1 speaks MCP 2025-06-18");
  assert.equal(told(behind, "oauth_metadata"), "PASS not advertised (404 everywhere)");
  assert.ok(checkOf(behind, "permissions").evidence?.includes(`socket ${path}`));
  await socket.shutdown();

  const options = { hostname: "127.0.0.1", port: 0, onListen: () => undefined };
  await using secure = Deno.serve({ ...options, cert: pki.good.cert, key: pki.good.key }, answer);
  const url = `--mcp.server-url=https://localhost:${secure.addr.port}/mcp`;
  const trusted = await askWell([url, `--ca-bundle=${pki.folder}/authority.pem`]);
  assert.equal(told(trusted, "mcp_tools"), "PASS 1 tool");
  const strange = await askWell([url]);
  assert.match(told(strange, "mcp_server_reachable"), /^PASS TCP connect succeeded to /);
  assert.equal(checkOf(strange, "mcp_handshake").status, "FAIL");
  assert.match(checkOf(strange, "mcp_handshake").next?.[0] ?? "", /--ca-bundle/);
});
