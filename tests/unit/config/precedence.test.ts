import assert from "node:assert/strict";
import { type HttpBinding, type ProxyChoice, type Setting, SETTINGS } from "../../../src/config/mod.ts";
import { STANDARD_PARTS } from "../../support/config_parts.ts";
import {
  API_KEY,
  load,
  loadBare,
  MINIMAL,
  problemsOf,
  problemsOfBare,
  TUNNEL_ID,
} from "../../support/config_sources.ts";

const ENVIRONMENT = { kind: "environment" } as const;

Deno.test("the defaults are those of the specification", () => {
  assert.deepEqual(load(), {
    ...STANDARD_PARTS,
    controlPlane: {
      baseUrl: "https://api.openai.com",
      urlPath: "",
      tunnelId: TUNNEL_ID,
      organizationId: "",
      apiKey: API_KEY,
      maxInflight: 20,
      pollTimeoutMs: 30_000,
      initialPollTimeoutMs: 30_000,
      pollDeadlineGuardrailMs: 5_000,
      pollChannels: undefined,
      extraHeaders: [],
      backoffMinMs: 200,
      backoffMaxMs: 10_000,
      proxy: ENVIRONMENT,
    },
    mcp: {
      bindings: [{
        channel: "main",
        transport: "http-streamable",
        url: "http://127.0.0.1:3000/mcp",
        proxy: ENVIRONMENT,
      }],
      extraHeaders: [],
      discoveryExtraHeaders: [],
      startupWaitTimeoutMs: 0,
      connectionMaxTtlMs: 600_000,
      maxConcurrentRequests: 10,
      stdioConcurrency: 1,
      stdioSendInitializedNotification: false,
      forwardTraceContext: false,
      oauthTrustedOrigins: [],
    },
    log: { level: "info", format: "plain", file: "", httpRawUnsafe: false },
    health: { listenAddr: "127.0.0.1:8080", unixSocket: "", urlFile: "", showDetails: false },
    pidFile: "",
    drainTimeoutMs: 25_000,
    reloadWatch: false,
    sandbox: "strict",
    sandboxLearn: "ask-config",
  });
});

Deno.test("a configuration survives the way to another thread", () => {
  const config = load({ flags: { "mcp.command": "channel=tools,command=x 'y z'" } });
  assert.deepEqual(structuredClone(config), config);
});

function explicit(url: string, source: string): ProxyChoice {
  return { kind: "explicit", url, source };
}

/** One flag and one variable per setting, and where the value ends up. */
const EVERYWHERE: ReadonlyArray<
  [
    name: string,
    flag: string,
    flagged: unknown,
    env: string,
    fromEnv: unknown,
    read: (config: ReturnType<typeof load>) => unknown,
  ]
> = [
  [
    "control-plane.base-url",
    "http://f:1",
    "http://f:1",
    "https://e/",
    "https://e/",
    (c) => c.controlPlane.baseUrl,
  ],
  ["control-plane.url-path", "/f", "/f", "/e/x/", "/e/x", (c) => c.controlPlane.urlPath],
  [
    "control-plane.tunnel-id",
    `tunnel_${"f".repeat(32)}`,
    `tunnel_${"f".repeat(32)}`,
    `tunnel_${"e".repeat(32)}`,
    `tunnel_${"e".repeat(32)}`,
    (c) => c.controlPlane.tunnelId,
  ],
  [
    "control-plane.organization-id",
    "org-f",
    "org-f",
    " org-e ",
    "org-e",
    (c) => c.controlPlane.organizationId,
  ],
  ["control-plane.max-inflight", "7", 7, "8", 8, (c) => c.controlPlane.maxInflight],
  ["control-plane.poll-timeout", "7s", 7_000, "8s", 8_000, (c) => c.controlPlane.pollTimeoutMs],
  [
    "control-plane.poll-deadline-guardrail",
    "7s",
    7_000,
    "8s",
    8_000,
    (c) => c.controlPlane.pollDeadlineGuardrailMs,
  ],
  [
    "control-plane.poll-channel",
    "main",
    ["main"],
    "main,harpoon",
    ["harpoon", "main"],
    (c) => c.controlPlane.pollChannels,
  ],
  [
    "control-plane.extra-headers",
    "X-A: f",
    [["X-A", "f"]],
    "X-A: e",
    [["X-A", "e"]],
    (c) => c.controlPlane.extraHeaders,
  ],
  ["mcp.extra-headers", "X-A: f", [["X-A", "f"]], "X-A: e", [["X-A", "e"]], (c) => c.mcp.extraHeaders],
  [
    "mcp.discovery-extra-headers",
    "X-A: f",
    [["X-A", "f"]],
    "X-A: e",
    [["X-A", "e"]],
    (c) => c.mcp.discoveryExtraHeaders,
  ],
  ["mcp.startup-wait-timeout", "7s", 7_000, "8s", 8_000, (c) => c.mcp.startupWaitTimeoutMs],
  ["mcp.connection-max-ttl", "7s", 7_000, "8s", 8_000, (c) => c.mcp.connectionMaxTtlMs],
  ["mcp.max-concurrent-requests", "7", 7, "8", 8, (c) => c.mcp.maxConcurrentRequests],
  ["mcp.stdio-concurrency", "7", 7, "8", 8, (c) => c.mcp.stdioConcurrency],
  ["log.format", "json", "json", "STRUCT-text", "struct-text", (c) => c.log.format],
  ["log.file", "/f", "/f", "/e", "/e", (c) => c.log.file],
  ["health.listen-addr", ":1", ":1", "[::1]:2", "[::1]:2", (c) => c.health.listenAddr],
  ["health.unix-socket", "/f", "/f", "/e", "/e", (c) => c.health.unixSocket],
  ["health.url-file", "/f", "/f", "/e", "/e", (c) => c.health.urlFile],
  ["pid.file", "/f", "/f", "/e", "/e", (c) => c.pidFile],
  ["shutdown.drain-timeout", "0", 0, "8s", 8_000, (c) => c.drainTimeoutMs],
  ["reload.watch", "true", true, "false", false, (c) => c.reloadWatch],
  ["sandbox", "off", "off", "Off", "off", (c) => c.sandbox],
  ["ca-bundle", "/f", "/f", " file:/e ", "/e", (c) => c.tls.caBundle],
  [
    "http-proxy",
    "http://f",
    explicit("http://f", "http-proxy"),
    "https://e:1",
    explicit("https://e:1", "TUNNEL_CLIENT_HTTP_PROXY"),
    (c) => c.controlPlane.proxy,
  ],
  [
    "control-plane.http-proxy",
    "http://f",
    explicit("http://f", "control-plane.http-proxy"),
    "https://e:1",
    explicit("https://e:1", "CONTROL_PLANE_HTTP_PROXY"),
    (c) => c.controlPlane.proxy,
  ],
  [
    "mcp.http-proxy",
    "http://f",
    explicit("http://f", "mcp.http-proxy"),
    "https://e:1",
    explicit("https://e:1", "MCP_HTTP_PROXY"),
    (c) => (c.mcp.bindings[0] as HttpBinding).proxy,
  ],
  [
    "harpoon.http-proxy",
    "http://f",
    explicit("http://f", "harpoon.http-proxy"),
    "https://e:1",
    explicit("https://e:1", "HARPOON_HTTP_PROXY"),
    (c) => c.harpoon.proxy,
  ],
  ["proxy.check-interval", "7s", 7_000, "8s", 8_000, (c) => c.proxyCheckIntervalMs],
  [
    "control-plane.initial-poll-timeout",
    "7s",
    7_000,
    "8s",
    8_000,
    (c) => c.controlPlane.initialPollTimeoutMs,
  ],
  [
    "mcp.stdio-send-initialized-notification",
    "true",
    true,
    "1",
    true,
    (c) => c.mcp.stdioSendInitializedNotification,
  ],
  ["mcp.forward-trace-context", "true", true, " T ", true, (c) => c.mcp.forwardTraceContext],
  [
    "mcp.oauth-trusted-origin",
    "https://f/",
    ["https://f"],
    "https://e:443\nhttp://E2:81",
    ["https://e", "http://e2:81"],
    (c) => c.mcp.oauthTrustedOrigins,
  ],
  [
    "harpoon.target",
    "label=f,url=https://f",
    [{ kind: "url", label: "f", description: "", url: "https://f" }],
    "label=e,url=https://e,desc=a, b;",
    [{ kind: "url", label: "e", description: "a, b", url: "https://e" }],
    (c) => c.harpoon.targets,
  ],
  ["harpoon.allow-plaintext-http", "true", true, "t", true, (c) => c.harpoon.allowPlaintextHttp],
  ["harpoon.max-response-bytes", "7", 7, "8", 8, (c) => c.harpoon.maxResponseBytes],
  ["harpoon.max-redirects", "0", 0, "4", 4, (c) => c.harpoon.maxRedirects],
  [
    "harpoon.additional-transport",
    "HTTP-streamable",
    ["http-streamable"],
    "http-streamable; http-streamable",
    ["http-streamable"],
    (c) => c.harpoon.additionalTransports,
  ],
  ["harpoon.capture-payloads", "true", true, "TRUE", true, (c) => c.harpoon.capturePayloads],
  [
    "harpoon.hosts-include-suffix",
    "f.example;x",
    ["f.example;x"],
    "a.example; .b.example\n",
    ["a.example", ".b.example"],
    (c) => c.harpoon.hostsIncludeSuffix,
  ],
  [
    "harpoon.hosts-include-regex",
    "^f;$",
    ["^f;$"],
    "^a$;b",
    ["^a$", "b"],
    (c) => c.harpoon.hostsIncludeRegex,
  ],
  ["harpoon.hosts-include-loopback", "false", false, "0", false, (c) => c.harpoon.hostsIncludeLoopback],
  ["harpoon.hosts-include-private", "false", false, "F", false, (c) => c.harpoon.hostsIncludePrivate],
  ["log.http-raw-unsafe", "true", true, "1", true, (c) => c.log.httpRawUnsafe],
  ["health.show-details", "true", true, "1", true, (c) => c.health.showDetails],
  ["sandbox.learn", "any", "any", "Same-Site", "same-site", (c) => c.sandboxLearn],
  ["allow-remote-ui", "true", true, "1", true, (c) => c.adminUi.allowRemote],
  ["open-web-ui", "true", true, "1", true, (c) => c.adminUi.openBrowser],
  ["admin-ui.log-buffer-events", "7", 7, "8", 8, (c) => c.adminUi.logBufferEvents],
  ["cloudflared.managed", "true", true, "1", true, (c) => c.cloudflared.managed],
  ["cloudflared.path", "/f", "/f", "/e", "/e", (c) => c.cloudflared.path],
  ["cloudflared.ready-timeout", "7s", 7_000, "8s", 8_000, (c) => c.cloudflared.readyTimeoutMs],
];

const settings: readonly Setting[] = SETTINGS;
const variableOf = (name: string) => settings.find((setting) => setting.name === name)!.env;

for (const [name, flag, flagged, env, fromEnv, read] of EVERYWHERE) {
  Deno.test(`${name} comes from its flag, else from ${variableOf(name)} [CFG-3]`, () => {
    assert.deepEqual(read(load({ env: { [variableOf(name)]: env } })), fromEnv);
    assert.deepEqual(read(load({ flags: { [name]: flag }, env: { [variableOf(name)]: env } })), flagged);
  });
}

for (const setting of settings.filter(({ alias }) => alias !== undefined)) {
  Deno.test(`--${setting.alias} is --${setting.name}, which wins [CFG-13]`, () => {
    assert.equal(setting.alias, setting.name.replace(".", "-"));
    const cases = EVERYWHERE.find(([name]) => name === setting.name);
    if (cases === undefined) return; // key, certificates and bindings have tests of their own
    const [, flag, flagged, env, fromEnv, read] = cases;
    assert.deepEqual(read(load({ flags: { [setting.alias!]: flag } })), flagged);
    assert.deepEqual(read(load({ flags: { [setting.alias!]: flag, [setting.name]: env } })), fromEnv);
  });
}

Deno.test("hidden spellings of the key and the bindings work, and a canonical one silences them entirely [CFG-13]", () => {
  const { controlPlane, mcp } = loadBare({
    flags: {
      "control-plane-tunnel-id": TUNNEL_ID,
      "control-plane-api-key": "env:K",
      "mcp-server-url": "http://a/",
      "mcp-command": "channel=tools,command=x",
    },
    env: { K: "key" },
  });
  assert.equal(controlPlane.apiKey, "key");
  assert.deepEqual(mcp.bindings.map(({ channel }) => channel), ["main", "tools"]);
  const silenced = load({ flags: { "mcp-server-url": "not a url", "mcp.server-url": "http://b/" } });
  assert.deepEqual(silenced.mcp.bindings, [{
    channel: "main",
    transport: "http-streamable",
    url: "http://b/",
    proxy: ENVIRONMENT,
  }]);
});

Deno.test("lists are replaced as a whole by the higher source [CFG-4]", () => {
  const { mcp } = load({
    flags: { "mcp.extra-headers": ["X-A: 1", "X-B: 2"] },
    env: { MCP_EXTRA_HEADERS: "X-C: 3,X-D: 4" },
  });
  assert.deepEqual(mcp.extraHeaders, [["X-A", "1"], ["X-B", "2"]]);
});

for (
  const name of [
    "control-plane.base-url",
    "control-plane.url-path",
    "control-plane.organization-id",
    "log.format",
    "log.file",
    "health.unix-socket",
    "health.url-file",
    "pid.file",
    "sandbox",
  ]
) {
  Deno.test(`--${name}= counts as not given [CFG-7]`, () => {
    const [, , , env, fromEnv, read] = EVERYWHERE.find(([known]) => known === name)!;
    assert.deepEqual(read(load({ flags: { [name]: "" }, env: { [variableOf(name)]: env } })), fromEnv);
  });
}

Deno.test("--control-plane.tunnel-id= is a missing tunnel ID [CFG-7]", () => {
  const [problem] = problemsOf({ flags: { "control-plane.tunnel-id": "" } });
  assert.match(problem!.message, /tunnel ID is required/);
  assert.equal(problem!.source, "flag");
});

Deno.test("--control-plane.poll-channel= needs at least one channel [CFG-7]", () => {
  const [problem] = problemsOf({ flags: { "control-plane.poll-channel": "" } });
  assert.match(problem!.message, /at least one channel/);
});

Deno.test("a list flag given once and empty is an empty list that still overrides the variable [CFG-7, CFG-8]", () => {
  const { mcp } = load({ flags: { "mcp.extra-headers": "" }, env: { MCP_EXTRA_HEADERS: "X-A: 1" } });
  assert.deepEqual(mcp.extraHeaders, []);
  assert.match(problemsOf({ flags: { "mcp.server-url": "" } })[0]!.message, /main channel is required/);
});

for (const name of ["mcp.server-url", "mcp.command", "mcp.extra-headers", "control-plane.extra-headers"]) {
  Deno.test(`an empty value among several of --${name} is an error [CFG-8]`, () => {
    const good = name.endsWith("headers")
      ? "X-A: 1"
      : "channel=x," + (name === "mcp.command" ? "command=y" : "url=http://y");
    const [problem] = problemsOf({ flags: { [name]: [good, ""] } });
    assert.equal(problem!.setting, name);
    assert.equal(problem!.source, "flag");
    assert.match(problem!.message, /entry 2 of --/);
  });
}

for (const setting of settings.filter(({ emptyIsError }) => !emptyIsError?.includes("env"))) {
  Deno.test(`${setting.env} present but empty means the default [CFG-9]`, () => {
    const binding = { flags: { "mcp.command": "serve" } };
    assert.deepEqual(
      load({ ...binding, env: { [setting.env]: "", MCP_SERVER_URL: "" } }),
      load({
        ...binding,
        env: { MCP_SERVER_URL: "" },
      }),
    );
  });
}

const EMPTY_IS_WRONG: ReadonlyArray<[variable: string, message: RegExp]> = [
  ["CONTROL_PLANE_TUNNEL_ID", /tunnel ID is required/],
  ["CONTROL_PLANE_API_KEY", /control plane API key is required/],
  ["CONTROL_PLANE_MAX_INFLIGHT_REQUESTS", /greater than zero/],
  ["CONTROL_PLANE_POLL_CHANNELS", /empty channel/],
];
for (const [variable, message] of EMPTY_IS_WRONG) {
  Deno.test(`${variable} present but empty is an error that names it [CFG-9]`, () => {
    const problems = problemsOf({ env: { [variable]: "", OPENAI_API_KEY: "fallback" } });
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.message, message);
    assert.match(problems[0]!.message, new RegExp(variable));
    assert.equal(problems[0]!.source, "env");
    assert.equal(problems[0]!.key, variable);
  });
}

Deno.test("OPENAI_API_KEY present but empty is an error when it is the one that counts [CFG-9]", () => {
  const { CONTROL_PLANE_API_KEY: _, ...env } = MINIMAL;
  const [problem] = problemsOfBare({ env: { ...env, OPENAI_API_KEY: "" } });
  assert.match(problem!.message, /control plane API key is required \(OPENAI_API_KEY is empty\)/);
});

Deno.test("variables are compared by exact name, inherited object members are none [CFG-11]", () => {
  assert.equal(load({ env: { log_level: "bogus", "LOG_LEVEL ": "bogus" } }).log.level, "info");
  const [problem] = problemsOf({ flags: { "control-plane.api-key": "env:constructor" } });
  assert.match(problem!.message, /constructor is not set/);
});

Deno.test("every setting is in exactly one shape: a variable, a YAML path, help, an example that loads", () => {
  for (const key of ["name", "env", "yaml"] as const) {
    const values = settings.map((setting) => setting[key]).filter((value) => value !== undefined);
    assert.equal(new Set(values).size, values.length, key);
  }
  for (const setting of settings) {
    assert.match(setting.env, /^[A-Z][A-Z_]*$/);
    if (setting.yaml === undefined) assert.equal(setting.group, "Profile");
    else assert.match(setting.yaml, /^[a-z_]+(\.[a-z_]+)?$/);
    assert.ok(setting.help.length > 0 && setting.group.length > 0);
    assert.equal(setting.placeholder === "", setting.type === "bool", setting.name);
    if (setting.group === "Profile") continue;
    const problems = problemsOf({
      flags: {
        [setting.name]: setting.example,
        ...(setting.name.startsWith("mcp.command") ? { "mcp.server-url": "" } : {}),
        ...(setting.name === "log.level" ? { "log.format": "json" } : {}),
        ...(/client-(?:cert|key)$/.test(setting.name)
          ? {
            [setting.name.replace(/client-.*/, "client-cert")]: "/c",
            [setting.name.replace(/client-.*/, "client-key")]: "/k",
          }
          : {}),
      },
      env: { GATEWAY_AUTH: "a", MCP_AUTH: "b", HTTPS_PROXY: "http://p", CLOUDFLARED_TOKEN: "t" },
      files: { "/run/secrets/tunnel-key": "key", "/run/secrets/discovery": "secret" },
    });
    assert.deepEqual(problems, [], setting.name);
  }
});
