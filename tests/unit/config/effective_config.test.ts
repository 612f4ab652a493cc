import assert from "node:assert/strict";
import {
  effectiveConfig,
  secretValuesOf,
  shownArguments,
  shownProxy,
  shownUrl,
} from "../../../src/config/mod.ts";
import { load, loadBare, MINIMAL, TUNNEL_ID } from "../../support/config_sources.ts";

Deno.test("effectiveConfig() of the defaults has every group and key [CFG-144]", () => {
  const binding = {
    transport: "http-streamable",
    server_url: "http://127.0.0.1:3000/mcp",
    unix_socket_path: "",
    command: "",
    command_args: [],
    client_certificate: { cert_path: "", key_path: "" },
    http_proxy: "",
    http_proxy_source: "none",
  };
  assert.deepEqual(effectiveConfig(load()), {
    source: { config_file: "", profile: "", profile_path: "", profile_dir: "" },
    control_plane: {
      base_url: "https://api.openai.com",
      url_path: "",
      tunnel_id: TUNNEL_ID,
      organization_id: "",
      api_key: "[REDACTED]",
      client_certificate: { cert_path: "", key_path: "" },
      max_inflight_requests: 20,
      poll_timeout: "30s",
      initial_poll_timeout: "30s",
      poll_deadline_guardrail: "5s",
      poll_channels: null,
      extra_headers: {},
      http_proxy: "",
      http_proxy_source: "none",
      poll_backoff_min: "200ms",
      poll_backoff_max: "10s",
    },
    log: { level: "info", format: "plain", file: "", http_raw_unsafe: false },
    health: { listen_addr: "127.0.0.1:8080", unix_socket: "", url_file: "", show_details: false },
    process: { pid_file: "" },
    cloudflared: { enabled: false, managed: false, token: "", path: "", ready_timeout: "30s" },
    admin_ui: { allow_remote: false, open_browser: false, log_buffer_events: 2000 },
    mcp: {
      ...binding,
      startup_wait_timeout: "0s",
      connection_max_ttl: "10m0s",
      max_concurrent_requests: 10,
      stdio_concurrency: 1,
      stdio_send_initialized_notification: false,
      forward_trace_context: false,
      oauth_trusted_origins: [],
      extra_headers: {},
      discovery_extra_headers: {},
      channel_bindings: [{ channel: "main", ...binding }],
    },
    harpoon: {
      allow_plaintext_http: false,
      max_response_bytes: 102400,
      max_redirects: 5,
      additional_transports: [],
      targets: [],
      capture_payloads: false,
      host_classifier: {
        include_suffix: [],
        include_regex: [],
        include_loopback: true,
        include_private: true,
      },
      http_proxy: "",
      http_proxy_source: "none",
    },
    proxy: { check_interval: "1m0s" },
    shutdown: { drain_timeout: "25s" },
    reload: { watch: false },
    sandbox: { mode: "strict", learn: "ask-config" },
  });
});

/** Every secret that a configuration can hold, in one. */
const SECRETS = ["hunter2", "Sup3r"];
function secretConfig() {
  const { MCP_SERVER_URL: _url, ...env } = MINIMAL;
  return loadBare({
    yaml: [
      "config_version: 2",
      "http_proxy: 'http://hunter2-user:hunter2-word@P.example:3128/x'",
      "control_plane:",
      "  base_url: 'https://hunter2-user:hunter2-word@cp.example/'",
      "  extra_headers: {X-Gateway: hunter2-gateway}",
      "cloudflared: {token: env:CF}",
      "mcp:",
      "  server_urls:",
      "    - url: 'https://hunter2-user:hunter2-word@h/mcp/token/hunter2-segment?key=hunter2-query#hunter2'",
      "      http_proxy: 'HTTPS://u:hunter2-word@Q'",
      "  commands:",
      "    - channel: c",
      "      command: 'serve --token hunter2-arg --api-key=hunter2-arg -H \"X-A: hunter2-arg\" KEY=hunter2-arg https://u:hunter2-arg@h/x?hunter2'",
      "      env: {MY_SECRET: hunter2-child, PLAIN: Sup3rPlain}",
      "      wrapper: [sh, --password, hunter2-wrapper]",
      "  extra_headers: {Authorization: Bearer hunter2-mcp}",
      "  discovery_extra_headers: {X-D: hunter2-discovery}",
      "harpoon:",
      "  targets:",
      "    - {label: a, url: 'https://hunter2-user:hunter2-word@t/x?hunter2-harpoon'}",
      "    - label: t",
      "      template:",
      "        version: 1",
      "        origin: https://hunter2.example",
      "        path_template: /hunter2/{id}",
      "        parameters: {id: {type: string, required: true, enum: [a], max_length: 1}}",
      "        headers: {X-H: hunter2-template}",
    ].join("\n"),
    env: {
      ...env,
      CONTROL_PLANE_API_KEY: "hunter2-key",
      CF: "hunter2-token",
      HTTPS_PROXY: "hunter2-user:hunter2-env@h:1",
      NO_PROXY: "x",
    },
  });
}

Deno.test("effectiveConfig() shows no secret, and everything else [CFG-63, CFG-140, CFG-143, CFG-144]", () => {
  const shown = effectiveConfig(secretConfig());
  const text = JSON.stringify(shown);
  for (const secret of SECRETS) assert.ok(!text.includes(secret), text);
  assert.deepEqual(shown.control_plane!.extra_headers, { "X-Gateway": "[REDACTED]" });
  assert.equal(shown.control_plane!.http_proxy, "http://p.example:3128");
  assert.equal(shown.control_plane!.http_proxy_source, "TUNNEL_CLIENT_HTTP_PROXY");
  assert.equal(shown.cloudflared!.token, "[REDACTED]");
  const [url, command] = shown.mcp!.channel_bindings as unknown as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  assert.equal(url.server_url, "https://h/mcp/token/[REDACTED]");
  assert.equal(url.http_proxy, "https://q");
  assert.deepEqual([command.command, command.command_args], ["serve", [
    "--token",
    "[REDACTED]",
    "--api-key=[REDACTED]",
    "-H",
    "X-A: [REDACTED]",
    "KEY=[REDACTED]",
    "https://h/x",
  ]]);
  assert.deepEqual([command.env, command.wrapper], [
    { MY_SECRET: "[REDACTED]", PLAIN: "[REDACTED]" },
    ["sh", "--password", "[REDACTED]"],
  ]);
  assert.deepEqual(shown.harpoon!.targets, [
    { label: "a", description: "", base_url: "https://t/x", unix_socket_path: "" },
    { label: "t", description: "", template_parameters: ["id"] },
  ]);
});

Deno.test("secretValuesOf() knows every secret text of that configuration", () => {
  const values = secretValuesOf(secretConfig());
  for (
    const secret of [
      "hunter2-key",
      "hunter2-token",
      "hunter2-gateway",
      "hunter2-mcp",
      "hunter2-discovery",
      "hunter2-template",
      "hunter2-child",
      "hunter2-user",
      "hunter2-word",
      "hunter2-env",
      "key=hunter2-query",
      "hunter2-harpoon",
    ]
  ) assert.ok(values.includes(secret), secret);
  assert.ok(!values.includes("Sup3rPlain"), "what is not called like a secret is none");
});

const URLS: ReadonlyArray<[url: string, shown: string]> = [
  ["", ""],
  ["https://h/token?access_token=x", "https://h/token"],
  ["https://u:p@H:1/a/b?c#d", "https://H:1/a/b"],
  ["https://h/api_key/x/y", "https://h/api_key/[REDACTED]/y"],
  ["https://h/my-secret-path/a", "https://h/[REDACTED]/a"],
  ["https://h/sk-abc", "https://h/[REDACTED]"],
  [`https://h/${"a".repeat(20)}.${"b".repeat(20)}.c`, "https://h/[REDACTED]"],
  ["https://u:p/q@h/", "https://[REDACTED]"],
  ["no url", "[REDACTED]"],
];
for (const [url, shown] of URLS) {
  Deno.test(`shownUrl() shows ${JSON.stringify(url)} as ${shown} [CFG-143]`, () =>
    assert.equal(shownUrl(url), shown));
}

Deno.test("shownProxy() shows scheme, host and port in lower case [CFG-63]", () => {
  assert.equal(shownProxy("HTTP://U:p@Host:3128/x?y"), "http://host:3128");
  assert.equal(shownProxy("u:p@h"), "[REDACTED]");
});

const ARGUMENTS: ReadonlyArray<[words: readonly string[], shown: readonly string[]]> = [
  [["a", "--verbose", "b"], ["a", "--verbose", "b"]],
  [["--api-key", "env:KEY", "--token=file:/k"], ["--api-key", "env:KEY", "--token=file:/k"]],
  [["--token", "--next"], ["--token", "--next"]],
  [["sk-abcdefghijklmnop"], ["sk-REDACTED"]],
  [["--mcp.extra-headers", "nocolon", "--x-extra-header=A: b"], [
    "--mcp.extra-headers",
    "[REDACTED]",
    "--x-extra-header=A: [REDACTED]",
  ]],
];
for (const [words, shown] of ARGUMENTS) {
  Deno.test(`shownArguments() shows ${JSON.stringify(words)} as ${JSON.stringify(shown)} [CFG-140]`, () => {
    assert.deepEqual(shownArguments(words), shown);
  });
}
