import assert from "node:assert/strict";
import { InvalidValueError, parseListenAddress, parseLogLevel } from "../../../src/config/mod.ts";
import { load, problemsOf, type TestSources } from "../../support/config_sources.ts";

const LEVELS: ReadonlyArray<[text: string, level: string]> = [
  ["debug", "debug"],
  ["INFO", "info"],
  ["Warn", "warn"],
  ["error", "error"],
  ["debug-2", "debug"],
  ["debug+1", "info"],
  ["info-4", "debug"],
  ["info+1", "warn"],
  ["warn+1", "error"],
  ["error+9", "error"],
];
for (const [text, level] of LEVELS) {
  Deno.test(`parseLogLevel() reads ${text} as ${level} [CFG-90]`, () =>
    assert.equal(parseLogLevel(text), level));
}
for (const text of ["", "warning", " info", "info ", "trace", "info+", "info1", "0"]) {
  Deno.test(`parseLogLevel() refuses ${JSON.stringify(text)} [CFG-90]`, () => {
    assert.throws(() => parseLogLevel(text), InvalidValueError);
  });
}

const LOGS: ReadonlyArray<[what: string, flags: Record<string, string>, log: unknown]> = [
  ["nothing", {}, { level: "info", format: "plain", file: "" }],
  ["a file", { "log.file": "/l" }, { level: "info", format: "struct-text", file: "/l" }],
  ["a file and a level", { "log.file": "/l", "log.level": "debug" }, {
    level: "debug",
    format: "struct-text",
    file: "/l",
  }],
  ["a format", { "log.format": "JSON" }, { level: "info", format: "json", file: "" }],
  ["all", { "log.format": "json", "log.file": "/l", "log.level": "WARN" }, {
    level: "warn",
    format: "json",
    file: "/l",
  }],
  ["the level that needs no format", { "log.level": "INFO" }, { level: "info", format: "plain", file: "" }],
];
for (const [what, flags, log] of LOGS) {
  Deno.test(`logging with ${what} [CFG-91, CFG-92]`, () => {
    assert.deepEqual({ ...load({ flags }).log }, { ...log as object, httpRawUnsafe: false });
  });
}

interface Wrong extends TestSources {
  readonly what: string;
  readonly rule: string;
  readonly message: RegExp;
  readonly code: string;
}
const WRONG: readonly Wrong[] = [
  {
    what: "log level warning",
    rule: "CFG-90",
    flags: { "log.level": "warning", "log.format": "json" },
    message: /invalid argument "warning" for "--log\.level" flag/,
    code: "invalid_value",
  },
  {
    what: "log level in the variable",
    rule: "CFG-90",
    env: { LOG_LEVEL: "loud" },
    message: /invalid value "loud" for LOG_LEVEL/,
    code: "invalid_value",
  },
  {
    what: "log format xml",
    rule: "CFG-91",
    flags: { "log.format": "xml" },
    message: /unsupported log format "xml" \(--log\.format\)/,
    code: "invalid_value",
  },
  {
    what: "debug without format",
    rule: "CFG-92",
    env: { LOG_LEVEL: "debug" },
    message: /log level requires .*LOG_LEVEL is "debug"/,
    code: "conflict",
  },
  {
    what: "sandbox maybe",
    rule: "issue 3",
    flags: { sandbox: "maybe" },
    message: /unsupported sandbox "maybe"/,
    code: "invalid_value",
  },
  {
    what: "a negative drain timeout",
    rule: "issue 3",
    flags: { "shutdown.drain-timeout": "-1s" },
    message: /shutdown\.drain-timeout must not be negative/,
    code: "out_of_range",
  },
  {
    what: "a negative startup wait",
    rule: "CH-13",
    env: { MCP_STARTUP_WAIT_TIMEOUT: "-1s" },
    message: /mcp\.startup-wait-timeout must not be negative: MCP_STARTUP_WAIT_TIMEOUT is "-1s"/,
    code: "out_of_range",
  },
  {
    what: "a connection TTL of 0",
    rule: "CH-13",
    flags: { "mcp.connection-max-ttl": "0" },
    message: /mcp\.connection-max-ttl must be greater than zero/,
    code: "out_of_range",
  },
  {
    what: "no concurrent requests",
    rule: "CH-13",
    flags: { "mcp.max-concurrent-requests": "0" },
    message: /mcp\.max-concurrent-requests must be greater than zero/,
    code: "out_of_range",
  },
  {
    what: "stdio concurrency -1",
    rule: "issue 3",
    flags: { "mcp.stdio-concurrency": "-1" },
    message: /mcp\.stdio-concurrency must be greater than zero/,
    code: "out_of_range",
  },
  {
    what: "a TTL in days",
    rule: "CFG-15",
    flags: { "mcp.connection-max-ttl": "1d" },
    message: /invalid argument "1d" for "--mcp\.connection-max-ttl" flag: not a duration/,
    code: "invalid_value",
  },
  {
    what: "a listen address without port",
    rule: "CFG-97",
    flags: { "health.listen-addr": "localhost" },
    message: /"localhost" .*not a listen address/,
    code: "invalid_value",
  },
];
for (const { what, rule, message, code, ...sources } of WRONG) {
  Deno.test(`${what} is refused [${rule}]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.message, message);
    assert.equal(problems[0]!.code, code);
    assert.notEqual(problems[0]!.suggestion, "");
  });
}

Deno.test("with a Unix socket the listen address is ignored, a wrong one included [CFG-98]", () => {
  const { health } = load({ flags: { "health.unix-socket": "/s" }, env: { HEALTH_LISTEN_ADDR: "nonsense" } });
  assert.equal(health.unixSocket, "/s");
});

const ADDRESSES: ReadonlyArray<[text: string, hostname: string, port: number]> = [
  ["127.0.0.1:8080", "127.0.0.1", 8080],
  [":0", "", 0],
  ["localhost:65535", "localhost", 65535],
  ["[::1]:1", "::1", 1],
  ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
];
for (const [text, hostname, port] of ADDRESSES) {
  Deno.test(`parseListenAddress() reads ${text} [CFG-97]`, () => {
    assert.deepEqual(parseListenAddress(text), { hostname, port });
  });
}
for (
  const text of [
    "",
    "8080",
    "h",
    "h:",
    "h:x",
    "h:65536",
    "::1:80",
    "http://h:1",
    "h:1/",
    "h :1",
    "[::1]",
    "u@h:1",
  ]
) {
  Deno.test(`parseListenAddress() refuses ${JSON.stringify(text)} [CFG-97]`, () => {
    assert.throws(() => parseListenAddress(text), InvalidValueError);
  });
}
