import assert from "node:assert/strict";
import {
  ConfigError,
  formatProblem,
  loadRunConfig,
  parseFlags,
  quoteUrl,
  secretNamesOf,
  secretValuesOf,
  UsageError,
} from "../../../src/config/mod.ts";
import { runFlags } from "../../../src/cli/run_flags.ts";
import { load, problemsOf, problemsOfBare, type TestSources } from "../../support/config_sources.ts";

Deno.test("all mistakes are told together, in the order in which the published client would meet them [CFG-108, R-31]", () => {
  const problems = problemsOfBare({
    flags: {
      "sandbox": "x",
      "shutdown.drain-timeout": "x",
      "health.listen-addr": "x",
      "log.format": "x",
      "mcp.discovery-extra-headers": "x",
      "mcp.extra-headers": "x",
      "mcp.stdio-concurrency": "0",
      "mcp.max-concurrent-requests": "0",
      "mcp.startup-wait-timeout": "-1s",
      "mcp.connection-max-ttl": "0",
      "mcp.command": "'",
      "mcp.server-url": "x",
      "control-plane.extra-headers": "x",
      "control-plane.api-key": "x",
      "control-plane.poll-channel": "X",
      "control-plane.poll-deadline-guardrail": "-1s",
      "control-plane.poll-timeout": "0",
      "control-plane.max-inflight": "0",
      "control-plane.organization-id": "a\nb",
      "control-plane.tunnel-id": "x",
      "control-plane.url-path": "x",
      "control-plane.base-url": "x",
    },
  });
  assert.deepEqual(
    problems.map(({ setting }) => setting),
    [
      "control-plane.base-url",
      "control-plane.url-path",
      "control-plane.tunnel-id",
      "control-plane.organization-id",
      "control-plane.max-inflight",
      "control-plane.poll-timeout",
      "control-plane.poll-deadline-guardrail",
      "control-plane.poll-channel",
      "control-plane.api-key",
      "control-plane.extra-headers",
      "mcp.server-url",
      "mcp.command",
      "mcp.connection-max-ttl",
      "mcp.startup-wait-timeout",
      "mcp.max-concurrent-requests",
      "mcp.stdio-concurrency",
      "mcp.extra-headers",
      "mcp.discovery-extra-headers",
      "log.format",
      "health.listen-addr",
      "shutdown.drain-timeout",
      "sandbox",
    ],
  );
});

Deno.test("a missing tunnel ID comes before a missing key, which comes before a missing target [R-31]", () => {
  const problems = problemsOfBare({});
  assert.deepEqual(problems.map(({ message }) => message.split(":", 1)[0]), [
    "tunnel ID is required",
    "control plane API key is required",
    "main channel is required",
  ]);
  assert.deepEqual(new Set(problems.map(({ source }) => source)), new Set(["none"]));
});

Deno.test("the message of a ConfigError is one line per problem", () => {
  const error = new ConfigError(problemsOfBare({}));
  assert.equal(error.message, error.problems.map(formatProblem).join("\n"));
  assert.equal(error.message.split("\n").length, 3);
});

Deno.test("an error names only the source that set the value [CFG-111]", () => {
  const byAlias = problemsOf({
    flags: { "control-plane-base-url": "x" },
    env: { CONTROL_PLANE_BASE_URL: "y" },
  });
  assert.deepEqual([byAlias[0]!.key, byAlias[0]!.source], ["control-plane-base-url", "flag"]);
  assert.doesNotMatch(byAlias[0]!.message, /CONTROL_PLANE_BASE_URL/);
  const byVariable = problemsOf({ env: { MCP_CONNECTION_MAX_TTL: "x" } });
  assert.deepEqual([byVariable[0]!.key, byVariable[0]!.source], ["MCP_CONNECTION_MAX_TTL", "env"]);
  assert.doesNotMatch(byVariable[0]!.message, /--/);
});

/** Every place a secret can stand in, and every way in which that place can be wrong. */
const SECRET = "hunter2-sk-Sup3rSecretValue";
const LEAKS: ReadonlyArray<[what: string, sources: TestSources]> = [
  ["a literal key as flag", { flags: { "control-plane.api-key": SECRET } }],
  ["a malformed key", { env: { CONTROL_PLANE_API_KEY: `${SECRET} ` } }],
  ["a malformed fallback key", { env: { CONTROL_PLANE_API_KEY: "", OPENAI_API_KEY: `${SECRET}!` } }],
  ["a malformed key behind a variable", {
    flags: { "control-plane.api-key": "env:K" },
    env: { K: `${SECRET}\n` },
  }],
  ["a malformed key in a file", {
    flags: { "control-plane.api-key": "file:/k" },
    files: { "/k": `${SECRET} ${SECRET}` },
  }],
  ...["control-plane.base-url", "mcp.server-url"].flatMap((name): [string, TestSources][] => [
    [`user info in ${name}`, { flags: { [name]: `ftp://user:${SECRET}@host/` } }],
    [`user info with a slash in ${name}`, { flags: { [name]: `ftp://user:a/${SECRET}@host/` } }],
    [`user info without scheme in ${name}`, { flags: { [name]: `user:${SECRET}@host/` } }],
    [`a query in ${name}`, { flags: { [name]: `ftp://host/?token=${SECRET}` } }],
    [`a fragment in ${name}`, { flags: { [name]: `ftp://host/#${SECRET}` } }],
    [`a path in ${name}`, { flags: { [name]: `ftp://host/${SECRET}` } }],
    [`a host that is none in ${name}`, { flags: { [name]: `https://user:${SECRET}@` } }],
    [`a port that is none in ${name}`, { flags: { [name]: `https://${"user"}:${SECRET}@host:99999/` } }],
  ]),
  ["a qualified URL", { flags: { "mcp.server-url": `channel=x,url=ftp://user:${SECRET}@host/` } }],
  ["a comma in a qualified URL", { flags: { "mcp.server-url": `channel=x,url=http://h/?a=b,${SECRET}` } }],
  ["a URL as url path", { flags: { "control-plane.url-path": `https://user:${SECRET}@host/x` } }],
  ["a host as url path", { flags: { "control-plane.url-path": `//user:${SECRET}@host/x` } }],
  ["a query in the url path", { flags: { "control-plane.url-path": `/x?token=${SECRET}` } }],
  ["an argument of a command", { flags: { "mcp.command": `server --token ${SECRET} 'x` } }],
  ["a variable before a command", { flags: { "mcp.command": `TOKEN=${SECRET} server 'x` } }],
  ["a key in place of the tunnel ID", { flags: { "control-plane.tunnel-id": "sk-Sup3rSecretValue" } }],
  ["a key in place of a number", { env: { CONTROL_PLANE_MAX_INFLIGHT_REQUESTS: "sk-Sup3rSecretValue" } }],
  ["a key in place of a level", { env: { LOG_LEVEL: "sk-Sup3rSecretValue" } }],
  ...["control-plane.extra-headers", "mcp.extra-headers", "mcp.discovery-extra-headers"].flatMap((
    name,
  ): [string, TestSources][] => [
    [`no colon in ${name}`, { flags: { [name]: SECRET } }],
    [`no name in ${name}`, { flags: { [name]: `: ${SECRET}` } }],
    [`a bad value in ${name}`, { flags: { [name]: `X-A: ${SECRET}\u0000` } }],
    [`a conflict in ${name}`, { flags: { [name]: [`X-A: ${SECRET}`, `x-a: ${SECRET}2`] } }],
    [`a bad value behind a variable in ${name}`, {
      flags: { [name]: "X-A: env:V" },
      env: { V: `${SECRET}\n${SECRET}` },
    }],
    [`a bad value in a file in ${name}`, {
      flags: { [name]: "X-A: file:/f" },
      files: { "/f": `${SECRET}\n${SECRET}` },
    }],
  ]),
  ["a reserved header", { flags: { "control-plane.extra-headers": `Authorization: Bearer ${SECRET}` } }],
  ["a header variable cut at a comma", { env: { MCP_EXTRA_HEADERS: `X-A: a,${SECRET} x: y` } }],
];
for (const [what, sources] of LEAKS) {
  Deno.test(`no error shows a secret: ${what} [CFG-112, HD-17, C-16]`, () => {
    const problems = problemsOf(sources);
    assert.notEqual(problems.length, 0);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2|Sup3r/);
  });
}

Deno.test("no usage error shows the value of an unknown flag or a mistyped key [C-16]", () => {
  for (
    const args of [[`--control-plane.apikey=${SECRET}`], [
      "--control-plane.max-inflight",
      "sk-Sup3rSecretValue",
    ]]
  ) {
    assert.throws(() => parseFlags(runFlags(), args), (error) => {
      assert.ok(error instanceof UsageError);
      assert.doesNotMatch(error.message, /hunter2|Sup3r/);
      return true;
    });
  }
});

Deno.test("quoteUrl() shows scheme and host only [CFG-96]", () => {
  const shown: ReadonlyArray<[string, string]> = [
    ["https://h:1", '"https://h:1"'],
    ["https://u:p@h/x?y#z", '"https://h/…"'],
    ["https://h?y", '"https://h/…"'],
    ["host:3000/x", '"host:3000/…"'],
    ["https://u:a/b@h/", '"https://…"'],
    ["https://h/@scope/x", '"https://…"'],
  ];
  for (const [url, text] of shown) assert.equal(quoteUrl(url), text);
});

Deno.test("a reference to a file that is a directory, or a path that is none, is an ordinary mistake", async () => {
  const directory = await Deno.makeTempDir();
  try {
    for (const path of [directory, `${directory}/a\0b`, "x".repeat(5000)]) {
      await assert.rejects(
        () =>
          loadRunConfig({
            flags: { "control-plane.api-key": [`file:${path}`] },
            env: {},
            readTextFile: Deno.readTextFileSync,
          }),
        (error) => error instanceof ConfigError && /read control-plane api key file/.test(error.message),
      );
    }
  } finally {
    await Deno.remove(directory);
  }
});

Deno.test("secretNamesOf() names the variables that hold secrets, references included [ST-6]", () => {
  const env = {
    CONTROL_PLANE_API_KEY: "a",
    OPENAI_API_KEY: "b",
    OPENAI_ADMIN_KEY: "c",
    MCP_EXTRA_HEADERS: "X-A: env:VIA_VARIABLE; X-B: 1",
    VIA_VARIABLE: "d",
    VIA_FLAG: "e",
    VIA_KEY: "f",
    LOG_LEVEL: "info",
    PATH: "/bin",
  };
  const flags = {
    "control-plane-api-key": ["env:VIA_KEY"],
    "control-plane.extra-headers": ["X-C: ENV:VIA_FLAG", "X-D: env:NOT_SET"],
  };
  assert.deepEqual(secretNamesOf({ flags, env }), [
    "CONTROL_PLANE_API_KEY",
    "MCP_EXTRA_HEADERS",
    "OPENAI_ADMIN_KEY",
    "OPENAI_API_KEY",
    "VIA_FLAG",
    "VIA_KEY",
    "VIA_VARIABLE",
  ]);
});

Deno.test("secretValuesOf() lists every secret text, longest first, and nothing short", () => {
  const config = load({
    flags: {
      "control-plane.base-url": "https://gateway-user:p%40ss%zzword@h/",
      "control-plane.extra-headers": ["X-Debug: 1", "X-Gateway: gateway-secret"],
      "mcp.extra-headers": "Authorization: Bearer mcp-secret-token",
      "mcp.discovery-extra-headers": "X-Discovery: discovery-secret",
      "mcp.server-url": "http://h/mcp?token=query-secret",
    },
    env: { CONTROL_PLANE_API_KEY: "the-api-key" },
  });
  const values = secretValuesOf(config);
  assert.deepEqual(
    new Set(values),
    new Set([
      "the-api-key",
      "gateway-secret",
      "Bearer mcp-secret-token",
      "mcp-secret-token",
      "discovery-secret",
      "token=query-secret",
      "gateway-user",
      "p%40ss%zzword",
    ]),
  );
  assert.deepEqual(values, [...values].sort((a, b) => b.length - a.length));
});
