import assert from "node:assert/strict";
import { DEMO_FLAGS, demoOptions } from "../../../src/cli/demo_options.ts";
import { DEV_PROXY_FLAGS, devProxyOptions } from "../../../src/cli/dev_proxy_options.ts";
import { MCP_STUB_FLAGS, mcpStubOptions } from "../../../src/cli/mcp_stub_options.ts";
import { parseFlags, UsageError } from "../../../src/config/mod.ts";

const proxy = (...args: string[]) => devProxyOptions(parseFlags(DEV_PROXY_FLAGS, args).flags);
const TARGET = ["--mcp-server-url", "http://h/"] as const;

Deno.test("dev proxy has the defaults of the specification [section 9.2]", () => {
  assert.deepEqual(proxy(...TARGET), {
    listenAddr: "127.0.0.1:0",
    listenUnixSocket: "",
    tunnelId: `tunnel_${"2".repeat(32)}`,
    mcpServerUrls: ["http://h/"],
    mcpCommands: [],
    healthListenAddr: "",
    healthUrlFile: "",
    urlFile: "",
    printJson: false,
    durationMs: 0,
    readinessTimeoutMs: 10_000,
    responseTimeoutMs: 30_000,
    clientLastSeenTimeoutMs: 20_000,
  });
});

Deno.test("dev proxy reads every flag [section 9.2]", () => {
  const id = `tunnel_${"a".repeat(32)}`;
  const options = proxy(
    "--listen=127.0.0.1:9",
    `--tunnel-id=${id}`,
    "--mcp-server-url=channel=a,url=http://a/",
    "--mcp-server-url=http://b/",
    "--mcp-command=channel=c,command=x",
    "--health-listen-addr=127.0.0.1:8",
    "--health-url-file=/h",
    "--url-file=/u",
    "--print-json",
    "--duration=1m",
    "--readiness-timeout=1s",
    "--response-timeout=2s",
    "--client-last-seen-timeout=3s",
  );
  assert.deepEqual(options, {
    listenAddr: "127.0.0.1:9",
    listenUnixSocket: "",
    tunnelId: id,
    mcpServerUrls: ["channel=a,url=http://a/", "http://b/"],
    mcpCommands: ["channel=c,command=x"],
    healthListenAddr: "127.0.0.1:8",
    healthUrlFile: "/h",
    urlFile: "/u",
    printJson: true,
    durationMs: 60_000,
    readinessTimeoutMs: 1_000,
    responseTimeoutMs: 2_000,
    clientLastSeenTimeoutMs: 3_000,
  });
});

Deno.test("dev proxy takes timeouts of nothing, zero or less as the default [V-6]", () => {
  const options = proxy(...TARGET, "--duration=-1s", "--readiness-timeout=0", "--response-timeout=-5s");
  assert.deepEqual([options.durationMs, options.readinessTimeoutMs, options.responseTimeoutMs], [
    0,
    10_000,
    30_000,
  ]);
});

Deno.test("a health URL file implies a health listener [section 9.2]", () => {
  assert.equal(proxy(...TARGET, "--health-url-file", "/h").healthListenAddr, "127.0.0.1:0");
});

Deno.test("a Unix ingress takes the place of the TCP address [section 9.2]", () => {
  const options = proxy(...TARGET, "--listen-unix-socket", "/s");
  assert.deepEqual([options.listenAddr, options.listenUnixSocket], ["", "/s"]);
});

const WRONG: ReadonlyArray<[args: string[], message: RegExp]> = [
  [[], /^set --mcp-server-url or --mcp-command/],
  [["--mcp-command="], /^set --mcp-server-url or --mcp-command/],
  [
    [...TARGET, "--listen", "", "--listen-unix-socket", "/s"],
    /--listen and --listen-unix-socket are mutually exclusive/,
  ],
  [[...TARGET, "--tunnel-id", "tunnel_X"], /^invalid tunnel ID "tunnel_X" \(--tunnel-id\)/],
  [[...TARGET, "--duration", "5"], /^invalid argument "5" for "--duration" flag/],
];
for (const [args, message] of WRONG) {
  Deno.test(`dev proxy ${args.join(" ")} is refused [V-6]`, () => {
    assert.throws(
      () => proxy(...args),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

Deno.test("demo has two switches", () => {
  const demo = (...args: string[]) => demoOptions(parseFlags(DEMO_FLAGS, args).flags);
  assert.deepEqual(demo(), { once: false, json: false });
  assert.deepEqual(demo("--once", "--json"), { once: true, json: true });
  assert.deepEqual(demo("--once", "--once=false"), { once: false, json: false });
});

Deno.test("dev mcp-stub fills blanks with the defaults [V-1]", () => {
  const stub = (...args: string[]) => mcpStubOptions(parseFlags(MCP_STUB_FLAGS, args).flags);
  const defaults = { listenAddr: "127.0.0.1:0", name: "mcp-stub", version: "0.1.0" };
  assert.deepEqual(stub(), defaults);
  assert.deepEqual(stub("--listen-addr=", "--server-name= ", "--server-version="), defaults);
  assert.deepEqual(stub("--listen-addr=:1", "--server-name=n", "--server-version=2"), {
    listenAddr: ":1",
    name: "n",
    version: "2",
  });
});
