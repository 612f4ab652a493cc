import assert from "node:assert/strict";
import type { Binding, RunConfig } from "../../../src/config/mod.ts";
import { STANDARD_PARTS } from "../../support/config_parts.ts";
import { childEnvironment } from "../../../src/sandbox/child_environment.ts";
import { childProgram, childWords } from "../../../src/sandbox/child_words.ts";
import { derivePermissions, workerPermissions } from "../../../src/sandbox/permissions.ts";

function config(baseUrl: string, bindings: readonly Binding[]): RunConfig {
  const proxy = { kind: "environment" };
  return {
    ...STANDARD_PARTS,
    controlPlane: { baseUrl, proxy },
    mcp: { bindings, oauthTrustedOrigins: [] },
  } as unknown as RunConfig;
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

Deno.test("derivePermissions() allows the origins that OAuth metadata may come from, by main's way", () => {
  const plain = config("http://127.0.0.1:1", [http("main", "http://a/")]);
  const trusting = { ...plain, mcp: { ...plain.mcp, oauthTrustedOrigins: ["https://login.example"] } };
  assert.deepEqual(derivePermissions(trusting, [], ["https://learned.example:8443"]).net, [
    "127.0.0.1:1",
    "a:80",
    "learned.example:8443",
    "login.example:443",
  ]);
  const proxy = { kind: "explicit", url: "http://proxy.example:3128", source: "test" } as const;
  const proxied = config("http://127.0.0.1:1", [{ ...http("main", "http://a/"), proxy } as Binding]);
  assert.deepEqual(derivePermissions(proxied, [], ["https://learned.example"]).net, [
    "127.0.0.1:1",
    "proxy.example:3128",
  ]);
});

const PROCESS = {
  PATH: "/bin",
  HOME: "/root",
  LC_TIME: "C",
  HTTPS_PROXY: "http://proxy:1",
  CONTROL_PLANE_API_KEY: "k",
  OPENAI_API_KEY: "k",
  OPENAI_ADMIN_KEY: "k",
  CLOUDFLARED_TUNNEL_TOKEN: "k",
  MCP_EXTRA_HEADERS: "Authorization: k",
  MY_KEY: "k",
  LD_PRELOAD: "x",
  GITHUB_TOKEN: "for the child",
};

Deno.test("childEnvironment() gives the base list and what the binding sets, nothing else [issue 6 §2]", () => {
  const binding = { env: { GREETING: "hello", PATH: "/opt/bin" }, inheritEnv: false };
  assert.deepEqual(childEnvironment(binding, PROCESS, ["MY_KEY"]), {
    PATH: "/opt/bin",
    HOME: "/root",
    LC_TIME: "C",
    HTTPS_PROXY: "http://proxy:1",
    GREETING: "hello",
  });
});

Deno.test("childEnvironment() withholds a base variable that a secret was read from", () => {
  const kept = childEnvironment({ env: {}, inheritEnv: false }, PROCESS, ["HTTPS_PROXY"]);
  assert.equal(kept.HTTPS_PROXY, undefined);
});

Deno.test("childEnvironment() with inherit_env withholds this program's secrets and what the runtime refuses [ST-6]", () => {
  assert.deepEqual(childEnvironment({ env: {}, inheritEnv: true }, PROCESS, ["MY_KEY"]), {
    PATH: "/bin",
    HOME: "/root",
    LC_TIME: "C",
    HTTPS_PROXY: "http://proxy:1",
    GITHUB_TOKEN: "for the child",
  });
});

Deno.test("childEnvironment() finds Windows variables however they are spelled", () => {
  const kept = childEnvironment(
    { env: {}, inheritEnv: false },
    { Path: "C:\\bin", SystemRoot: "C:\\Windows", SECRET: "x" },
    [],
    "windows",
  );
  assert.deepEqual(kept, { Path: "C:\\bin", SystemRoot: "C:\\Windows" });
});

Deno.test("childWords() puts the wrapper before the command and looks up only the first word [issue 6 §2]", () => {
  const plain = { argv: ["node", "server.js"], wrapper: [] };
  assert.equal(childProgram(plain), "node");
  assert.deepEqual(childWords(plain, "/usr/bin/node"), ["/usr/bin/node", "server.js"]);
  const wrapped = { ...plain, wrapper: ["bwrap", "--unshare-net"] };
  assert.equal(childProgram(wrapped), "bwrap");
  assert.deepEqual(childWords(wrapped, "/usr/bin/bwrap"), [
    "/usr/bin/bwrap",
    "--unshare-net",
    "node",
    "server.js",
  ]);
});
