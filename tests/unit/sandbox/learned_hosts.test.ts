import assert from "node:assert/strict";
import type { RunConfig } from "../../../src/config/mod.ts";
import { decideLearning, isSameSite, learnableHosts } from "../../../src/sandbox/learned_hosts.ts";

function config(
  sandboxLearn: RunConfig["sandboxLearn"],
  url: string,
  trusted: readonly string[] = [],
): RunConfig {
  const main = { channel: "main", transport: "http-streamable", url };
  return {
    controlPlane: {},
    mcp: { bindings: [main], oauthTrustedOrigins: trusted },
    sandboxLearn,
  } as unknown as RunConfig;
}

Deno.test("isSameSite() holds for hosts below one domain and the same scheme, and for one host on any port", () => {
  const cases: readonly (readonly [a: string, b: string, same: boolean])[] = [
    ["https://mcp.corp.example/mcp", "https://login.corp.example", true],
    ["https://mcp.corp.example", "https://corp.example", true],
    ["https://mcp.eu.corp.example", "https://login.us.corp.example", true],
    ["https://mcp.corp.example", "http://login.corp.example", false],
    ["https://mcp.corp.example", "https://corp.example.evil.test", false],
    ["https://mcp.corp.example", "https://evilcorp.example", false],
    ["https://a.co.uk", "https://b.co.uk", false],
    ["https://mcp.a.co.uk", "https://login.a.co.uk", true],
    ["https://mcp.a.co.uk", "https://login.b.co.uk", false],
    ["https://me.github.io", "https://you.github.io", false],
    ["https://a.x.amazonaws.com", "https://b.x.amazonaws.com", false],
    ["http://127.0.0.1:1", "http://127.0.0.1:2", true],
    ["http://127.0.0.1", "http://127.0.0.2", false],
    ["http://10.0.0.1", "http://11.0.0.1", false],
    ["http://[::1]", "http://[::2]", false],
    ["http://mcp", "http://login", false],
    ["http://mcp.corp.example", "http://login.corp.example.", false],
  ];
  for (const [a, b, same] of cases) assert.equal(isSameSite(a, b), same, `${a} and ${b}`);
});

Deno.test("decideLearning() allows what is configured, and by policy the same site or everything", () => {
  const url = "https://mcp.corp.example/mcp";
  const near = "https://login.corp.example";
  const far = "https://login.other.example";
  const allowed = (policy: RunConfig["sandboxLearn"], origin: string, trusted: readonly string[] = []) =>
    decideLearning(config(policy, url, trusted), origin).allowed;
  assert.deepEqual([allowed("ask-config", near), allowed("ask-config", far)], [false, false]);
  assert.equal(allowed("ask-config", far, [far]), true);
  assert.deepEqual([allowed("same-site", near), allowed("same-site", far)], [true, false]);
  assert.deepEqual([allowed("any", near), allowed("any", far)], [true, true]);
});

Deno.test("decideLearning() says which setting would allow it, without the origin", () => {
  const decide = (origin: string) => {
    const decision = decideLearning(config("ask-config", "https://mcp.corp.example/mcp"), origin);
    assert.ok(!decision.allowed);
    return decision.advice;
  };
  assert.match(
    decide("https://login.corp.example"),
    /oauth_trusted_origins.*or set sandbox\.learn to same-site/,
  );
  assert.doesNotMatch(decide("https://other.example"), /same-site|other\.example/);
});

Deno.test("learnableHosts() are exactly those that the policy may allow", () => {
  const hosts = (policy: RunConfig["sandboxLearn"], url: string) => learnableHosts(config(policy, url));
  assert.deepEqual(hosts("ask-config", "https://mcp.corp.example"), []);
  assert.deepEqual(hosts("same-site", "https://mcp.corp.example"), ["corp.example", "*.corp.example"]);
  assert.deepEqual(hosts("same-site", "http://127.0.0.1:1"), ["127.0.0.1"]);
  assert.deepEqual(hosts("any", "https://mcp.corp.example"), ["*"]);
});
