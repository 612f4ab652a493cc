import assert from "node:assert/strict";
import type { Binding, HttpBinding, ProxyChoice } from "../../../src/config/mod.ts";
import { load, loadBare, MINIMAL, problemsOf, type TestSources } from "../../support/config_sources.ts";

const ENVIRONMENT: ProxyChoice = { kind: "environment" };
const { MCP_SERVER_URL: _url, ...WITHOUT_TARGET } = MINIMAL;

function explicit(url: string, source: string): ProxyChoice {
  return { kind: "explicit", url, source };
}

function http(binding: Binding | undefined): HttpBinding {
  assert.equal(binding?.transport, "http-streamable");
  return binding as HttpBinding;
}

Deno.test("each scope has its own proxy, else its parent's, with the parent's label [CFG-59, CFG-60]", () => {
  const flags = { "mcp.server-url": ["http://a", "channel=b,url=http://b,http-proxy=http://own"] };
  const proxies = (sources: TestSources) => {
    const { controlPlane, mcp, harpoon } = loadBare({
      ...sources,
      flags: { ...flags, ...sources.flags },
      env: { ...WITHOUT_TARGET, ...sources.env },
    });
    return [controlPlane.proxy, ...mcp.bindings.map((binding) => http(binding).proxy), harpoon.proxy];
  };
  const own = explicit("http://own", "mcp.server-url");
  assert.deepEqual(proxies({}), [ENVIRONMENT, ENVIRONMENT, own, ENVIRONMENT]);
  const global = explicit("http://g:1", "TUNNEL_CLIENT_HTTP_PROXY");
  const env = { TUNNEL_CLIENT_HTTP_PROXY: "http://g:1" };
  assert.deepEqual(proxies({ env }), [global, global, own, global]);
  const mcp = explicit("http://m", "env:M");
  assert.deepEqual(proxies({ env: { ...env, M: "http://m" }, flags: { "mcp.http-proxy": "env:M" } }), [
    global,
    mcp,
    own,
    global,
  ]);
});

Deno.test("labels: a flag's name, a variable's name also for the file, mcp.server-url for a channel's own, env:NAME [CFG-60]", () => {
  const env = { P: "http://p" };
  const labels: ReadonlyArray<[TestSources, string]> = [
    [{ flags: { "http-proxy": "http://p" } }, "http-proxy"],
    [{ env: { TUNNEL_CLIENT_HTTP_PROXY: "http://p" } }, "TUNNEL_CLIENT_HTTP_PROXY"],
    [{ yaml: "http_proxy: http://p" }, "TUNNEL_CLIENT_HTTP_PROXY"],
    [{ yaml: "http_proxy: env:P", env }, "env:P"],
    [{ flags: { "control-plane.http-proxy": "http://p" } }, "control-plane.http-proxy"],
    [{ yaml: "control_plane: {http_proxy: http://p}" }, "CONTROL_PLANE_HTTP_PROXY"],
  ];
  for (const [sources, label] of labels) {
    assert.deepEqual(load(sources).controlPlane.proxy, explicit("http://p", label), label);
  }
  const yaml =
    "mcp: {server_urls: [{url: http://u, http_proxy: HTTP://p}, {channel: b, url: http://b, http_proxy: env:P}]}";
  const { mcp } = loadBare({ yaml, env: { ...WITHOUT_TARGET, ...env } });
  assert.deepEqual(mcp.bindings.map((binding) => http(binding).proxy), [
    explicit("HTTP://p", "mcp.server-url"),
    explicit("http://p", "env:P"),
  ]);
});

Deno.test("a Unix socket knows no proxy, neither inherited nor its own [CFG-59, CFG-64, CFG-78]", () => {
  const flags = { "http-proxy": "http://p", "mcp.server-url": "url=https://h/mcp, unix-socket=env:SOCK" };
  const { mcp } = load({ flags, env: { SOCK: " /run/s.sock " } });
  assert.deepEqual(mcp.bindings, [{
    channel: "main",
    transport: "http-streamable",
    url: "https://h/mcp",
    unixSocket: "/run/s.sock",
    proxy: ENVIRONMENT,
  }]);
  const [problem] = problemsOf({
    flags: { "mcp.server-url": "url=http://h,unix-socket=/s,http-proxy=http://p" },
  });
  assert.match(problem!.message, /unix-socket cannot be combined with http-proxy/);
});

Deno.test("the embedded demo server inherits no proxy [A-166]", () => {
  const { mcp } = load({ flags: { "http-proxy": "http://p" }, mainServerUrl: "http://127.0.0.1:9/mcp" });
  assert.deepEqual(http(mcp.bindings[0]).proxy, ENVIRONMENT);
});

const WRONG_PROXIES: ReadonlyArray<[value: string, message: RegExp]> = [
  ["socks5://user:hunter2@h", /proxy scheme "socks5" is not supported/],
  ["ftp://h", /proxy scheme "ftp" is not supported/],
  ["user:hunter2@h:3128", /the value is no proxy URL: it needs both a scheme and a host/],
  ["h:3128", /it needs both a scheme and a host/],
  ["http://user:hunter2@", /needs both a scheme and a host/],
  ["http://:3128", /needs both a scheme and a host/],
  ["http://user:hunter2@h:99999", /"http:\/\/h:99999" is not a valid URL/],
  ["http://user:hunter2 2@h", /"http:\/\/h" is not a valid URL/],
  ["file:/p", /it needs both a scheme and a host/],
  ["ENV:P", /it needs both a scheme and a host/],
  ["env:", /missing variable name after env:/],
  ["env:NOPE", /environment variable NOPE \(env:NOPE\) is not set/],
  ["env:EMPTY", /environment variable EMPTY \(env:EMPTY\) is empty/],
  ["env:BAD", /environment variable BAD: proxy scheme "socks5"/],
];
for (const [value, message] of WRONG_PROXIES) {
  Deno.test(`the proxy ${value.replace(/hunter2/g, "…")} is refused, and no password is shown [CFG-58, CFG-112]`, () => {
    const env = { EMPTY: " ", BAD: "socks5://u:hunter2@h" };
    for (
      const [sources, name] of [
        [{ flags: { "http-proxy": value }, env }, /invalid http-proxy \(--http-proxy\)/],
        [{ env: { ...env, MCP_HTTP_PROXY: value } }, /invalid mcp\.http-proxy \(MCP_HTTP_PROXY\)/],
        [
          { yaml: `harpoon: {http_proxy: ${JSON.stringify(value)}}`, env },
          /invalid harpoon\.http-proxy \(harpoon\.http_proxy at \/p\/demo\.yaml:1:\d+\)/,
        ],
        [
          { flags: { "mcp.server-url": `url=http://h,http-proxy=${value}` }, env },
          /invalid mcp\.server-url in --mcp\.server-url: http-proxy: /,
        ],
      ] as const
    ) {
      const problems = problemsOf(sources);
      assert.equal(problems.length, 1);
      assert.match(problems[0]!.message, message);
      assert.match(problems[0]!.message, name);
      assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
    }
  });
}

for (const name of ["http-proxy", "control-plane.http-proxy", "mcp.http-proxy", "harpoon.http-proxy"]) {
  Deno.test(`--${name}= needs a value [CFG-7]`, () => {
    const [problem, ...others] = problemsOf({
      flags: { [name]: "" },
      env: { TUNNEL_CLIENT_HTTP_PROXY: "http://e" },
    });
    assert.deepEqual(others, []);
    assert.match(problem!.message, new RegExp(`invalid ${name} \\(--${name}\\): a value is required`));
  });
}

Deno.test("the conventional variables are kept with their names, upper case first, empty ones absent [CFG-61]", () => {
  const { environmentProxies } = load({
    env: {
      HTTPS_PROXY: "",
      https_proxy: " h:1 ",
      HTTP_PROXY: "http://u:p@a",
      http_proxy: "b",
      NO_PROXY: "*",
    },
  });
  assert.deepEqual(environmentProxies, {
    httpsProxy: { value: "h:1", variable: "https_proxy" },
    httpProxy: { value: "http://u:p@a", variable: "HTTP_PROXY" },
    noProxy: { value: "*", variable: "NO_PROXY" },
    isCgi: false,
  });
  assert.equal(load({ env: { REQUEST_METHOD: "GET", ALL_PROXY: "x" } }).environmentProxies.isCgi, true);
});

Deno.test("--ca-bundle= means no bundle at all, whatever else says [CFG-7]", () => {
  const sources = { env: { CA_BUNDLE: "/e" }, yaml: "ca_bundle: /y" };
  assert.equal(load(sources).tls.caBundle, "/e");
  assert.equal(load({ ...sources, flags: { "ca-bundle": "" } }).tls.caBundle, "");
  assert.equal(
    load({ yaml: "ca_bundle: env:CA", env: { CA: " ./rel/../ca.pem" } }).tls.caBundle,
    "./rel/../ca.pem",
  );
});

const WRONG_PATHS: ReadonlyArray<[value: string, message: RegExp]> = [
  ["env:NOPE", /environment variable NOPE \(env:NOPE\) is not set/],
  ["ENV:EMPTY", /environment variable EMPTY \(env:EMPTY\) is empty/],
  ["env:", /missing variable name after env:/],
  ["file:", /missing path after file:/],
  ["  ", /the path is empty/],
  ["a\0b", /NUL/],
];
for (const [value, message] of WRONG_PATHS) {
  Deno.test(`the path ${JSON.stringify(value)} is refused [CFG-19]`, () => {
    const env = { EMPTY: "" };
    for (
      const sources of [
        { flags: { "ca-bundle": value }, env },
        { env: { ...env, MCP_CLIENT_CERT: value, MCP_CLIENT_KEY: "/k" } },
        ...value.trim() === ""
          ? []
          : [{ flags: { "mcp.server-url": `url=http://h,unix-socket=${value}` }, env }],
      ] as readonly TestSources[]
    ) {
      const problems = problemsOf(sources);
      assert.equal(problems.length, 1, JSON.stringify(problems));
      assert.match(problems[0]!.message, message);
    }
  });
}

Deno.test("certificate and key come together, from any two sources; the API key stays required [CFG-56]", () => {
  const { controlPlane } = load({
    flags: { "control-plane-client-cert": "file:/c.pem" },
    yaml: "control_plane: {client_key: env:KEY_PATH}",
    env: { KEY_PATH: "/k.pem" },
  });
  assert.deepEqual(controlPlane.clientCertificate, { certPath: "/c.pem", keyPath: "/k.pem" });
  assert.match(
    problemsOf({
      flags: { "control-plane.client-cert": "/c", "control-plane.client-key": "/k" },
      env: { CONTROL_PLANE_API_KEY: "" },
    })[0]!.message,
    /API key is required/,
  );
});

const HALVES: ReadonlyArray<[sources: TestSources, message: RegExp]> = [
  [
    { flags: { "control-plane.client-cert": "/c" } },
    /control-plane client key path is missing: --control-plane\.client-cert is set/,
  ],
  [
    { env: { CONTROL_PLANE_CLIENT_KEY: "/k" } },
    /control-plane client certificate path is missing: CONTROL_PLANE_CLIENT_KEY is set/,
  ],
  [
    { yaml: "mcp: {client_cert: /c}" },
    /MCP client key path is missing: mcp\.client_cert at \/p\/demo\.yaml:1:20 is set/,
  ],
  [{ env: { MCP_CLIENT_KEY: "/k" } }, /MCP client certificate path is missing: MCP_CLIENT_KEY is set/],
  [{ flags: { "mcp.server-url": "url=http://h,client-cert=/c" } }, /missing client-key/],
  [{ flags: { "mcp.server-url": "url=http://h,client-key=/k" } }, /missing client-cert/],
];
for (const [sources, message] of HALVES) {
  Deno.test(`half a pair is refused: ${message.source.slice(0, 60)} [CFG-56, CFG-75]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.message, message);
  });
}

Deno.test("the MCP certificate is for every HTTP binding without its own; without any it is a mistake [CFG-57]", () => {
  const flags = {
    "mcp.server-url": ["https://a", "channel=b,url=https://b,client-cert=/bc,client-key=/bk"],
    "mcp.client-cert": "/c",
    "mcp.client-key": "/k",
  };
  assert.deepEqual(load({ flags }).mcp.bindings.map((binding) => http(binding).clientCertificate), [
    { certPath: "/c", keyPath: "/k" },
    { certPath: "/bc", keyPath: "/bk" },
  ]);
  const [problem] = problemsOf({
    flags: { "mcp.server-url": "", "mcp.command": "x", "mcp.client-cert": "/c", "mcp.client-key": "/k" },
  });
  assert.match(
    problem!.message,
    /mcp\.client-cert and mcp\.client-key are set, but no MCP server is reached over HTTP/,
  );
});

const HOSTS: ReadonlyArray<[url: string, used: string]> = [
  ["", "https://mtls.api.openai.com"],
  ["https://api.openai.com", "https://mtls.api.openai.com"],
  ["https://api.openai.com//", "https://mtls.api.openai.com"],
  ["https://api.openai.com:443", "https://api.openai.com:443"],
  ["https://API.openai.com", "https://API.openai.com"],
  ["https://api.openai.com/x", "https://api.openai.com/x"],
  ["https://gateway.example", "https://gateway.example"],
];
for (const [url, used] of HOSTS) {
  Deno.test(`with a client certificate ${url || "the default URL"} becomes ${used} [CFG-44]`, () => {
    const env = { CONTROL_PLANE_BASE_URL: url };
    const certificate = { CONTROL_PLANE_CLIENT_CERT: "/c", CONTROL_PLANE_CLIENT_KEY: "/k" };
    assert.equal(load({ env: { ...env, ...certificate } }).controlPlane.baseUrl, used);
    assert.equal(load({ env }).controlPlane.baseUrl, url || "https://api.openai.com");
  });
}

for (
  const text of [
    "login.example.com",
    "ftp://h",
    "https://h/path",
    "https://u:hunter2@h",
    "https://h?x",
    "https://h#x",
    "https://h:0",
    "https://h:65536",
    "https://h:",
    "https://[::1",
    "https://a,https://b",
    "",
  ]
) {
  Deno.test(`the trusted origin ${JSON.stringify(text)} is refused [A-173]`, () => {
    const problems = problemsOf({ yaml: `mcp: {oauth_trusted_origins: [${JSON.stringify(text)}]}` });
    assert.equal(problems.length, 1);
    assert.match(
      problems[0]!.message,
      /invalid mcp\.oauth_trusted_origins .*mcp\.oauth_trusted_origins\[0\] at \/p\/demo\.yaml:1:/,
    );
    assert.doesNotMatch(problems[0]!.message, /hunter2/);
  });
}

Deno.test("an empty variable clears the file's trusted origins, wrong ones included [A-170]", () => {
  const yaml = "mcp: {oauth_trusted_origins: [nonsense]}";
  assert.deepEqual(load({ yaml, env: { MCP_OAUTH_TRUSTED_ORIGINS: "" } }).mcp.oauthTrustedOrigins, []);
});
