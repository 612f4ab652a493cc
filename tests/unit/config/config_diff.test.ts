import assert from "node:assert/strict";
import { diffConfig, reloadableConfig } from "../../../src/config/config_diff.ts";
import type { RunConfig } from "../../../src/config/mod.ts";
import { load, type TestSources } from "../../support/config_sources.ts";

/** A change as one line. */
function lines(before: RunConfig, after: RunConfig): string[] {
  return diffConfig(before, after).map(({ setting, from, to, isSecret, needsRestart }) =>
    `${setting}: ${isSecret ? "secret" : `${JSON.stringify(from)} → ${JSON.stringify(to)}`}${
      needsRestart ? " (restart)" : ""
    }`
  );
}

const from = (yaml: string, more: TestSources = {}) => load({ yaml, ...more });

Deno.test("diffConfig() finds nothing between a configuration and itself", () => {
  const yaml = "mcp:\n  extra_headers: { X-A: one }\n  commands:\n    - { channel: x, command: run me }\n";
  assert.deepEqual(diffConfig(from(yaml), from(yaml)), []);
});

Deno.test("diffConfig() tells old and new value of what may be shown", () => {
  assert.deepEqual(
    lines(
      from("control_plane: { poll_timeout: 30s }\n"),
      from("control_plane: { poll_timeout: 10s }\nlog: { level: debug, format: json }\n"),
    ),
    [
      'control_plane.poll_timeout: "30s" → "10s"',
      'log.level: "info" → "debug"',
      'log.format: "plain" → "json" (restart)',
    ],
  );
});

Deno.test("diffConfig() names a binding by its channel, whether it is added, changed or removed", () => {
  const one = "mcp:\n  commands:\n    - { channel: a, command: old }\n    - { channel: b, command: gone }\n";
  const two = "mcp:\n  commands:\n    - { channel: c, command: new }\n    - { channel: a, command: other }\n";
  assert.deepEqual(lines(from(one), from(two)), [
    'mcp.bindings.a.command: "old" → "other"',
    'mcp.bindings.b.transport: "stdio" → undefined',
    'mcp.bindings.b.command: "gone" → undefined',
    'mcp.bindings.c.transport: undefined → "stdio"',
    'mcp.bindings.c.command: undefined → "new"',
  ]);
});

Deno.test("diffConfig() sees a secret change and shows nothing of it", async (t) => {
  const cases: readonly [setting: string, before: TestSources, after: TestSources][] = [
    [
      "control_plane.api_key",
      { env: { CONTROL_PLANE_API_KEY: "sk-first-0123456789" } },
      { env: { CONTROL_PLANE_API_KEY: "sk-other-0123456789" } },
    ],
    [
      "mcp.extra_headers.X-Key",
      { yaml: "mcp: { extra_headers: { X-Key: first-0123456789 } }" },
      { yaml: "mcp: { extra_headers: { X-Key: other-0123456789 } }" },
    ],
    [
      "mcp.discovery_extra_headers.X-Key",
      { yaml: "mcp: { discovery_extra_headers: { X-Key: first-0123456789 } }" },
      { yaml: "mcp: { discovery_extra_headers: { X-Key: other-0123456789 } }" },
    ],
    [
      "control_plane.extra_headers.X-Key",
      { yaml: "control_plane: { extra_headers: { X-Key: first-0123456789 } }" },
      { yaml: "control_plane: { extra_headers: { X-Key: other-0123456789 } }" },
    ],
    [
      "mcp.bindings.main.server_url",
      { env: { MCP_SERVER_URL: "http://h.example/mcp?token=first-0123456789" } },
      { env: { MCP_SERVER_URL: "http://h.example/mcp?token=other-0123456789" } },
    ],
    [
      "mcp.bindings.x.command_args",
      { yaml: "mcp: { commands: [{ channel: x, command: run --token first-0123456789 }] }" },
      { yaml: "mcp: { commands: [{ channel: x, command: run --token other-0123456789 }] }" },
    ],
    [
      "mcp.bindings.x.env.NAME",
      { yaml: "mcp: { commands: [{ channel: x, command: run, env: { NAME: first-0123456789 } }] }" },
      { yaml: "mcp: { commands: [{ channel: x, command: run, env: { NAME: other-0123456789 } }] }" },
    ],
    [
      "control_plane.http_proxy",
      { flags: { "control-plane.http-proxy": "http://u:first-0123456789@p.example:1" } },
      { flags: { "control-plane.http-proxy": "http://u:other-0123456789@p.example:1" } },
    ],
    [
      "cloudflared.token",
      { env: { CLOUDFLARED_TUNNEL_TOKEN: "first-0123456789" } },
      { env: { CLOUDFLARED_TUNNEL_TOKEN: "other-0123456789" } },
    ],
  ];
  for (const [setting, before, after] of cases) {
    await t.step(setting, () => {
      const changes = diffConfig(load(before), load(after));
      assert.deepEqual(changes.map((change) => [change.setting, change.isSecret]), [[setting, true]]);
      assert.doesNotMatch(JSON.stringify(changes), /0123456789/);
    });
  }
});

Deno.test("diffConfig() tells a header that is added by its name only", () => {
  const changes = diffConfig(from("{}"), from("mcp: { extra_headers: { X-Key: a-secret-value } }"));
  assert.deepEqual(changes.map(({ setting }) => setting), ["mcp.extra_headers.X-Key"]);
  assert.doesNotMatch(JSON.stringify(changes), /a-secret-value/);
});

Deno.test("whatever reloadableConfig() leaves as it was needs a restart, and nothing else does", () => {
  const before = load();
  const after = from(
    [
      `control_plane: { tunnel_id: tunnel_${"f".repeat(32)}, initial_poll_timeout: 3s, poll_timeout: 9s }`,
      "mcp: { startup_wait_timeout: 4s, connection_max_ttl: 50s, max_concurrent_requests: 5 }",
      "log: { level: debug, format: json, file: /tmp/x.log }",
      "health: { listen_addr: 127.0.0.1:1, url_file: /tmp/x }",
      "process: { pid_file: /tmp/p }",
      "admin_ui: { allow_remote: true }",
      "sandbox: { mode: off, learn: any }",
      "reload: { watch: true }",
      "shutdown: { drain_timeout: 5s }",
    ].join("\n"),
    // The variable of the minimal sources would win over the file.
    { flags: { "control-plane.tunnel-id": `tunnel_${"f".repeat(32)}` } },
  );
  const applied = reloadableConfig(before, after);
  const all = diffConfig(before, after);
  assert.deepEqual(
    diffConfig(applied, after).map(({ setting }) => setting),
    all.filter(({ needsRestart }) => needsRestart).map(({ setting }) => setting),
  );
  const now = diffConfig(before, applied);
  assert.deepEqual(now.filter(({ needsRestart }) => needsRestart), []);
  assert.deepEqual(now, all.filter(({ needsRestart }) => !needsRestart));
  assert.deepEqual(now.map(({ setting }) => setting), [
    "control_plane.poll_timeout",
    "log.level",
    "mcp.connection_max_ttl",
    "mcp.max_concurrent_requests",
    "shutdown.drain_timeout",
    "reload.watch",
    "sandbox.learn",
  ]);
});
