import assert from "node:assert/strict";
import { DEMO_FLAGS, demoOptions } from "../../../src/cli/demo_options.ts";
import { HEALTH_FLAGS, type HealthOptions, healthOptions } from "../../../src/cli/health_options.ts";
import { RELAY_FLAGS, relayFlags } from "../../../src/cli/relay_flags.ts";
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
    profileFlags: {},
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
    "--profile=p",
    "--profile-dir=/d",
    "--backend=go",
    "--engine-queue-backend=inmem",
    "--engine-redis-url=redis://h/",
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
    profileFlags: { "profile": ["p"], "profile-dir": ["/d"] },
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
  [[], /^set --mcp-server-url, --mcp-command, --profile, or --profile-file/],
  [["--mcp-command="], /^set --mcp-server-url, --mcp-command, --profile, or --profile-file/],
  [["--profile-dir=/d"], /^set --mcp-server-url, --mcp-command, --profile, or --profile-file/],
  [["--profile=a", "--profile-file=b"], /^--profile and --profile-file are mutually exclusive$/],
  [[...TARGET, "--backend=c"], /^unknown local proxy backend "c"/],
  [[...TARGET, "--backend=rust"], /^rust local proxy backend is unavailable in this build/],
  [[...TARGET, "--engine-queue-backend=x"], /^unknown engine queue backend "x"/],
  [[...TARGET, "--engine-queue-backend=redis"], /^engine queue backend redis needs the rust backend/],
  [
    [...TARGET, "--backend=go", "--engine-queue-backend=redis"],
    /^engine queue backend redis is not supported by the go backend/,
  ],
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
  const defaults = { listenAddr: "127.0.0.1:0", name: "mcp-stub", version: "0.1.0", json: false };
  assert.deepEqual(stub(), defaults);
  assert.deepEqual(stub("--listen-addr=", "--server-name= ", "--server-version="), defaults);
  assert.deepEqual(stub("--listen-addr=:1", "--server-name=n", "--server-version=2", "--json"), {
    listenAddr: ":1",
    name: "n",
    version: "2",
    json: true,
  });
});

const LOCATOR = { locator: { kind: "port", port: 8080 } } as const;
const health = (...args: string[]) => healthOptions(parseFlags(HEALTH_FLAGS, args).flags);
const ASKED: ReadonlyArray<[args: string[], options: Partial<HealthOptions>]> = [
  [["--port=8080"], { ...LOCATOR, requirePoll: false, maxPollAgeMs: 0, waitMs: 0, json: false }],
  [["--url= http://h/ "], { locator: { kind: "url", url: " http://h/ " } }],
  [["--url-file", "/f"], { locator: { kind: "url_file", urlFile: "/f" } }],
  [["--unix-socket", "/s"], { locator: { kind: "unix_socket", unixSocket: "/s" } }],
  [["--url-file", "", "--port", "0x1f90"], LOCATOR],
  [["--port=8080", "--pid=7", "--json"], { ...LOCATOR, pid: 7, json: true }],
  [["--port=8080", "--pid-file=/p"], { ...LOCATOR, pidFile: "/p" }],
  [["--port=8080", "--require-control-plane-poll"], { requirePoll: true, maxPollAgeMs: 0 }],
  [["--port=8080", "--max-poll-age=1m"], { requirePoll: true, maxPollAgeMs: 60_000 }],
  [["--port=8080", "--wait=5s"], { waitMs: 5_000 }],
];
for (const [args, wanted] of ASKED) {
  Deno.test(`health ${args.join(" ")} is read [H-1]`, () => {
    const options = health(...args);
    assert.deepEqual({ ...options, ...wanted }, options);
  });
}

const NOT_ASKED: ReadonlyArray<[args: string[], message: RegExp]> = [
  [[], /^choose exactly one of --url, --url-file, or --port/],
  [["--port=0"], /^choose exactly one of --url, --url-file, or --port/],
  [["--port=1", "--url=http://h"], /^choose exactly one of --url, --url-file, or --port/],
  [["--url-file=/f", "--unix-socket=/s"], /^choose exactly one of --url, --url-file, or --port/],
  [["--port=-1"], /^--port must not be negative$/],
  [["--port=65536"], /^--port must be at most 65535$/],
  [["--port=1", "--pid=-1"], /^--pid must not be negative$/],
  [["--port=1", "--pid=1", "--pid-file=/p"], /^choose at most one of --pid and --pid-file$/],
  [["--port=1", "--wait=-1s"], /^--wait must not be negative$/],
  [["--port=many"], /^invalid argument "many" for "--port" flag/],
];
for (const [args, message] of NOT_ASKED) {
  Deno.test(`health ${args.join(" ")} is refused [H-1]`, () => {
    assert.throws(
      () => health(...args),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

const relay = (...args: string[]) => relayFlags(parseFlags(RELAY_FLAGS, args).flags);

Deno.test("relay has its defaults, and reads every flag", () => {
  const defaults = {
    listen: { hostname: "127.0.0.1", port: 0 },
    tunnelIds: [],
    tunnelsFile: "",
    apiKey: "",
    apiKeyFile: "",
    connectorKey: "",
    urlFile: "",
    printJson: false,
    responseTimeoutMs: 30_000,
    clientLastSeenTimeoutMs: 20_000,
    maxPollWaitMs: 60_000,
    maxQueued: 1024,
    maxRequestBytes: 32 * 1024 * 1024,
    maxResponseBytes: 64 * 1024 * 1024,
    emptyPoll: 204,
    isLenient: false,
    sendResponseTimeout: true,
    allowedHosts: [],
    publicUrl: "",
    logLevel: "info",
    logFormat: "plain",
  };
  assert.deepEqual({ ...relay(), ...defaults }, relay());
  const options = relay(
    "--listen=:9",
    "--tunnel-id=a",
    "--tunnel-id=b",
    "--response-timeout=1s",
    "--max-queued=1_000",
    "--empty-poll=200",
    "--lenient",
    "--no-send-response-timeout",
    "--json",
    "--log-level=WARN",
    "--log-format=json",
  );
  assert.deepEqual(options.listen, { hostname: "", port: 9 });
  assert.deepEqual(options.tunnelIds, ["a", "b"]);
  assert.deepEqual([options.responseTimeoutMs, options.maxQueued, options.emptyPoll], [1_000, 1_000, 200]);
  assert.deepEqual([options.isLenient, options.sendResponseTimeout, options.printJson], [true, false, true]);
  assert.deepEqual([options.logLevel, options.logFormat], ["warn", "json"]);
});

const NO_RELAY: ReadonlyArray<[args: string[], message: RegExp]> = [
  [["--empty-poll=404"], /^invalid argument "404" for "--empty-poll" flag: use 204 or 200$/],
  [["--max-queued=0"], /^invalid argument "0" for "--max-queued" flag: it is below 1; use a whole number/],
  [["--response-timeout=0s"], /^invalid argument "0s" for "--response-timeout" flag: it is not above 0/],
  [["--listen=nonsense"], /^invalid argument "nonsense" for "--listen" flag: .*host:port/],
  [["--log-level=loud"], /^invalid argument "loud" for "--log-level" flag: /],
];
for (const [args, message] of NO_RELAY) {
  Deno.test(`relay ${args.join(" ")} is refused [C-7]`, () => {
    assert.throws(
      () => relay(...args),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}
