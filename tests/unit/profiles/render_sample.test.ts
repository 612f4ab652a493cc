import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadConfiguration, validateProfileText } from "../../../src/config/mod.ts";
import {
  checkProfile,
  checkSampleInputs,
  exampleOf,
  findSample,
  renderSample,
  SAMPLES,
  sampleText,
  schemaText,
} from "../../../src/profiles/mod.ts";
import { sampleProfiles } from "../../../scripts/sample_profiles.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const TUNNEL_ID = `tunnel_${"a1".repeat(16)}`;

Deno.test("there are the samples of the specification and of the public articles, sorted by name [S-1, issue 5 §2]", () => {
  assert.deepEqual(SAMPLES.map(({ name }) => name), [
    "sample_mcp_enterprise_proxy",
    "sample_mcp_http",
    "sample_mcp_remote_no_auth",
    "sample_mcp_stdio_local",
    "sample_mcp_with_dcr",
  ]);
});

for (const sample of SAMPLES) {
  Deno.test(`${sample.name} with its example validates, loads, and is what samples/profiles holds [S-6, CFG-148]`, async () => {
    const text = renderSample(sample, exampleOf(sample));
    const path = `samples/profiles/${sample.name}.yaml`;
    assert.equal(await Deno.readTextFile(ROOT + path), text, "run: deno task docs");
    assert.deepEqual(await validateProfileText(text, path), []);
    assert.deepEqual(await checkProfile(text, path), { problems: [], secrets: [] });
    const { config, warnings, file } = await loadConfiguration({
      flags: { "profile-file": [ROOT + path] },
      env: {
        CONTROL_PLANE_API_KEY: "a-key",
        ...(sample.isEnterprise ? { HTTPS_PROXY: "http://proxy:8080", ENTERPRISE_CA_BUNDLE: "/ca.pem" } : {}),
      },
      readTextFile: Deno.readTextFileSync,
    });
    assert.equal(file?.text, text);
    assert.deepEqual(warnings, []);
    assert.equal(config.controlPlane.tunnelId, "tunnel_0123456789abcdef0123456789abcdef");
    assert.equal(config.controlPlane.apiKey, "a-key");
    assert.equal(config.controlPlane.baseUrl, "https://api.openai.com");
    assert.equal(config.health.listenAddr, "127.0.0.1:8080");
    assert.equal(config.log.format, "json");
    const [binding, ...others] = config.mcp.bindings;
    assert.deepEqual([binding?.channel, others], ["main", []]);
    const target = binding?.transport === "stdio" ? binding.command : binding?.url;
    assert.equal(target, "url" in sample.example ? sample.example.url : sample.example.command);
    if (sample.isEnterprise) {
      assert.equal(config.tls.caBundle, "/ca.pem");
      assert.equal(config.controlPlane.proxy.kind, "explicit");
    }
  });
}

Deno.test("the keys of a sample stand in the order of the specification [S-4, CFG-147]", () => {
  const sample = findSample("sample_mcp_enterprise_proxy");
  const text = renderSample(sample, { ...exampleOf(sample), urlPath: "/workspace/us", openBrowser: true });
  assert.deepEqual([...text.matchAll(/^ {0,4}(?:- )?(\w+):/gm)].map(([, key]) => key), [
    ..."config_version ca_bundle http_proxy control_plane base_url url_path tunnel_id api_key health listen_addr"
      .split(" "),
    ..."admin_ui open_browser log level format mcp server_urls channel".split(" "),
  ]);
  assert.match(text, /^admin_ui:\n {2}open_browser: true\n/m);
  assert.match(text, /^ {6}url: "https:\/\/mcp\.internal\.example\.com\/mcp"\n/m);
  for (const name of ["CONTROL_PLANE_API_KEY", "OPENAI_ADMIN_KEY", "HTTPS_PROXY", "ENTERPRISE_CA_BUNDLE"]) {
    assert.match(text, new RegExp(`^#.*${name}`, "m"));
  }
});

Deno.test("renderSample() keeps every text that a person may type", async () => {
  const sample = findSample("sample_mcp_stdio_local");
  for (const command of [`a "b c" 'd'`, "a \\\\x: #y", "ä 🙂 \u0085\u2028\ufeff z", "- {}", "%x @y"]) {
    const text = renderSample(sample, { ...exampleOf(sample), command });
    const { config } = await loadConfiguration({
      flags: { config: ["p"] },
      env: { CONTROL_PLANE_API_KEY: "k" },
      readTextFile: () => text,
    });
    const [binding] = config.mcp.bindings;
    assert.equal(binding?.transport === "stdio" && binding.command, command);
  }
});

Deno.test("sampleText() has the labels that people look for [S-2, CFG-145]", () => {
  for (const sample of SAMPLES) {
    const labels = sampleText(sample).split("\n").filter((line) => !line.startsWith("- ")).map((line) =>
      line.split(":")[0]
    );
    assert.deepEqual(labels, ["Sample", "Summary", "Use when", "Required", "Optional", "Notes", ""]);
  }
});

Deno.test("samples/profiles holds the schema that its profiles refer to, and nothing stale", async () => {
  const files = sampleProfiles();
  const found: string[] = [];
  for await (const { name } of Deno.readDir(`${ROOT}samples/profiles`)) {
    found.push(`samples/profiles/${name}`);
  }
  assert.deepEqual(found.sort(), Object.keys(files).sort());
  assert.equal(await Deno.readTextFile(`${ROOT}samples/profiles/.tunnel-client.schema.json`), schemaText());
  const [first] = (files["samples/profiles/sample_mcp_http.yaml"] ?? "").split("\n");
  assert.equal(first, "# yaml-language-server: $schema=./.tunnel-client.schema.json");
});

const GOOD = { tunnelId: TUNNEL_ID, serverUrl: "https://mcp.example.com/mcp" };
const EITHER = findSample("sample_mcp_with_dcr");

Deno.test("checkSampleInputs() trims, and takes blank for absent [CFG-146, CFG-147]", () => {
  assert.deepEqual(
    checkSampleInputs(EITHER, {
      tunnelId: ` ${TUNNEL_ID} `,
      serverUrl: " https://h/mcp ",
      baseUrl: "  ",
      command: " ",
    }),
    {
      tunnelId: TUNNEL_ID,
      baseUrl: "https://api.openai.com",
      urlPath: "",
      apiKeyReference: "env:CONTROL_PLANE_API_KEY",
      listenAddr: "127.0.0.1:8080",
      openBrowser: false,
      serverUrl: "https://h/mcp",
      command: "",
    },
  );
  const references = {
    ...GOOD,
    baseUrl: "env:BASE",
    urlPath: "file:/p",
    serverUrl: "env:MCP",
    apiKeyReference: "file:/k",
  };
  assert.equal(checkSampleInputs(EITHER, references).serverUrl, "env:MCP");
});

const REFUSED: readonly (readonly [given: object, message: RegExp])[] = [
  [{ tunnelId: "tunnel_SHORT" }, /--tunnel-id "tunnel_SHORT" is no tunnel ID/],
  [{ baseUrl: "nohost" }, /invalid --control-plane-base-url "nohost": a URL needs both a scheme and a host/],
  [{ serverUrl: "https://u:pw123456@", command: "" }, /^invalid --mcp-server-url "https:\/\/": a URL needs/],
  [{ baseUrl: "https://u:pw123456@h" }, /--control-plane-base-url holds a password.*env:NAME/],
  [{ urlPath: "x" }, /invalid --control-plane-url-path "…"|invalid --control-plane-url-path/],
  [{ urlPath: "/a?b" }, /must not contain a query/],
  [{ apiKeyReference: "sk-verysecretkey" }, /--control-plane-api-key-ref must be env:NAME or file:\/path/],
  [{ apiKeyReference: "env:" }, /must be env:NAME/],
  [{ apiKeyReference: "env:1x" }, /must be env:NAME/],
  [{ apiKeyReference: "file:" }, /must be env:NAME/],
  [{ listenAddr: "8080" }, /invalid --health-listen-addr "8080": not a listen address/],
  [{ serverUrl: "mcp.example.com" }, /invalid --mcp-server-url "mcp.example.com": a URL needs both/],
  [{ serverUrl: "ftp://h/" }, /only http and https/],
  [{ serverUrl: "https://h/mcp?api_key=abcdef" }, /--mcp-server-url holds the value of api_key/],
  [{ serverUrl: "env:not a name" }, /write env:NAME or file:\/path/],
  [{ serverUrl: "" }, /sample_mcp_with_dcr needs exactly one of --mcp-server-url and --mcp-command/],
  [{ command: "x" }, /exactly one/],
  [{ serverUrl: "", command: "server 'x" }, /invalid --mcp-command: unterminated quote/],
  [{ serverUrl: "", command: "server --token abcdef123" }, /--mcp-command holds the value of token/],
  [{ serverUrl: "", command: "API_KEY=abcdef123 server" }, /holds the value of API_KEY/],
  [{ serverUrl: "", command: "server sk-abcdefghijkl" }, /holds an API key/],
  [{ serverUrl: "", command: "server 'Authorization: Bearer abcdefgh'" }, /holds a bearer token/],
  [{ serverUrl: "", command: "a\nb" }, /must stand on one line/],
];

Deno.test("checkSampleInputs() refuses what would make a profile that fails later, and never shows a secret", () => {
  for (const [given, message] of REFUSED) {
    assert.throws(() => checkSampleInputs(EITHER, { ...GOOD, ...given }), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /verysecret|pw123456|abcdef/);
      return true;
    });
  }
});

Deno.test("checkSampleInputs() takes what only looks like a secret", () => {
  for (
    const command of [
      "server --token-file /run/secrets/token",
      "server --key ./server.key --auth none",
      "server --api-key $API_KEY",
      "server --password-from env:PASSWORD",
      "server --sort-key name",
      "npx -y @org/secrets-mcp",
    ]
  ) checkSampleInputs(findSample("sample_mcp_stdio_local"), { tunnelId: TUNNEL_ID, command });
});

Deno.test("a sample that takes one kind of target drops the other, and asks for its own [S-3]", () => {
  const both = { tunnelId: TUNNEL_ID, serverUrl: "https://h/mcp", command: "server" };
  for (const { name, target } of SAMPLES) {
    if (target === "either") continue;
    const inputs = checkSampleInputs(findSample(name), both);
    assert.deepEqual(
      [inputs.serverUrl, inputs.command],
      target === "url" ? ["https://h/mcp", ""] : ["", "server"],
    );
    const needed = target === "url" ? /needs --mcp-server-url/ : /needs --mcp-command/;
    assert.throws(() => checkSampleInputs(findSample(name), { tunnelId: TUNNEL_ID }), needed);
  }
});
