import assert from "node:assert/strict";
import { parse } from "yaml";
import { type Json, type JsonSchema, profileJsonSchema } from "../../../src/config/mod.ts";
import { loadAll, MINIMAL, problemsOf } from "../../support/config_sources.ts";

/** What a value breaks, by path: the keywords that the schema uses, as JSON Schema defines them. */
function broken(value: unknown, schema: JsonSchema, path = "$"): string[] {
  const found: string[] = [];
  const {
    type,
    enum: choices,
    anyOf,
    pattern,
    minimum,
    maximum,
    items,
    properties,
    required,
    additionalProperties,
  } = schema as Record<string, Json | undefined>;
  if (Array.isArray(type) || typeof type === "string") {
    const types = [type].flat();
    if (!types.some((name) => isOfType(value, name as string))) return [`${path}: type`];
  }
  if (Array.isArray(choices) && !choices.includes(value as Json)) found.push(`${path}: enum`);
  if (Array.isArray(anyOf) && anyOf.every((option) => broken(value, option as JsonSchema, path).length > 0)) {
    found.push(`${path}: anyOf`);
  }
  if (typeof value === "string" && typeof pattern === "string" && !new RegExp(pattern, "u").test(value)) {
    found.push(`${path}: pattern`);
  }
  if (typeof value === "number") {
    if (typeof minimum === "number" && value < minimum) found.push(`${path}: minimum`);
    if (typeof maximum === "number" && value > maximum) found.push(`${path}: maximum`);
  }
  if (Array.isArray(value) && items !== undefined) {
    value.forEach((item, index) => found.push(...broken(item, items as JsonSchema, `${path}[${index}]`)));
  }
  if (isOfType(value, "object")) {
    const known = (properties ?? {}) as Record<string, JsonSchema>;
    const entries = Object.entries(value as Record<string, unknown>);
    for (const key of (required ?? []) as string[]) {
      if (!entries.some(([name]) => name === key)) found.push(`${path}.${key}: required`);
    }
    for (const [key, member] of entries) {
      if (known[key] !== undefined) found.push(...broken(member, known[key], `${path}.${key}`));
      else if (additionalProperties === false) found.push(`${path}.${key}: additionalProperties`);
      else if (typeof additionalProperties === "object") {
        found.push(...broken(member, additionalProperties as JsonSchema, `${path}.${key}`));
      }
    }
  }
  return found;
}

function nameOfType(value: unknown): string {
  return typeof value;
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return type === nameOfType(value);
  }
}

/** The shapes of the built-in samples (CFG-147), and one profile with everything. */
const ACCEPTED: readonly string[] = [
  `config_version: 1
control_plane: {base_url: "https://api.openai.com", tunnel_id: "tunnel_0123456789abcdef0123456789abcdef", api_key: "env:K"}
health: {listen_addr: "127.0.0.1:8080"}
admin_ui: {open_browser: false}
log: {level: info, format: json}
mcp:
  server_urls:
    - {channel: main, url: "http://127.0.0.1:3001/mcp"}`,
  `config_version: 1
ca_bundle: "env:CA"
http_proxy: "env:P"
control_plane: {tunnel_id: "tunnel_0123456789abcdef0123456789abcdef", api_key: "env:K", url_path: /x}
mcp: {commands: [{channel: main, command: "python /path/to/server.py"}]}`,
  `config_version: 2
ca_bundle: /ca
control_plane:
  tunnel_id: tunnel_0123456789abcdef0123456789abcdef
  api_key: file:/k
  organization_id: org
  client_cert: /c
  client_key: /k
  max_inflight_requests: 10000
  poll_timeout: 1m30s
  initial_poll_timeout: 1.5s
  poll_deadline_guardrail: 500ms
  poll_channels: [main, harpoon]
  extra_headers: {X-A: 1, X-B: env:K}
log: {level: DEBUG, format: Struct-Text, file: /l, http_raw_unsafe: yes}
health: {unix_socket: /s, url_file: /u, show_details: on}
admin_ui: {allow_remote: true, open_browser: Off, log_buffer_events: 1}
process: {pid_file: /p}
cloudflared: {token: env:K, managed: true, path: /x, ready_timeout: 30s}
mcp:
  server_urls: [{url: "http://h", unix_socket: /s}, {channel: b, url: "http://b", http_proxy: "http://p", client_cert: /c, client_key: /k}]
  commands: [{channel: c, command: x, env: {A: b}, inherit_env: true, wrapper: [bwrap, --]}]
  startup_wait_timeout: 0
  connection_max_ttl: 10m
  max_concurrent_requests: 10
  stdio_concurrency: 2
  oauth_trusted_origins: ["https://o"]
harpoon:
  targets:
    - {label: a, url: "https://h", description: d}
    - label: t
      template:
        version: 1
        origin: https://h
        path_template: /{id}
        parameters: {id: {type: string, required: true, pattern: "[a-z]+", max_length: 8}}
  max_redirects: 0
  additional_transports: [http-streamable]
  hosts_include_suffix: [example.com]
  hosts_include_regex: ["^a$"]
proxy: {check_interval: 1m}
shutdown: {drain_timeout: 0s}
sandbox: {mode: strict, learn: any}`,
  "config_version: 1\nlog:\nmcp: ~",
];
for (const [index, yaml] of ACCEPTED.entries()) {
  Deno.test(`the JSON Schema accepts profile ${index + 1}, and so does the loader`, () => {
    assert.deepEqual(broken(parse(yaml), profileJsonSchema()), []);
    const { CONTROL_PLANE_API_KEY: _key, MCP_SERVER_URL: _url, ...env } = MINIMAL;
    const more = yaml.includes("server_urls") || yaml.includes("commands") ? {} : { MCP_COMMAND: "x" };
    const key = yaml.includes("api_key") ? {} : { CONTROL_PLANE_API_KEY: "k" };
    loadAll({
      yaml,
      env: { ...env, ...more, ...key, K: "k", P: "http://p", CA: "/ca" } as Record<string, string>,
      files: { "/k": "k" },
    });
  });
}

const REFUSED: ReadonlyArray<[yaml: string, broken: string]> = [
  ["controlplane: {}", "$.controlplane: additionalProperties"],
  ["control_plane: {tunnel: x}", "$.control_plane.tunnel: additionalProperties"],
  ["log: info", "$.log: type"],
  ["log: {level: loud}", "$.log.level: anyOf"],
  ["config_version: 3", "$.config_version: enum"],
  ["mcp: {server_urls: {url: x}}", "$.mcp.server_urls: type"],
  ["mcp: {server_urls: [{channel: x}]}", "$.mcp.server_urls[0].url: required"],
  ["mcp: {commands: [{command: x, url: y}]}", "$.mcp.commands[0].url: additionalProperties"],
  ["mcp: {extra_headers: [a]}", "$.mcp.extra_headers: type"],
  ["control_plane: {max_inflight_requests: 0}", "$.control_plane.max_inflight_requests: minimum"],
  ["control_plane: {max_inflight_requests: 10001}", "$.control_plane.max_inflight_requests: maximum"],
  ["control_plane: {max_inflight_requests: 1.5}", "$.control_plane.max_inflight_requests: type"],
  ["control_plane: {poll_timeout: 30}", "$.control_plane.poll_timeout: anyOf"],
  ["control_plane: {poll_timeout: 1d}", "$.control_plane.poll_timeout: anyOf"],
  ["control_plane: {poll_channels: main}", "$.control_plane.poll_channels: type"],
  ["log: {http_raw_unsafe: 1}", "$.log.http_raw_unsafe: anyOf"],
  ["harpoon: {targets: [{label: a, template: {}}]}", "$.harpoon.targets[0].template.version: required"],
  [
    "harpoon: {targets: [{label: a, template: {headers: [x]}}]}",
    "$.harpoon.targets[0].template.headers: type",
  ],
];
for (const [yaml, what] of REFUSED) {
  Deno.test(`the JSON Schema refuses ${yaml}, and so does the loader`, () => {
    const found = broken(parse(yaml), profileJsonSchema());
    assert.ok(found.includes(what), found.join("\n"));
    assert.notDeepEqual(problemsOf({ yaml }), []);
  });
}

Deno.test("every property of the JSON Schema is described, and the whole is JSON", () => {
  const schema = profileJsonSchema();
  assert.deepEqual(JSON.parse(JSON.stringify(schema)), schema);
  const undescribed: string[] = [];
  const walk = (node: JsonSchema, path: string) => {
    for (const [key, member] of Object.entries((node.properties ?? {}) as Record<string, JsonSchema>)) {
      if (member.properties === undefined && member.description === undefined) undescribed.push(path + key);
      walk(member, `${path}${key}.`);
    }
    if (node.items !== undefined) walk(node.items as JsonSchema, `${path}[].`);
  };
  walk(schema, "");
  assert.deepEqual(undescribed, []);
});
