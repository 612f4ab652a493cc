import assert from "node:assert/strict";
import type { Binding, RunConfig } from "../../../src/config/mod.ts";
import { STANDARD_PARTS } from "../../support/config_parts.ts";
import { childEnvironment } from "../../../src/sandbox/child_environment.ts";
import { derivePermissions, workerPermissions } from "../../../src/sandbox/permissions.ts";

function config(baseUrl: string, bindings: readonly Binding[]): RunConfig {
  const proxy = { kind: "environment" };
  return { ...STANDARD_PARTS, controlPlane: { baseUrl, proxy }, mcp: { bindings } } as unknown as RunConfig;
}

function http(channel: string, url: string): Binding {
  return { channel, transport: "http-streamable", url, proxy: { kind: "environment" } };
}

Deno.test("derivePermissions() allows every peer by host and port, once, and nothing else", () => {
  const set = derivePermissions(
    config("https://api.openai.com/ignored", [
      http("main", "http://mcp.internal/mcp?key=secret"),
      http("other", "https://user:pw@mcp.internal:8443/x"),
      http("again", "http://MCP.internal:80/y"),
      http("six", "http://[::1]:9/mcp"),
    ]),
    [],
  );
  assert.deepEqual(set, {
    net: ["[::1]:9", "api.openai.com:443", "mcp.internal:80", "mcp.internal:8443"],
    sockets: [],
    run: [],
  });
});

Deno.test("derivePermissions() leaves out bindings that the poll-channel allowlist disables [CH-9]", () => {
  const all = config("http://127.0.0.1:1", [
    http("main", "http://a/"),
    http("other", "http://b/"),
  ]);
  const scoped = { ...all, controlPlane: { ...all.controlPlane, pollChannels: ["other"] } };
  assert.deepEqual(derivePermissions(scoped, []).net, ["127.0.0.1:1", "b:80"]);
});

Deno.test("derivePermissions() allows the given programs, once", () => {
  const set = derivePermissions(config("http://127.0.0.1:1", []), [
    "/usr/bin/node",
    "/bin/kill",
    "/usr/bin/node",
  ]);
  assert.deepEqual(set.run, ["/bin/kill", "/usr/bin/node"]);
});

Deno.test("workerPermissions() refuses every other kind of access", () => {
  const permissions = workerPermissions({ net: ["a:1"], sockets: [], run: [] });
  assert.deepEqual(permissions, {
    net: ["a:1"],
    run: false,
    env: false,
    read: false,
    write: false,
    sys: false,
    ffi: false,
    import: false,
  });
});

Deno.test("childEnvironment() withholds this program's secrets and what the runtime refuses [ST-6]", () => {
  const environment = {
    PATH: "/bin",
    HOME: "/root",
    CONTROL_PLANE_API_KEY: "k",
    OPENAI_API_KEY: "k",
    OPENAI_ADMIN_KEY: "k",
    CLOUDFLARED_TUNNEL_TOKEN: "k",
    MCP_EXTRA_HEADERS: "Authorization: k",
    MY_KEY: "k",
    LD_PRELOAD: "x",
    GITHUB_TOKEN: "for the child",
  };
  assert.deepEqual(childEnvironment(environment, ["MY_KEY"]), {
    PATH: "/bin",
    HOME: "/root",
    GITHUB_TOKEN: "for the child",
  });
});
