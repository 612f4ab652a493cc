import assert from "node:assert/strict";
import { goldenTexts, storedTexts } from "../../support/cli_golden.ts";

const WRITE = "to accept it: deno run -A tests/golden/write.ts";

Deno.test("every help page and topic is what tests/golden holds [issue 5 §6]", async () => {
  const [now, stored] = [await goldenTexts(), await storedTexts()];
  assert.deepEqual([...now.keys()].sort(), [...stored.keys()].sort(), WRITE);
  for (const [name, text] of now) assert.equal(text, stored.get(name), `${name} has changed; ${WRITE}`);
  assert.ok(now.size > 15);
});

/** A line that is longer because something in it must not be broken. */
const UNBREAKABLE = /https?:\/\/\S{40}/;

Deno.test("no help page and no topic is wider than 80 columns, or ends a line with a blank", async () => {
  for (const [name, text] of await goldenTexts()) {
    for (const line of text.split("\n")) {
      assert.ok(line.length <= 80 || UNBREAKABLE.test(line), `${name}: ${line}`);
      assert.equal(line, line.trimEnd(), name);
    }
    assert.ok(text.endsWith("\n") && !text.endsWith("\n\n"), name);
  }
});

Deno.test("no page names a retired command, and the root help lists no settings [C-22]", async () => {
  const texts = await goldenTexts();
  for (const [name, text] of texts) assert.doesNotMatch(text, /\bsessions (list|show|rm)\b/, name);
  assert.doesNotMatch(texts.get("tunnel-client.txt") ?? "", /--control-plane\./);
});

/** What the specification wants to be said. */
const SAID: Readonly<Record<string, readonly string[]>> = {
  "help_quickstart.txt": [
    "What tunnel-client is for:",
    "/healthz",
    "/readyz",
    "/ui",
    "settings/organization/tunnels",
    "settings/organization/api-keys",
    "settings/organization/admin-keys",
    "people/roles",
    "people/groups",
    "#settings/Connectors",
    "CONTROL_PLANE_TUNNEL_ID",
    "CONTROL_PLANE_API_KEY",
    "OPENAI_ADMIN_KEY",
    "--embedded-mcp-stub",
    "sample_mcp_stdio_local",
    "sample_mcp_remote_no_auth",
    "sample_mcp_enterprise_proxy",
    "sample_mcp_with_dcr",
    "HTTPS_PROXY",
    "ENTERPRISE_CA_BUNDLE",
    "dev mcp-stub",
    "nohup",
    "admin --json tunnels get",
    "organization_ids",
    "25-30 seconds",
  ],
  "help_doctor.txt": ["--explain", "--json", "Tunnels Read + Use", "--admin-key", "people/roles"],
  "help_oauth.txt": [
    "/.well-known/oauth-protected-resource/mcp",
    "authorization_servers",
    "oauth_discovery_urls",
    "/readyz",
    "dev mcp-stub",
  ],
  "help_plugin.txt": ["later", "config.toml"],
  "help_samples.txt": [
    "profiles samples list",
    "profiles samples show",
    "http_proxy: env:HTTPS_PROXY",
    "ca_bundle: env:ENTERPRISE_CA_BUNDLE",
  ],
  "help_troubleshooting.txt": [
    "tunnel ID is required",
    "control plane API key is",
    "main channel is required",
    "address already in use",
    "oauth discovery pending",
    "oauth discovery failed",
    "mcp probe failed",
    "mcp initialize requires auth",
    "mcp startup probe timed out",
    "health --port 8080",
    "api/logs/export?minutes=30",
    "docs/troubleshooting.md",
  ],
  "tunnel-client_run.txt": [
    "tunnel-client help quickstart",
    "--embedded-mcp-stub",
    "TUNNEL_CLIENT_PROFILE",
    "TUNNEL_CLIENT_PROFILE_FILE",
    "TUNNEL_CLIENT_PROFILE_DIR",
    "XDG_CONFIG_HOME",
    "env:VAR or file:/path",
    "http://<health.listen-addr>/ui",
  ],
};
for (const [name, texts] of Object.entries(SAID)) {
  Deno.test(`${name} says everything that it has to say [C-22, R-3, T-3 … T-8]`, async () => {
    const page = (await goldenTexts()).get(name) ?? "";
    for (const text of texts) assert.ok(page.includes(text), text);
  });
}
