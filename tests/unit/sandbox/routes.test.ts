import assert from "node:assert/strict";
import type { Binding, ProxyChoice, RunConfig } from "../../../src/config/mod.ts";
import { derivePermissions, workerPermissions } from "../../../src/sandbox/permissions.ts";
import { namedRoutes, routeFields } from "../../../src/sandbox/route_list.ts";
import { certificatePathsOf, NO_TLS_TEXTS, routesOf } from "../../../src/sandbox/routes.ts";
import { STANDARD_PARTS } from "../../support/config_parts.ts";

const ENVIRONMENT: ProxyChoice = { kind: "environment" };
const EXPLICIT: ProxyChoice = {
  kind: "explicit",
  url: "http://ann:secret@proxy.example:3128",
  source: "http-proxy",
};

interface Parts {
  readonly controlPlane?: Partial<RunConfig["controlPlane"]>;
  readonly bindings?: readonly Binding[];
  readonly environmentProxies?: Partial<RunConfig["environmentProxies"]>;
}

function config({ controlPlane, bindings = [], environmentProxies }: Parts): RunConfig {
  return {
    ...STANDARD_PARTS,
    environmentProxies: { ...STANDARD_PARTS.environmentProxies, ...environmentProxies },
    controlPlane: { baseUrl: "https://cp.example", proxy: ENVIRONMENT, ...controlPlane },
    mcp: { bindings, oauthTrustedOrigins: [] },
  } as unknown as RunConfig;
}

function http(channel: string, url: string, more: Partial<Extract<Binding, { url: string }>> = {}): Binding {
  return { channel, transport: "http-streamable", url, proxy: ENVIRONMENT, ...more };
}

const STDIO = {
  channel: "files",
  transport: "stdio",
  command: "node server.js",
  argv: ["node", "server.js"],
  env: {},
  inheritEnv: false,
  wrapper: [],
} satisfies Binding;

Deno.test("derivePermissions() allows a proxy in the place of what is behind it, and nothing of both twice", () => {
  const set = derivePermissions(
    config({
      controlPlane: { proxy: EXPLICIT },
      bindings: [
        http("main", "https://a.example/mcp", { proxy: EXPLICIT }),
        http("b", "https://b.example/mcp"),
      ],
    }),
    [],
  );
  assert.deepEqual(set.net, ["b.example:443", "proxy.example:3128"]);
});

Deno.test("derivePermissions() follows the variables as traffic does: by scheme, NO_PROXY and loopback [CFG-61]", () => {
  const set = derivePermissions(
    config({
      environmentProxies: {
        httpsProxy: { variable: "https_proxy", value: "socks5h://s.example" },
        httpProxy: { variable: "HTTP_PROXY", value: "h.example:8080" },
        noProxy: { variable: "NO_PROXY", value: ".inside.example, 10.0.0.0/8" },
      },
      bindings: [
        http("main", "http://a.example/mcp"),
        http("b", "https://b.inside.example:8443/mcp"),
        http("c", "http://10.1.2.3/mcp"),
        http("d", "http://[::1]:9/mcp"),
      ],
    }),
    [],
  );
  assert.deepEqual(set.net, [
    "10.1.2.3:80",
    "[::1]:9",
    "b.inside.example:8443",
    "h.example:8080",
    "s.example:1080",
  ]);
});

Deno.test("derivePermissions() allows a socket in the place of its URL's host, whatever proxy is set [CFG-64, P-7]", () => {
  const set = derivePermissions(
    config({
      controlPlane: { unixSocket: "/run/cp.sock", proxy: EXPLICIT },
      bindings: [http("main", "https://a.example/mcp", { unixSocket: "/run/mcp.sock" })],
    }),
    [],
  );
  assert.deepEqual(set, { net: [], sockets: ["/run/cp.sock", "/run/mcp.sock"], run: [] });
});

Deno.test("workerPermissions() writes sockets as this version and the oldest one take them", () => {
  const set = { net: ["a:1"], sockets: ["/run/a.sock"], run: [] };
  const newer = workerPermissions(set, "2.9.6");
  assert.deepEqual([newer.net, newer.read, newer.write], [
    ["a:1", "unix:/run/a.sock"],
    ["/run/a.sock"],
    ["/run/a.sock"],
  ]);
  const older = workerPermissions(set, "2.7.11");
  assert.deepEqual([older.net, older.read, older.write], [["a:1"], ["/run/a.sock"], ["/run/a.sock"]]);
});

Deno.test("routesOf() gives each peer its certificate, for its own origin only, and all the roots [CFG-57, TL-1]", () => {
  const own = { certPath: "/own.pem", keyPath: "/own.key" };
  const fallback = { certPath: "/mcp.pem", keyPath: "/mcp.key" };
  const configured = config({
    controlPlane: { clientCertificate: { certPath: "/cp.pem", keyPath: "/cp.key" } },
    bindings: [
      http("main", "https://a.example/mcp", { clientCertificate: own }),
      http("b", "https://b.example/mcp", { clientCertificate: fallback }),
      http("c", "https://c.example/mcp", { clientCertificate: fallback }),
      STDIO,
    ],
  });
  assert.deepEqual(certificatePathsOf(configured).map(({ certPath }) => certPath), [
    "/cp.pem",
    "/own.pem",
    "/mcp.pem",
  ]);
  const text = (name: string) => ({ certPem: `${name} certificate`, keyPem: `${name} key` });
  const { controlPlane, channels } = routesOf(configured, {
    caPem: "roots",
    certificates: { "/cp.pem": text("cp"), "/own.pem": text("own"), "/mcp.pem": text("mcp") },
  });
  assert.deepEqual(controlPlane.tls, {
    caPem: "roots",
    clientCertificate: { ...text("cp"), origin: "https://cp.example" },
  });
  assert.deepEqual(channels.main?.tls.clientCertificate, { ...text("own"), origin: "https://a.example/mcp" });
  assert.deepEqual(channels.b?.tls.clientCertificate, { ...text("mcp"), origin: "https://b.example/mcp" });
  assert.deepEqual(Object.keys(channels), ["main", "b", "c"]);
});

Deno.test("namedRoutes() tells every route in the published names, and no secret of it [PX-9, PX-12]", () => {
  const configured = config({
    controlPlane: { unixSocket: "/run/cp.sock" },
    bindings: [
      http("main", "https://a.example/mcp?key=hidden", {
        proxy: EXPLICIT,
        clientCertificate: { certPath: "/mcp.pem", keyPath: "/mcp.key" },
      }),
      http("b", "http://b.example/mcp"),
      STDIO,
    ],
    environmentProxies: { httpProxy: { variable: "http_proxy", value: "ann:secret@Env.Example:80" } },
  });
  const fields = namedRoutes(configured, routesOf(configured, NO_TLS_TEXTS)).map(routeFields);
  const present = JSON.parse(JSON.stringify(fields));
  assert.match(present[1].proxy_id, /^[0-9a-f]{64}$/);
  assert.match(present[2].proxy_id, /^[0-9a-f]{64}$/);
  assert.deepEqual(present, [
    {
      mtls_enabled: false,
      unix_socket_path: "/run/cp.sock",
      route_kind: "control_plane",
      route_name: "control-plane",
      target_host: "cp.example:443",
      route_mode: "direct",
      proxy_source: "none",
    },
    {
      channel: "main",
      transport: "http-streamable",
      mtls_enabled: true,
      mtls_cert_path: "/mcp.pem",
      route_kind: "mcp_channel",
      route_name: "main",
      target_host: "a.example:443",
      route_mode: "proxy",
      proxy_source: "http-proxy",
      proxy_url: "http://proxy.example:3128",
      proxy_id: present[1].proxy_id,
    },
    {
      channel: "b",
      transport: "http-streamable",
      mtls_enabled: false,
      route_kind: "mcp_channel",
      route_name: "b",
      target_host: "b.example:80",
      route_mode: "proxy",
      proxy_source: "env:http_proxy",
      proxy_url: "http://env.example:80",
      proxy_id: present[2].proxy_id,
    },
    {
      channel: "files",
      transport: "stdio",
      mtls_enabled: false,
      route_kind: "mcp_channel",
      route_name: "files",
      route_mode: "direct",
      proxy_source: "none",
    },
  ]);
  assert.doesNotMatch(JSON.stringify(fields), /secret|ann:|hidden/);
});
