import assert from "node:assert/strict";
import { validateProfileText } from "../../../src/config/mod.ts";

const PATH = "/p/new.yaml";
const REFUSED: ReadonlyArray<[what: string, yaml: string, message: RegExp]> = [
  ["an unknown key", "logs: {}", /^\/p\/new\.yaml:1:1: field logs not found$/],
  ["a wrong version", "config_version: 7", /unsupported config_version 7/],
  ["no document", "", /the file holds no YAML document/],
  [
    "a bad variable name",
    "control_plane: {api_key: 'env:A B'}",
    /control_plane\.api_key: "A B" is no name for a variable/,
  ],
  ["no variable name", "control_plane: {base_url: 'env:'}", /"" is no name for a variable/],
  ["no path", "health: {listen_addr: 'file: '}", /health\.listen_addr: missing path after file:/],
  ["a bad name in a path", "ca_bundle: 'env:1'", /ca_bundle: "1" is no name/],
  ["a bad name in a proxy", "http_proxy: 'env:a-b'", /http_proxy: "a-b" is no name/],
  [
    "a bad name in an entry",
    "mcp: {server_urls: [{url: 'env:a-b'}]}",
    /mcp\.server_urls\[0\]\.url: "a-b" is no name/,
  ],
  [
    "a bad name in a child's variable",
    "mcp: {commands: [{command: x, env: {A: 'env:a-b'}}]}",
    /mcp\.commands\[0\]\.env\.A: "a-b"/,
  ],
  ["a literal token", "cloudflared: {token: hunter2}", /cloudflared\.token must be a reference/],
  ["a blank key", "control_plane: {api_key: ' '}", /control_plane\.api_key cannot be empty/],
  ["a blank certificate", "control_plane: {client_cert: ''}", /control_plane\.client_cert cannot be empty/],
  [
    "a blank socket",
    "mcp: {server_urls: [{url: x, unix_socket: ''}]}",
    /mcp\.server_urls\[0\]\.unix_socket cannot be empty/,
  ],
  [
    "a blank target socket",
    "harpoon: {targets: [{label: a, url: x, unix_socket: ' '}]}",
    /unix_socket cannot be empty/,
  ],
  [
    "a line break in a URL",
    'control_plane: {base_url: "a\\nb"}',
    /control_plane\.base_url must not contain a line break/,
  ],
  [
    "a line break in a command",
    "mcp:\n  commands:\n    - command: |\n        a\n        b",
    /command must not contain a line break/,
  ],
  [
    "a header name",
    "mcp: {extra_headers: {'a b': x}}",
    /invalid HTTP header name "a b" in mcp\.extra_headers/,
  ],
  ["a header without value", "mcp: {extra_headers: {X-A: }}", /mcp\.extra_headers\.X-A cannot be empty/],
  [
    "a header value of two lines",
    'mcp: {extra_headers: {X-A: "hunter2\\nb"}}',
    /invalid HTTP header value for X-A/,
  ],
  [
    "a reserved header",
    "control_plane: {extra_headers: {authorization: x}}",
    /cannot override control-plane authentication/,
  ],
  [
    "a header from a bad name",
    "mcp: {discovery_extra_headers: {X-A: 'env:a-b'}}",
    /discovery_extra_headers\.X-A: "a-b" is no name/,
  ],
  ["a target without URL", "harpoon: {targets: [{label: a}]}", /missing url for target "a"/],
  ["a server without URL", "mcp: {server_urls: [{channel: a}]}", /url is required in mcp\.server_urls\[0\]/],
];
for (const [what, yaml, message] of REFUSED) {
  Deno.test(`validateProfileText() refuses ${what} [CFG-41]`, async () => {
    const problems = await validateProfileText(yaml, PATH);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.match(problems[0]!.message, message);
    assert.equal(problems[0]!.location?.path, PATH);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
  });
}

const ACCEPTED: ReadonlyArray<[what: string, yaml: string]> = [
  ["only a version", "config_version: 1"],
  ["a raw key", "control_plane: {api_key: hunter2}"],
  [
    "references that lead nowhere",
    "control_plane: {api_key: env:NOPE, base_url: file:/nope}\nca_bundle: env:NOPE",
  ],
  [
    "values that run would refuse",
    "control_plane: {tunnel_id: x, poll_timeout: soon, base_url: nohost}\nlog: {level: loud}",
  ],
  ["empty optional texts", "mcp: {server_urls: [{url: x, http_proxy: '', client_cert: ''}]}\nca_bundle: ''"],
  ["header references", "mcp: {extra_headers: {X-A: ENV:B, X-B: 'file:/x'}}"],
];
for (const [what, yaml] of ACCEPTED) {
  Deno.test(`validateProfileText() accepts ${what} [CFG-41]`, async () => {
    assert.deepEqual(await validateProfileText(yaml, PATH), []);
  });
}

Deno.test("validateProfileText() tells every mistake in the order of the file [CFG-34]", async () => {
  const yaml = "mcp: {extra_headers: {X-A: }}\ncontrol_plane:\n  api_key: ''\n  base: 1\nca_bundle: 'env:-'";
  const problems = await validateProfileText(yaml, PATH);
  assert.deepEqual(problems.map(({ location }) => location?.line), [1, 3, 4, 5]);
});
