import assert from "node:assert/strict";
import { load, loadAll, MINIMAL, problemsOf, type TestSources } from "../../support/config_sources.ts";

const WRONG: ReadonlyArray<[what: string, rule: string, sources: TestSources, message: RegExp]> = [
  [
    "a boolean yes",
    "section 3.2",
    { env: { OPEN_WEB_UI: "yes" } },
    /invalid value "yes" for OPEN_WEB_UI: not a boolean/,
  ],
  ["a boolean tRUE", "section 3.2", { env: { ALLOW_REMOTE_UI: "tRUE" } }, /not a boolean/],
  [
    "an empty event buffer",
    "CFG-9",
    { env: { ADMIN_UI_LOG_BUFFER_EVENTS: "" } },
    /ADMIN_UI_LOG_BUFFER_EVENTS is empty/,
  ],
  [
    "no events",
    "section 11.4",
    { flags: { "admin-ui.log-buffer-events": "0" } },
    /must be greater than zero/,
  ],
  [
    "too many events",
    "section 11.4",
    { yaml: "admin_ui: {log_buffer_events: 100001}" },
    /less than or equal to 100000: admin_ui\.log_buffer_events at \/p\/demo\.yaml:1:31 is "100001"/,
  ],
  [
    "an empty check interval",
    "CFG-9",
    { env: { PROXY_CHECK_INTERVAL: "" } },
    /invalid value "" for PROXY_CHECK_INTERVAL/,
  ],
  [
    "no check interval",
    "section 8",
    { flags: { "proxy.check-interval": "0s" } },
    /proxy\.check-interval must be greater than zero/,
  ],
  [
    "no first wait",
    "A-160",
    { env: { CONTROL_PLANE_INITIAL_POLL_TIMEOUT: "0" } },
    /initial-poll-timeout must be greater than zero/,
  ],
  [
    "no ready timeout",
    "section 11.5",
    { env: { CLOUDFLARED_READY_TIMEOUT: "0" } },
    /cloudflared\.ready-timeout must be greater/,
  ],
  [
    "a blank token",
    "CFG-9",
    { env: { CLOUDFLARED_TUNNEL_TOKEN: "  " } },
    /CLOUDFLARED_TUNNEL_TOKEN\): it is set but empty/,
  ],
  ["an empty token", "CFG-9", { env: { CLOUDFLARED_TUNNEL_TOKEN: "" } }, /it is set but empty/],
  [
    "a literal token in a flag",
    "section 3.3",
    { flags: { "cloudflared.token": "hunter2" } },
    /a token must not stand there itself/,
  ],
  [
    "a literal token in a file",
    "section 3.3",
    { yaml: "cloudflared: {token: hunter2}" },
    /cloudflared\.token at \/p\/demo\.yaml:1:22\): a token must not/,
  ],
  [
    "a token from nowhere",
    "section 3.3",
    { flags: { "cloudflared.token": "env:NOPE" } },
    /environment variable NOPE is not set/,
  ],
  [
    "a token from a missing file",
    "section 3.3",
    { yaml: "cloudflared: {token: FILE:/nope}" },
    /cannot read file "\/nope": no such file/,
  ],
  [
    "an unknown policy",
    "issue 6",
    { env: { TUNNEL_CLIENT_SANDBOX_LEARN: "all" } },
    /unsupported sandbox learn "all".*/,
  ],
];
for (const [what, rule, sources, message] of WRONG) {
  Deno.test(`${what} is refused [${rule}]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.match(problems[0]!.message, message);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
  });
}

const TOKENS: ReadonlyArray<[what: string, sources: TestSources, token: string]> = [
  ["nothing", {}, ""],
  [
    "a flag",
    { flags: { "cloudflared.token": "ENV:T" }, env: { T: " t\n", CLOUDFLARED_TUNNEL_TOKEN: "e" } },
    "t",
  ],
  ["its variable", { env: { CLOUDFLARED_TUNNEL_TOKEN: " e " }, yaml: "cloudflared: {token: env:NOPE}" }, "e"],
  ["the file", { yaml: "cloudflared: {token: file:/t}", files: { "/t": "f\n" } }, "f"],
];
for (const [what, sources, token] of TOKENS) {
  Deno.test(`the companion's token comes from ${what} and enables it [CFG-105]`, () => {
    const { cloudflared } = load(sources);
    assert.equal(cloudflared.token, token);
    assert.equal(cloudflared.enabled, token !== "");
  });
}

Deno.test("a managed companion is enabled; that it is not started is said [CFG-105, CFG-107]", () => {
  const { config, warnings } = loadAll({ env: { ...MINIMAL, CLOUDFLARED_MANAGED: "true" } });
  assert.equal(config.cloudflared.enabled, true);
  assert.deepEqual(warnings.map(({ code, setting }) => [code, setting]), [[
    "no_effect",
    "cloudflared.token",
  ]]);
  assert.deepEqual(loadAll({ yaml: "cloudflared: {token: ~, managed: false}", env: MINIMAL }).warnings, []);
});

const NO_EFFECT: ReadonlyArray<[what: string, sources: TestSources, settings: string[]]> = [
  ["health.show_details", { yaml: "health: {show_details: true}" }, ["health.show-details"]],
  ["the log buffer", { env: { ADMIN_UI_LOG_BUFFER_EVENTS: "10" } }, ["admin-ui.log-buffer-events"]],
  ["Harpoon's limits", { flags: { "harpoon.max-redirects": "3" } }, ["harpoon.max-redirects"]],
  ["Harpoon's payloads", { yaml: "harpoon: {capture_payloads: true}" }, ["harpoon.capture-payloads"]],
  ["the companion's wait", { env: { CLOUDFLARED_READY_TIMEOUT: "5s" } }, ["cloudflared.ready-timeout"]],
  ["the page of a socket", {
    flags: { "health.unix-socket": "/s", "open-web-ui": "true", "allow-remote-ui": "true" },
  }, ["open-web-ui", "allow-remote-ui"]],
  ["the shim without a child", {
    env: { MCP_STDIO_SEND_INITIALIZED_NOTIFICATION: "true", MCP_SERVER_URL: "http://localhost:1/mcp" },
  }, ["mcp.stdio-send-initialized-notification"]],
  ["a default that is written out", { yaml: "health: {show_details: false}" }, []],
];
for (const [what, sources, settings] of NO_EFFECT) {
  Deno.test(`what is configured and has no effect is said: ${what}`, () => {
    const { warnings } = loadAll({ ...sources, env: { ...MINIMAL, ...sources.env } });
    assert.deepEqual(warnings.map(({ setting }) => setting), settings);
    for (const { code } of warnings) assert.equal(code, "no_effect");
  });
}

/** Every place where a profile may hold a secret itself, and what the warning names. */
const LITERALS: ReadonlyArray<[yaml: string, named: RegExp]> = [
  [
    "control_plane: {api_key: hunter2key}",
    /^the control plane API key stands literally in the file at \/p\/demo\.yaml:1:26$/,
  ],
  [
    "control_plane: {extra_headers: {X-Auth: hunter2}}",
    /^the value of header X-Auth in control_plane\.extra_headers/,
  ],
  [
    "mcp: {extra_headers: {Authorization: Bearer hunter2}}",
    /^the value of header Authorization in mcp\.extra_headers/,
  ],
  [
    "mcp: {discovery_extra_headers: {X-Api-Key: hunter2}}",
    /^the value of header X-Api-Key in mcp\.discovery/,
  ],
  ["http_proxy: http://u:hunter2@h", /^the password in http_proxy stands literally/],
  [
    "mcp: {server_urls: [{channel: b, url: 'http://u:hunter2@h'}]}",
    /^the password in mcp\.server_urls\[0\]\.url/,
  ],
  [
    "mcp: {server_urls: [{channel: b, url: 'http://h', http_proxy: 'http://u:hunter2@h'}]}",
    /^the password in mcp\.server_urls\[0\]\.http_proxy/,
  ],
  [
    "mcp: {commands: [{command: x, env: {MY_TOKEN: hunter2}}]}",
    /^the value of mcp\.commands\[0\]\.env\.MY_TOKEN/,
  ],
];
for (const [yaml, named] of LITERALS) {
  Deno.test(`a literal secret loads and is warned about: ${named.source.slice(1, 50)} [issue 5]`, () => {
    const { CONTROL_PLANE_API_KEY: key, MCP_SERVER_URL: _url, ...rest } = MINIMAL;
    const env = { ...rest, ...yaml.includes("commands:") ? {} : { MCP_COMMAND: "x" } };
    const { warnings } = loadAll({
      yaml,
      env: yaml.includes("api_key") ? env : { ...env, CONTROL_PLANE_API_KEY: key! },
    });
    assert.equal(warnings.length, 1);
    assert.equal(warnings[0]!.code, "literal_secret");
    assert.match(warnings[0]!.message, named);
    assert.match(warnings[0]!.suggestion, /env:NAME.*file:\/path/);
    assert.doesNotMatch(JSON.stringify(warnings), /hunter2/);
  });
}

Deno.test("references, other headers and values outside of the file are not warned about [issue 5]", () => {
  const { warnings } = loadAll({
    yaml: "mcp: {extra_headers: {X-Debug: on, Authorization: env:A}}\nhttp_proxy: env:P",
    flags: { "control-plane.extra-headers": "X-Api-Key: hunter2" },
    env: { ...MINIMAL, A: "Bearer hunter2", P: "http://u:hunter2@h" },
  });
  assert.deepEqual(warnings, []);
});

Deno.test("the variables that hold secrets are told, those of references in the file too [ST-6]", () => {
  const { secretNames } = loadAll({
    yaml: [
      "control_plane: {api_key: env:KEY, extra_headers: {X-A: ENV:HEADER}, http_proxy: env:PROXY}",
      "http_proxy: env:HTTPS_PROXY",
      "mcp: {server_urls: [{url: env:MCP_URL}]}",
    ].join("\n"),
    env: {
      CONTROL_PLANE_TUNNEL_ID: MINIMAL.CONTROL_PLANE_TUNNEL_ID!,
      KEY: "k",
      HEADER: "h",
      PROXY: "http://u:p@h",
      HTTPS_PROXY: "http://u:p@h",
      MCP_URL: "https://u:p@h/mcp",
      HARPOON_HTTP_PROXY: "http://u:p@h",
      MCP_HTTP_PROXY: "http://h",
      PATH: "/bin",
    },
  });
  assert.deepEqual(secretNames, ["HARPOON_HTTP_PROXY", "HEADER", "KEY", "MCP_URL", "PROXY"]);
});
