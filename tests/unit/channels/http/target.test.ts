import assert from "node:assert/strict";
import { createHttpTarget } from "../../../../src/channels/http/target.ts";
import { canonicalOrigin, displayOrigin, splitUrl } from "../../../../src/channels/http/url_text.ts";
import type { HttpClient } from "../../../../src/net/mod.ts";

const noClient: HttpClient = {
  request: () => Promise.reject(new Error("nothing is sent here")),
  close: () => {},
};

function targetOf(url: string) {
  return createHttpTarget({
    url,
    extraHeaders: [["X-Run", "r"], ["X-Both", "run"]],
    discoveryExtraHeaders: [["X-Disc", "d"], ["x-both", "disc"]],
  }, noClient);
}

const RUN = [["X-Run", "r"], ["X-Both", "run"]];
const DISCOVERY = [["X-Run", "r"], ["X-Disc", "d"], ["x-both", "disc"]];

Deno.test("staticHeaders() gives the runtime set for the MCP URL, query and trailing slash ignored [HD-10, HD-11]", () => {
  const target = targetOf("http://Host.example:80/mcp/?k=1");
  for (
    const url of [
      "http://Host.example:80/mcp/?k=1",
      "HTTP://host.example:80/mcp",
      "http://host.example:80/mcp?x",
    ]
  ) {
    assert.deepEqual(target.staticHeaders(url, "message"), RUN, url);
  }
  const root = targetOf("http://h");
  assert.deepEqual(root.staticHeaders("http://h/", "message"), RUN);
});

Deno.test("staticHeaders() gives nothing for another path, host, port or scheme [HD-10, HD-11]", () => {
  const target = targetOf("http://h:8080/mcp");
  for (
    const url of [
      "http://h:8080/",
      "http://h:8080/mcp/x",
      "http://h:8080/MCP",
      "http://h:8081/mcp",
      "http://h/mcp",
      "https://h:8080/mcp",
      "http://h.evil:8080/mcp",
      "http://evil\\@h:8080/mcp",
      "nonsense",
    ]
  ) assert.deepEqual(target.staticHeaders(url, "message"), [], url);
});

Deno.test("staticHeaders() compares origins as text, without default ports [HD-10]", () => {
  assert.deepEqual(targetOf("http://h/mcp").staticHeaders("http://h:80/mcp", "message"), []);
});

Deno.test("staticHeaders() puts the discovery set on top, on any path of the origin only [HD-11, HD-12]", () => {
  const target = targetOf("http://h:8080/mcp");
  for (const url of ["http://h:8080/mcp", "http://h:8080/.well-known/x", "http://H:8080"]) {
    assert.deepEqual(target.staticHeaders(url, "discovery"), DISCOVERY, url);
  }
  for (const url of ["http://auth.example/", "https://h:8080/mcp", "http://evil\\@h:8080/"]) {
    assert.deepEqual(target.staticHeaders(url, "discovery"), [], url);
  }
});

Deno.test("createHttpTarget() keeps the URL's spelling and shows only its origin [HT-1, G-2]", () => {
  const target = targetOf("https://us%20er:p%40ss@Host:443/a/../%7Eb//?q=%20#frag");
  assert.equal(target.url, "https://us%20er:p%40ss@Host:443/a/../%7Eb//?q=%20#frag");
  assert.equal(target.origin, "https://host");
  assert.deepEqual(target.staticHeaders("https://Host:443/other", "discovery"), DISCOVERY);
});

Deno.test("canonicalOrigin() sees through case, trailing dot, ports and IP spellings [G-3, B-24]", () => {
  const same: [string, string][] = [
    ["https://Auth.Example.COM./x", "https://auth.example.com:443"],
    ["https://h:08443/", "https://h:8443"],
    ["http://[::1]/", "http://[0:0:0:0:0:0:0:1]:80/"],
  ];
  for (const [one, other] of same) assert.equal(canonicalOrigin(one), canonicalOrigin(other), one);
  const different = ["https://h", "http://h", "https://h:8443", "https://other"].map(canonicalOrigin);
  assert.equal(new Set(different).size, 4);
  for (const url of ["ftp://h", "relative", "http://h:99999"]) {
    assert.equal(canonicalOrigin(url), undefined, url);
  }
});

Deno.test("displayOrigin() shows scheme, host and port and nothing else [G-2]", () => {
  assert.equal(displayOrigin("http://user:pw@h:81/secret?k=v#f"), "http://h:81");
  assert.equal(displayOrigin("no url"), "");
  assert.equal(displayOrigin("mailto:someone@example.com"), "");
});

Deno.test("splitUrl() keeps every piece as written [G-1]", () => {
  assert.deepEqual(splitUrl("HTTPS://a@b:c@H:0443/x/../%7e?q#f"), {
    scheme: "HTTPS",
    userinfo: "a@b:c",
    authority: "H:0443",
    path: "/x/../%7e",
    query: "?q",
  });
  for (const url of ["", "http:/h", "http:///p", "//h/p"]) assert.equal(splitUrl(url), undefined, url);
});
