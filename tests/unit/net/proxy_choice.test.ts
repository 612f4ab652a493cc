import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import {
  describeRoute,
  environmentProxy,
  parseProxy,
  proxyId,
  resolveProxy,
  type Route,
} from "../../../src/net/mod.ts";

const PROXY = "http://proxy.example:3128";

function routeWith(variables: Record<string, string>): Route {
  return { proxy: environmentProxy(variables), tls: {} };
}

/** How a URL leaves: `direct`, or the shown proxy, or `refused`. */
function wayOf(route: Route, url: string): string {
  const decision = resolveProxy(route, url);
  return decision.kind === "proxy" ? decision.proxy.shown : decision.kind;
}

Deno.test("NO_PROXY follows the conventional rules [CFG-61, PX-7]", () => {
  const cases: readonly [entry: string, bypassed: readonly string[], proxied: readonly string[]][] = [
    ["", [], ["http://a.example/"]],
    ["*", ["http://a.example/", "http://10.0.0.1/", "http://[2001:db8::1]/"], []],
    ["x.example, * ", ["http://a.example/"], []],
    ["example.com", ["http://example.com/", "http://a.b.example.com/", "http://EXAMPLE.com:81/"], [
      "http://badexample.com/",
      "http://example.com.evil/",
      "http://com/",
    ]],
    [".example.com", ["http://a.example.com/"], ["http://example.com/", "http://badexample.com/"]],
    ["*.example.com", ["http://a.example.com/"], ["http://example.com/"]],
    ["a*.example.com", [], ["http://ab.example.com/"]],
    [" , ,Example.COM ,", ["http://example.com/"], ["http://other.example/"]],
    ["example.com:8080", ["http://example.com:8080/", "http://a.example.com:8080/"], [
      "http://example.com/",
      "http://example.com:80/",
    ]],
    ["example.com:80", ["http://example.com/"], ["http://example.com:8080/"]],
    [".example.com:443", ["https://a.example.com/"], ["https://example.com/", "http://a.example.com/"]],
    ["10.1.2.3", ["http://10.1.2.3/", "http://10.1.2.3:99/"], ["http://10.1.2.4/", "http://110.1.2.3/"]],
    ["10.1.2.3:99", ["http://10.1.2.3:99/"], ["http://10.1.2.3/"]],
    ["10.0.0.0/8", ["http://10.255.0.1:8080/"], ["http://11.0.0.1/", "http://10.example/"]],
    ["10.0.0.0/8:80", [], ["http://10.0.0.1/"]],
    ["10.0.0.0/33", [], ["http://10.0.0.1/"]],
    ["2001:db8::/32", ["http://[2001:db8::7]/"], ["http://[2001:db9::7]/"]],
    ["2001:db8::7", ["http://[2001:db8:0::7]:99/"], ["http://[2001:db8::8]/"]],
    ["[2001:db8::7]:99", ["http://[2001:db8::7]:99/"], ["http://[2001:db8::7]/"]],
    ["1.2.3", [], ["http://a.1.2.3.example/"]],
    [":80", [], ["http://a.example/"]],
    ["bücher.example", ["http://xn--bcher-kva.example/", "http://bücher.example/"], []],
    ["example.com", ["http://example.com./"], []],
    ["0.0.0.1", [], ["http://a.example/"]],
  ];
  for (const [entry, bypassed, proxied] of cases) {
    for (const spelling of ["NO_PROXY", "no_proxy"]) {
      const route = routeWith({ HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY, [spelling]: entry });
      for (const url of bypassed) assert.equal(wayOf(route, url), "direct", `${entry} ${url}`);
      for (const url of proxied) assert.equal(wayOf(route, url), PROXY, `${entry} ${url}`);
    }
  }
});

Deno.test("no text of NO_PROXY makes the resolver throw", () => {
  fc.assert(fc.property(fc.string(), fc.webUrl(), (noProxy, url) => {
    wayOf(routeWith({ HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY, NO_PROXY: noProxy }), url);
  }));
});

Deno.test("each scheme has its own variable, upper case first, and nothing falls back [CFG-61]", () => {
  const [a, b] = ["http://a:1", "http://b:2"];
  const cases: readonly [Record<string, string>, http: string, https: string][] = [
    [{}, "direct", "direct"],
    [{ HTTP_PROXY: a }, a, "direct"],
    [{ HTTPS_PROXY: a }, "direct", a],
    [{ ALL_PROXY: a, all_proxy: a }, "direct", "direct"],
    [{ HTTP_PROXY: a, http_proxy: b, HTTPS_PROXY: b, https_proxy: a }, a, b],
    [{ HTTP_PROXY: "", http_proxy: b }, b, "direct"],
    [{ http_proxy: "b:2" }, b, "direct"],
    [{ https_proxy: "user:pw@b:2" }, "direct", b],
    [{ HTTP_PROXY: "http://" }, "direct", "direct"],
    [{ HTTP_PROXY: "http://[broken" }, "direct", "direct"],
    [{ HTTP_PROXY: "ftp://a:1" }, "refused", "direct"],
    [{ HTTP_PROXY: "SOCKS5://a:1", HTTPS_PROXY: "socks5h://b" }, "socks5://a:1", "socks5h://b"],
    [{ HTTP_PROXY: a, HTTPS_PROXY: b, REQUEST_METHOD: "GET" }, "refused", b],
    [{ HTTPS_PROXY: b, REQUEST_METHOD: "GET" }, "direct", b],
  ];
  for (const [variables, http, https] of cases) {
    const route = routeWith(variables);
    assert.equal(wayOf(route, "http://target.example/"), http, JSON.stringify(variables));
    assert.equal(wayOf(route, "https://target.example/"), https, JSON.stringify(variables));
  }
});

Deno.test("loopback is never proxied by the environment, always by an explicit proxy [CFG-59, CFG-61]", () => {
  const environment = routeWith({ HTTP_PROXY: PROXY });
  const explicit: Route = { proxy: { kind: "explicit", url: PROXY }, tls: {} };
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "localhost:81"]) {
    assert.equal(wayOf(environment, `http://${host}/`), "direct", host);
    assert.equal(wayOf(explicit, `http://${host}/`), PROXY, host);
  }
  assert.equal(wayOf(environment, "http://localhost.example/"), PROXY);
  const cgi = routeWith({ HTTP_PROXY: PROXY, REQUEST_METHOD: "GET" });
  assert.equal(wayOf(cgi, "http://127.0.0.1/"), "refused", "loopback too in a CGI environment");
});

Deno.test("a socket takes the place of every proxy; SOCKS is for the environment only [CFG-58, CFG-64]", () => {
  const route: Route = { proxy: { kind: "explicit", url: PROXY }, unixSocket: "/run/s", tls: {} };
  assert.deepEqual(resolveProxy(route, "https://a.example/"), { kind: "unix", path: "/run/s" });
  const socks: Route = { proxy: { kind: "explicit", url: "socks5://ann:pw@a:1" }, tls: {} };
  const refused = resolveProxy(socks, "https://a.example/");
  assert.equal(refused.kind, "refused");
  assert.doesNotMatch(JSON.stringify(refused), /pw/);
});

Deno.test("parseProxy() decodes credentials and shows none of them [CFG-63, PX-8]", () => {
  const proxy = parseProxy("HTTP://an%40n:p%3Aw@Proxy.Example/path?q=pw");
  assert.deepEqual([proxy?.shown, proxy?.hostname, proxy?.port], [
    "http://proxy.example",
    "proxy.example",
    80,
  ]);
  assert.deepEqual([proxy?.username, proxy?.password], ["an@n", "p:w"]);
  assert.equal(proxy?.authorization, `Basic ${btoa("an@n:p:w")}`);
  const ports: readonly [string, number, string][] = [
    ["https://h", 443, "https://h"],
    ["https://h:443/", 443, "https://h:443"],
    ["http://h:80", 80, "http://h:80"],
    ["http://[::1]:8080", 8080, "http://[::1]:8080"],
    ["socks5://h", 1080, "socks5://h"],
    ["socks5h://u@h:9", 9, "socks5h://h:9"],
  ];
  for (const [text, port, shown] of ports) {
    const parsed = parseProxy(text);
    assert.deepEqual([parsed?.port, parsed?.shown], [port, shown], text);
  }
  for (const text of ["", "h:1", "http://", "ftp://h", "http://h:99999", "//h"]) {
    assert.equal(parseProxy(text), undefined, text);
  }
});

Deno.test("describeRoute() says what traffic does, and where the proxy came from [PX-9, CFG-60, CFG-63]", () => {
  const id = createHash("sha256").update("http://proxy.example:3128").digest("hex");
  assert.equal(proxyId({ shown: "http://proxy.example:3128" }), id);
  const withSecrets = "http://ann:pw@Proxy.Example:3128/x";
  const proxied = { routeMode: "proxy", proxyUrl: "http://proxy.example:3128", proxyId: id } as const;
  const explicit: Route = { proxy: { kind: "explicit", url: withSecrets }, tls: {} };
  assert.deepEqual(describeRoute(explicit, "https://a.example/x", "mcp.http-proxy"), {
    ...proxied,
    target: "a.example:443",
    proxySource: "mcp.http-proxy",
  });
  const environment = routeWith({ https_proxy: withSecrets, NO_PROXY: "10.0.0.0/8" });
  assert.deepEqual(describeRoute(environment, "https://a.example:8443/", "unused"), {
    ...proxied,
    target: "a.example:8443",
    proxySource: "env:https_proxy",
  });
  const direct = { routeMode: "direct", proxySource: "none" } as const;
  assert.deepEqual(describeRoute(environment, "https://10.1.1.1/", "unused"), {
    ...direct,
    target: "10.1.1.1:443",
  });
  assert.deepEqual(describeRoute(environment, "http://a.example/", "unused"), {
    ...direct,
    target: "a.example:80",
  });
  assert.deepEqual(describeRoute({ ...explicit, unixSocket: "/s" }, "http://[::1]:81/", "unused"), {
    ...direct,
    target: "[::1]:81",
  });
});
