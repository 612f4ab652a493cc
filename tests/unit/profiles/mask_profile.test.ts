import assert from "node:assert/strict";
import fc from "fast-check";
import { maskProfile } from "../../../src/profiles/mod.ts";

const SECRETS = [
  "sk-abcdefghijklmnop",
  "hunter2hunter2",
  "header-value-1",
  "p4ssword",
  "query-secret",
  "arg-secret-1",
  "child-secret-1",
  "template-secret",
  "token-secret-1",
];

const PROFILE = `# the old key was sk-abcdefghijklmnop, hunter2hunter2 too
control_plane:
  api_key: &key "sk-abcdefghijklmnop"   # mine
  tunnel_id: tunnel_0123456789abcdef0123456789abcdef
  apikey: 'hunter2hunter2'
  extra_headers: { X-Env: header-value-1, Authorization: env:AUTH }
cloudflared:
  token: >-
    token-secret-1
log: { level: info }
mcp:
  client_key: /etc/client.key
  server_urls:
    - url: "https://user:p4ssword@host.example/x?api_key=query-secret&a=1"
  commands:
    - command: server --token arg-secret-1 --port 3
      env:
        API_TOKEN: |
          child-secret-1
        OTHER: env:OTHER
harpoon:
  targets:
    - label: a
      url: https://host.example/
      template:
        headers: { Authorization: template-secret }
`;

Deno.test("maskProfile() shows everything but the secrets, wherever they stand", () => {
  const masked = maskProfile(PROFILE, "p.yaml");
  assert.ok(masked);
  for (const secret of SECRETS) assert.ok(!masked.text.includes(secret), `${secret} in\n${masked.text}`);
  for (
    const kept of [
      "# mine",
      'api_key: &key "[REDACTED]"',
      "Authorization: env:AUTH",
      "client_key: /etc/client.key",
      "host.example/x?api_key=[REDACTED]&a=1",
      '"server --token [REDACTED] --port 3"',
      "OTHER: env:OTHER",
      "tunnel_0123456789abcdef0123456789abcdef",
    ]
  ) assert.ok(masked.text.includes(kept), `${kept} not in\n${masked.text}`);
  assert.equal(masked.text.split("\n").length >= PROFILE.split("\n").length - 3, true);
  assert.notEqual(maskProfile(masked.text, "p.yaml"), undefined, "it is still YAML");
});

Deno.test("maskProfile() names the secrets that should be references, by line and column", () => {
  const { secrets } = maskProfile(PROFILE, "p.yaml") ?? assert.fail();
  assert.deepEqual(secrets.map(({ key, location }) => `${key}:${location.line}:${location.column}`), [
    "control_plane.api_key:3:17",
    "control_plane.apikey:5:11",
    "cloudflared.token:8:10",
    "mcp.server_urls.url:14:12",
    "mcp.commands.command:16:16",
    "mcp.commands.env.API_TOKEN:18:20",
    "harpoon.targets.template.headers.Authorization:26:35",
  ]);
});

Deno.test("maskProfile() follows an alias to where the secret stands", () => {
  const text = "x: &a some-secret-1\ncontrol_plane: { api_key: *a }\nlog: { file: some-secret-1 }\n";
  const { text: masked, secrets } = maskProfile(text, "p") ?? assert.fail();
  assert.equal(masked, 'x: &a "[REDACTED]"\ncontrol_plane: { api_key: *a }\nlog: { file: [REDACTED] }\n');
  assert.deepEqual(secrets.map(({ location }) => location.line), [1]);
  const merged = "base: &b { api_key: merged-secret }\ncontrol_plane: { <<: *b }\n";
  assert.doesNotMatch(maskProfile(merged, "p")?.text ?? "merged-secret", /merged-secret/);
});

Deno.test("maskProfile() changes nothing in a profile without secrets, and gives up on what is not YAML", () => {
  const text = "config_version: 1\n# a comment\ncontrol_plane: { api_key: 'file:/run/key' }\r\n";
  assert.deepEqual(maskProfile(text, "p"), { text, secrets: [] });
  assert.deepEqual(maskProfile("", "p"), { text: "", secrets: [] });
  assert.equal(maskProfile("a: [sk-abcdefghijklmnop", "p"), undefined);
});

Deno.test("maskProfile() masks the secrets of every document, and of a profile in JSON", () => {
  const { text } = maskProfile("a: 1\n---\napi_key: second-secret\n", "p") ?? assert.fail();
  assert.equal(text, 'a: 1\n---\napi_key: "[REDACTED]"\n');
  const json = maskProfile('{"control_plane": {"api_key": "json-secret"}}', "p") ?? assert.fail();
  assert.deepEqual(JSON.parse(json.text), { control_plane: { api_key: "[REDACTED]" } });
});

/** Ways to write a text in YAML, where the key stands no deeper than eight. */
const STYLES: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `"${text}"`,
  (text) => `'${text}'`,
  (text) => `|\n            ${text}`,
  (text) => `>-\n            ${text}`,
  (text) => `!!str ${text}`,
  (text) => `&anchor ${text}`,
  (text) => `${text} # ${text}`,
];
const PLACES: readonly ((value: string) => string)[] = [
  (value) => `control_plane:\n  api_key: ${value}\n`,
  (value) => `control_plane:\n  extra_headers:\n    X-Any: ${value}\n`,
  (value) => `cloudflared:\n  token: ${value}\n`,
  (value) => `mcp:\n  commands:\n    - command: x\n      env:\n        MY_TOKEN: ${value}\n`,
  (value) => `misspelt:\n  client_secret: ${value}\n`,
];

Deno.test("maskProfile() hides any secret in any way to write it, also in the comments", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[A-Za-z][A-Za-z0-9_+/=.-]{7,30}$/),
      fc.constantFrom(...STYLES),
      fc.constantFrom(...PLACES),
      (secret, style, place) => {
        const text = `# before ${secret}\n${place(style(secret))}log: { level: info }\n# after ${secret}\n`;
        const masked = maskProfile(text, "p");
        assert.ok(masked, text);
        assert.ok(!masked.text.includes(secret), masked.text);
        assert.ok(masked.text.includes("log: { level: info }\n"), masked.text);
        assert.notEqual(maskProfile(masked.text, "p"), undefined, masked.text);
      },
    ),
    { numRuns: 400 },
  );
});
