import assert from "node:assert/strict";
import { type RunConfig, type Setting, SETTINGS } from "../../../src/config/mod.ts";
import {
  API_KEY,
  load,
  loadAll,
  loadBare,
  MINIMAL,
  problemsOf,
  problemsOfBare,
  PROFILE_PATH,
  type TestSources,
  TUNNEL_ID,
} from "../../support/config_sources.ts";

const settings: readonly Setting[] = SETTINGS;
const { MCP_SERVER_URL: _url, ...WITHOUT_TARGET } = MINIMAL;
const { CONTROL_PLANE_API_KEY: _key, ...WITHOUT_KEY } = MINIMAL;

/** Value in the file, what it comes to, where that ends up, and a variable that outranks it. */
const VALUES: ReadonlyArray<
  [
    name: string,
    yaml: string,
    value: unknown,
    read: (config: RunConfig) => unknown,
    env: string,
    fromEnv: unknown,
  ]
> = [
  [
    "control-plane.base-url",
    "https://y/",
    "https://y/",
    (c) => c.controlPlane.baseUrl,
    "https://e",
    "https://e",
  ],
  ["control-plane.url-path", " /y/ ", "/y", (c) => c.controlPlane.urlPath, "/e", "/e"],
  ["control-plane.organization-id", "org-y", "org-y", (c) => c.controlPlane.organizationId, "org-e", "org-e"],
  ["control-plane.max-inflight", "7", 7, (c) => c.controlPlane.maxInflight, "8", 8],
  ["control-plane.poll-timeout", "7s", 7_000, (c) => c.controlPlane.pollTimeoutMs, "8s", 8_000],
  [
    "control-plane.initial-poll-timeout",
    "7s",
    7_000,
    (c) => c.controlPlane.initialPollTimeoutMs,
    "8s",
    8_000,
  ],
  [
    "control-plane.poll-deadline-guardrail",
    "7s",
    7_000,
    (c) => c.controlPlane.pollDeadlineGuardrailMs,
    "8s",
    8_000,
  ],
  ["control-plane.poll-channel", "[main]", ["main"], (c) => c.controlPlane.pollChannels, "main,harpoon", [
    "harpoon",
    "main",
  ]],
  [
    "control-plane.extra-headers",
    "{X-A: 'a, b; c'}",
    [["X-A", "a, b; c"]],
    (c) => c.controlPlane.extraHeaders,
    "X-B: e",
    [
      ["X-B", "e"],
    ],
  ],
  ["mcp.extra-headers", "{x-a: y}", [["X-A", "y"]], (c) => c.mcp.extraHeaders, "X-B: e", [["X-B", "e"]]],
  ["mcp.discovery-extra-headers", "{X-A: y}", [["X-A", "y"]], (c) => c.mcp.discoveryExtraHeaders, "X-B: e", [[
    "X-B",
    "e",
  ]]],
  ["mcp.startup-wait-timeout", "7s", 7_000, (c) => c.mcp.startupWaitTimeoutMs, "8s", 8_000],
  ["mcp.connection-max-ttl", "7s", 7_000, (c) => c.mcp.connectionMaxTtlMs, "8s", 8_000],
  ["mcp.max-concurrent-requests", "7", 7, (c) => c.mcp.maxConcurrentRequests, "8", 8],
  ["mcp.stdio-concurrency", "7", 7, (c) => c.mcp.stdioConcurrency, "8", 8],
  [
    "mcp.stdio-send-initialized-notification",
    "yes",
    true,
    (c) => c.mcp.stdioSendInitializedNotification,
    "0",
    false,
  ],
  ["mcp.forward-trace-context", "true", true, (c) => c.mcp.forwardTraceContext, "false", false],
  [
    "mcp.oauth-trusted-origin",
    "['https://A.example:443/', 'http://[::1]:8']",
    ["https://a.example", "http://[::1]:8"],
    (c) => c.mcp.oauthTrustedOrigins,
    "https://e",
    ["https://e"],
  ],
  ["ca-bundle", "file:/y", "/y", (c) => c.tls.caBundle, "/e", "/e"],
  ["proxy.check-interval", "7s", 7_000, (c) => c.proxyCheckIntervalMs, "8s", 8_000],
  ["harpoon.allow-plaintext-http", "true", true, (c) => c.harpoon.allowPlaintextHttp, "0", false],
  ["harpoon.max-response-bytes", "7", 7, (c) => c.harpoon.maxResponseBytes, "8", 8],
  ["harpoon.max-redirects", "0", 0, (c) => c.harpoon.maxRedirects, "1", 1],
  [
    "harpoon.additional-transport",
    "[Http-Streamable]",
    ["http-streamable"],
    (c) => c.harpoon.additionalTransports,
    "",
    [],
  ],
  ["harpoon.capture-payloads", "true", true, (c) => c.harpoon.capturePayloads, "f", false],
  ["harpoon.hosts-include-suffix", "['a;b', c]", ["a;b", "c"], (c) => c.harpoon.hostsIncludeSuffix, "e", [
    "e",
  ]],
  ["harpoon.hosts-include-regex", "['^a{1,2};$']", ["^a{1,2};$"], (c) => c.harpoon.hostsIncludeRegex, "e", [
    "e",
  ]],
  ["harpoon.hosts-include-loopback", "no", false, (c) => c.harpoon.hostsIncludeLoopback, "1", true],
  ["harpoon.hosts-include-private", "off", false, (c) => c.harpoon.hostsIncludePrivate, "1", true],
  ["log.format", "JSON", "json", (c) => c.log.format, "struct-text", "struct-text"],
  ["log.file", "/y", "/y", (c) => c.log.file, "/e", "/e"],
  ["log.http-raw-unsafe", "true", true, (c) => c.log.httpRawUnsafe, "false", false],
  ["health.listen-addr", "':1'", ":1", (c) => c.health.listenAddr, ":2", ":2"],
  ["health.unix-socket", "/y", "/y", (c) => c.health.unixSocket, "/e", "/e"],
  ["health.url-file", "/y", "/y", (c) => c.health.urlFile, "/e", "/e"],
  ["health.show-details", "true", true, (c) => c.health.showDetails, "0", false],
  ["pid.file", "/y", "/y", (c) => c.pidFile, "/e", "/e"],
  ["shutdown.drain-timeout", "7s", 7_000, (c) => c.drainTimeoutMs, "0", 0],
  ["reload.watch", "true", true, (c) => c.reloadWatch, "0", false],
  ["sandbox", "Off", "off", (c) => c.sandbox, "strict", "strict"],
  ["sandbox.learn", "any", "any", (c) => c.sandboxLearn, "same-site", "same-site"],
  ["allow-remote-ui", "true", true, (c) => c.adminUi.allowRemote, "0", false],
  ["open-web-ui", "true", true, (c) => c.adminUi.openBrowser, "0", false],
  ["admin-ui.log-buffer-events", "7", 7, (c) => c.adminUi.logBufferEvents, "8", 8],
  ["cloudflared.managed", "true", true, (c) => c.cloudflared.managed, "0", false],
  ["cloudflared.path", "/y", "/y", (c) => c.cloudflared.path, "/e", "/e"],
  ["cloudflared.ready-timeout", "7s", 7_000, (c) => c.cloudflared.readyTimeoutMs, "8s", 8_000],
];
const ELSEWHERE = [
  "tunnel-id",
  "api-key",
  "http-proxy",
  "client-cert",
  "client-key",
  "mcp.server-url",
  "mcp.command",
];

/** `a: {b: value}` for the path `a.b`. */
function yamlOf(name: string, value: string): string {
  const path = settings.find((setting) => setting.name === name)!.yaml!.split(".");
  return path.reduceRight(
    (inner, key, index) => `${key}: ${index === path.length - 1 ? inner : `{${inner}}`}`,
    value,
  );
}

for (const [name, yaml, value, read, env, fromEnv] of VALUES) {
  const variable = settings.find((setting) => setting.name === name)!.env;
  Deno.test(`${name} comes from the file when neither flag nor ${variable} sets it [CFG-3]`, () => {
    const profile = yamlOf(name, yaml);
    assert.deepEqual(read(load({ yaml: profile })), value);
    if (env !== "") assert.deepEqual(read(load({ yaml: profile, env: { [variable]: env } })), fromEnv);
  });
}

Deno.test("every setting of the table has a case above, or tests of its own", () => {
  const missing = settings.filter(({ name, yaml }) =>
    yaml !== undefined && !VALUES.some(([known]) => known === name) &&
    !ELSEWHERE.some((part) => name.endsWith(part))
  ).map(({ name }) => name);
  assert.deepEqual(missing, ["harpoon.target", "log.level", "cloudflared.token"]);
});

for (const setting of settings.filter(({ yaml, emptyIsError }) => yaml && !emptyIsError?.includes("env"))) {
  const found = VALUES.find(([name]) => name === setting.name);
  if (found === undefined) continue;
  Deno.test(`${setting.env} that is empty hides the file's value [CFG-6]`, () => {
    const [name, yaml, , read] = found;
    const profile = yamlOf(name, yaml);
    assert.deepEqual(read(load({ yaml: profile, env: { [setting.env]: "" } })), read(load()));
  });
}

Deno.test("lists of the file are replaced as a whole, never merged [CFG-4]", () => {
  const yaml = "mcp: {extra_headers: {X-A: a, X-B: b}}";
  assert.deepEqual(load({ yaml, flags: { "mcp.extra-headers": "X-C: c" } }).mcp.extraHeaders, [["X-C", "c"]]);
  assert.deepEqual(load({ yaml, flags: { "mcp.extra-headers": "" } }).mcp.extraHeaders, []);
});

Deno.test("the API key comes from flag, CONTROL_PLANE_API_KEY, file, OPENAI_API_KEY, in that order [CFG-10]", () => {
  const keyOf = (sources: TestSources) =>
    loadBare({ ...sources, env: { ...WITHOUT_KEY, OPENAI_API_KEY: "last", ...sources.env } }).controlPlane
      .apiKey;
  const yaml = "control_plane: {api_key: env:FROM_FILE}";
  const env = { FROM_FILE: " third ", CONTROL_PLANE_API_KEY: "second", FIRST: "first" };
  assert.equal(keyOf({ yaml, env, flags: { "control-plane.api-key": "env:FIRST" } }), "first");
  assert.equal(keyOf({ yaml, env }), "second");
  assert.equal(keyOf({ yaml, env: { FROM_FILE: " third " } }), "third");
  assert.equal(keyOf({}), "last");
  assert.equal(
    keyOf({ yaml: "control_plane: {api_key: FILE:/k}", files: { "/k": "\n in-a-file \n" } }),
    "in-a-file",
  );
});

Deno.test("CONTROL_PLANE_API_KEY that is empty hides the file's key, and is an error [CFG-9]", () => {
  const problems = problemsOf({ yaml: "control_plane: {api_key: k}", env: { CONTROL_PLANE_API_KEY: "" } });
  assert.match(problems[0]!.message, /API key is required \(CONTROL_PLANE_API_KEY is empty\)/);
  assert.equal(problems.length, 1);
});

Deno.test("the tunnel ID of the file is used, trimmed; an empty one is missing [CFG-9, CFG-46]", () => {
  const { CONTROL_PLANE_TUNNEL_ID: _, ...env } = MINIMAL;
  const yaml = (id: string) => `control_plane: {tunnel_id: "${id}"}`;
  assert.equal(loadBare({ yaml: yaml(` ${TUNNEL_ID} `), env }).controlPlane.tunnelId, TUNNEL_ID);
  const [problem] = problemsOfBare({ yaml: yaml(""), env });
  assert.match(
    problem!.message,
    /tunnel ID is required \(control_plane\.tunnel_id at \/p\/demo\.yaml:1:28 is empty\)/,
  );
});

/** A value-reference field, how it is written, and what the complaint must say. */
const REFERENCES: ReadonlyArray<[path: string, value: string, message: RegExp]> = [
  [
    "control_plane.base_url",
    "env:NOPE",
    /control_plane\.base_url at \S+: environment variable NOPE \(env:NOPE\) is not set/,
  ],
  ["control_plane.url_path", "ENV:EMPTY", /environment variable EMPTY \(env:EMPTY\) is empty/],
  ["health.listen_addr", "file:/nope", /cannot read file "\/nope": no such file/],
  ["health.unix_socket", "file:/empty", /file "\/empty" is empty/],
  ["control_plane.api_key", "'env: '", /missing variable name after env:/],
  ["control_plane.api_key", "'file:'", /missing path after file:/],
  ["control_plane.base_url", "''", /control_plane\.base_url cannot be empty/],
];
for (const [path, value, message] of REFERENCES) {
  Deno.test(`${path}: ${value} leads nowhere, and the error names path and reference [CFG-20]`, () => {
    const [group, key] = path.split(".");
    const { CONTROL_PLANE_API_KEY: _, ...env } = MINIMAL;
    const problems = problemsOfBare({
      yaml: `${group}: {${key}: ${value}}`,
      env: { ...env, EMPTY: " ", ...(key === "api_key" ? {} : { CONTROL_PLANE_API_KEY: API_KEY }) },
      files: { "/empty": " \n" },
    });
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.match(problems[0]!.message, message);
    assert.equal(problems[0]!.code, "invalid_reference");
    assert.equal(problems[0]!.key, path);
    assert.equal(problems[0]!.location?.path, PROFILE_PATH);
  });
}

Deno.test("references are followed in any letter case, what they lead to is trimmed [CFG-18]", () => {
  const yaml = [
    "control_plane: {base_url: Env:BASE, url_path: FILE:/path}",
    "health: {listen_addr: env:ADDRESS}",
    "mcp: {server_urls: [{url: file:/url}], commands: [{channel: c, command: env:COMMAND}]}",
  ].join("\n");
  const env = { ...WITHOUT_TARGET, BASE: " https://b ", ADDRESS: ":9\n", COMMAND: " run 'a b'\n--now " };
  const { controlPlane, health, mcp } = loadBare({
    yaml,
    env,
    files: { "/path": "/x\n", "/url": "http://u/?a=1,2\n" },
  });
  assert.deepEqual([controlPlane.baseUrl, controlPlane.urlPath, health.listenAddr], [
    "https://b",
    "/x",
    ":9",
  ]);
  const [http, stdio] = mcp.bindings;
  assert.equal(http!.transport === "http-streamable" && http!.url, "http://u/?a=1,2");
  assert.deepEqual(stdio!.transport === "stdio" && stdio!.argv, ["run", "a b", "--now"]);
});

Deno.test("what a flag or variable replaces is not followed [CFG-20, A-119]", () => {
  const yaml =
    "control_plane: {base_url: env:NOPE}\nmcp: {server_urls: [{url: env:NOPE}], extra_headers: {X-A: env:NOPE}}";
  assert.deepEqual(
    problemsOf({ yaml, flags: { "control-plane.base-url": "https://f", "mcp.extra-headers": "" } }),
    [],
  );
});

Deno.test("references of headers and proxies also see the file, below the environment; those of values do not [CFG-6]", () => {
  const yaml =
    "log: {file: http://from-file}\nmcp: {extra_headers: {X-A: env:LOG_FILE}, http_proxy: env:LOG_FILE}";
  const proxyOf = (env: Record<string, string>) => {
    const { mcp } = load({ yaml, env });
    const [main] = mcp.bindings;
    return [mcp.extraHeaders[0]![1], main!.transport === "http-streamable" && main!.proxy];
  };
  const explicit = (url: string) => ({ kind: "explicit", url, source: "env:LOG_FILE" });
  assert.deepEqual(proxyOf({}), ["http://from-file", explicit("http://from-file")]);
  assert.deepEqual(proxyOf({ LOG_FILE: "http://real" }), ["http://real", explicit("http://real")]);
  assert.equal(problemsOf({ yaml: "log: {file: /x}\ncontrol_plane: {url_path: env:LOG_FILE}" }).length, 1);
});

Deno.test("lists of a file break at nothing but list items [CFG-38]", () => {
  const yaml = [
    "mcp:",
    "  server_urls:",
    "    - url: 'http://h/?a=1,channel=x'",
    '    - {channel: b, url: "http://b/a;b"}',
    "  commands: [{channel: c, command: 'x a,url=b; \"c\"'}]",
    "harpoon:",
    "  targets:",
    "    - {label: a, url: 'https://h/?q=1;2,3', description: \"'one', two; three\"}",
  ].join("\n");
  const { mcp, harpoon } = loadBare({ yaml, env: WITHOUT_TARGET });
  assert.deepEqual(
    mcp.bindings.map((binding) => binding.transport === "stdio" ? binding.argv : binding.url),
    ["http://h/?a=1,channel=x", "http://b/a;b", ["x", "a,url=b;", "c"]],
  );
  assert.deepEqual(harpoon.targets, [
    { kind: "url", label: "a", url: "https://h/?q=1;2,3", description: "'one', two; three" },
  ]);
});

Deno.test("no channels is a mistake, no entries of another list is nothing, null items are dropped [CFG-35, CFG-39]", () => {
  assert.match(
    problemsOf({ yaml: "control_plane: {poll_channels: []}" })[0]!.message,
    /at least one channel/,
  );
  assert.deepEqual(load({ yaml: "control_plane: {poll_channels: ~}" }).controlPlane.pollChannels, undefined);
  assert.deepEqual(load({ yaml: "control_plane: {poll_channels: [~, main]}" }).controlPlane.pollChannels, [
    "main",
  ]);
  const yaml =
    "mcp: {server_urls: [], commands: [], extra_headers: {}}\nharpoon: {targets: [~], hosts_include_suffix: []}";
  assert.deepEqual(load({ yaml }).harpoon.targets, []);
});

Deno.test("a comma in a poll channel of the file does not split it [CFG-38]", () => {
  const [problem] = problemsOf({ yaml: "control_plane:\n  poll_channels:\n    - main,other" });
  assert.match(
    problem!.message,
    /control_plane\.poll_channels at \/p\/demo\.yaml:3:5\) contains "main,other"/,
  );
});

Deno.test("empty optional texts of an entry count as absent, an empty URL does not [CFG-39]", () => {
  const yaml =
    "mcp: {server_urls: [{channel: '', url: http://h, unix_socket: '', http_proxy: '', client_cert: '', client_key: ''}]}";
  const { mcp } = loadBare({ yaml, env: WITHOUT_TARGET });
  assert.deepEqual(mcp.bindings, [
    { channel: "main", transport: "http-streamable", url: "http://h", proxy: { kind: "environment" } },
  ]);
  const [problem] = problemsOfBare({ yaml: "mcp: {server_urls: [{url: ''}]}", env: WITHOUT_TARGET });
  assert.match(problem!.message, /mcp\.server_urls\[0\]\.url at \/p\/demo\.yaml:1:27: .*cannot be empty/);
});

Deno.test("a wrong header map of the file is no mistake when a flag or variable replaces it [CFG-70]", () => {
  const yaml = "mcp: {extra_headers: {'bad name': x, X-A: , X-B: env:NOPE}}";
  assert.equal(problemsOf({ yaml }).length, 3);
  assert.deepEqual(problemsOf({ yaml, env: { MCP_EXTRA_HEADERS: "" } }), []);
  assert.deepEqual(problemsOf({ yaml, flags: { "mcp.extra-headers": "X-C: c" } }), []);
});

Deno.test("headers of the file: case variants with the same value collapse, others conflict [CFG-68]", () => {
  assert.deepEqual(load({ yaml: "mcp: {extra_headers: {x-a: v, X-A: ' v '}}" }).mcp.extraHeaders, [[
    "X-A",
    "v",
  ]]);
  const [problem] = problemsOf({ yaml: "mcp:\n  extra_headers:\n    x-a: v\n    X-A: w" });
  assert.match(problem!.message, /conflicting values for case-insensitive HTTP header "X-A"/);
  assert.equal(problem!.location?.line, 4);
});

Deno.test("a binding of a higher source displaces the file's binding of that channel; the others stay [CFG-5]", () => {
  const yaml =
    "mcp: {server_urls: [{url: http://y}, {channel: b, url: http://b}], commands: [{channel: c, command: x}]}";
  const channels = (sources: TestSources) =>
    loadBare({ yaml, ...sources, env: { ...WITHOUT_TARGET, ...sources.env } }).mcp.bindings.map((binding) =>
      `${binding.channel} ${binding.transport === "stdio" ? binding.command : binding.url}`
    );
  assert.deepEqual(channels({}), ["main http://y", "b http://b", "c x"]);
  assert.deepEqual(channels({ env: { MCP_COMMAND: "e" } }), ["b http://b", "main e"]);
  assert.deepEqual(channels({ flags: { "mcp.command": "f" }, env: { MCP_SERVER_URL: "http://e" } }), [
    "main f",
  ]);
  assert.deepEqual(channels({ flags: { "mcp.server-url": "http://f" } }), ["main http://f", "c x"]);
  const twice = problemsOfBare({
    yaml: "mcp: {server_urls: [{url: http://y}], commands: [{command: x}]}",
    env: WITHOUT_TARGET,
  });
  assert.match(
    twice[0]!.message,
    /duplicate channel "main" .*already bound to http-streamable by mcp\.server_urls at/,
  );
});

Deno.test("a stdio server's variables, inheritance and wrapper come from the file [issue 6]", () => {
  const yaml = [
    "mcp:",
    "  commands:",
    "    - command: serve",
    "      env: {API_TOKEN: env:MINE, PLAIN: ' as is ', EMPTY: , FROM_FILE: file:/f}",
    "      inherit_env: true",
    "      wrapper: [bwrap, --ro-bind, /, /, '']",
  ].join("\n");
  const { config, warnings, secretNames } = loadAll({
    yaml,
    env: { ...WITHOUT_TARGET, MINE: "s3cret-token" },
    files: { "/f": "content\n" },
  });
  assert.deepEqual(config.mcp.bindings, [{
    channel: "main",
    transport: "stdio",
    command: "serve",
    argv: ["serve"],
    env: { API_TOKEN: "s3cret-token", PLAIN: " as is ", EMPTY: "", FROM_FILE: "content" },
    inheritEnv: true,
    wrapper: ["bwrap", "--ro-bind", "/", "/", ""],
  }]);
  assert.deepEqual(warnings, []);
  assert.ok(secretNames.includes("MINE"));
  const plain = loadBare({ flags: { "mcp.command": "serve" }, env: WITHOUT_TARGET }).mcp.bindings[0]!;
  assert.deepEqual(plain.transport === "stdio" && [plain.env, plain.inheritEnv, plain.wrapper], [
    {},
    false,
    [],
  ]);
});

for (
  const [what, members, message] of [
    ["a name that is none", "env: {'a b': x}", /"a b" is no name for a variable/],
    ["a variable of the loader", "env: {LD_PRELOAD: hunter2}", /LD_PRELOAD cannot be set/],
    ["a reference to nothing", "env: {A: env:NOPE}", /environment variable NOPE/],
    ["an empty wrapper", "wrapper: ['']", /the wrapper's program is empty/],
  ] as const
) {
  Deno.test(`a stdio server with ${what} is refused [issue 6]`, () => {
    const problems = problemsOfBare({
      yaml: `mcp: {commands: [{command: x, ${members}}]}`,
      env: WITHOUT_TARGET,
    });
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.message, message);
    assert.match(problems[0]!.message, /mcp\.commands\[0\]\.(?:env|wrapper) at \/p\/demo\.yaml:1:/);
    assert.doesNotMatch(problems[0]!.message, /hunter2/);
  });
}
