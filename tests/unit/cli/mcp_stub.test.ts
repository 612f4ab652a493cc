import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/client";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { runCli, startCli } from "../../support/cli_process.ts";

const IS_WINDOWS = Deno.build.os === "windows";

Deno.test("dev mcp-stub tells its URLs, serves, and ends with 0 on SIGTERM [V-1, V-2]", {
  ignore: IS_WINDOWS,
}, async () => {
  const stub = startCli(["dev", "mcp-stub", "--server-name", "my stub", "--server-version=7"]);
  const greeting = await stub.untilStdout(/uppercase.*\n/);
  const base = /listening on (http:\/\/127\.0\.0\.1:\d+)\n/.exec(greeting)![1]!;
  for (
    const path of [
      "/mcp",
      "/.well-known/oauth-protected-resource/mcp",
      "/.well-known/oauth-authorization-server",
    ]
  ) {
    assert.ok(greeting.includes(`${base}${path}\n`), path);
  }
  for (
    const text of [
      "demo MCP/OAuth endpoints",
      "separate",
      "server_info",
      "hello from tunnel-client",
      "openai tunnel",
    ]
  ) {
    assert.ok(greeting.includes(text), text);
  }
  const client = new Client({ name: "tester", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${base}/mcp`)));
  assert.deepEqual(client.getServerVersion(), { name: "my stub", version: "7" });
  const { tools } = await client.listTools();
  assert.equal(tools.length, 3);
  // The client's stream is still open: it must not hold up the stop.
  const startedMs = performance.now();
  const { code, stderr } = await stub.stop("SIGTERM");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.ok(performance.now() - startedMs < 4_000);
  await client.close();
});

Deno.test(
  "dev mcp-stub ends with 0 on SIGINT; blank flags mean the defaults [V-1]",
  { ignore: IS_WINDOWS },
  async () => {
    const stub = startCli(["dev", "mcp-stub", "--listen-addr=", "--server-name", " "]);
    const greeting = await stub.untilStdout(/listening on \S+\n/);
    assert.match(greeting, /http:\/\/127\.0\.0\.1:\d+/);
    const { code } = await stub.stop("SIGINT");
    assert.equal(code, 0);
  },
);

Deno.test("dev mcp-stub on a port that is taken fails with 1 and says so [V-1]", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${taken.addr.port}`;
  const { code, stdout, stderr } = await runCli(["dev", "mcp-stub", "--listen-addr", address]);
  taken.close();
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, new RegExp(`^listen on "${address}": address already in use; .*\\n$`));
});

Deno.test("dev mcp-stub on an address that is not ours fails with 1 and a bare line [V-1]", async () => {
  const { code, stdout, stderr } = await runCli(["dev", "mcp-stub", "--listen-addr", "192.0.2.1:0"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^listen on "192\.0\.2\.1:0": .*\n$/);
});
