import assert from "node:assert/strict";
import { shownEnvironment, shownFile } from "../../../src/config/mod.ts";

const scrub = (text: string) => text.replace(/sk-\w{4,}/g, "sk-REDACTED");

Deno.test("shownFile() keeps the file's shape and loses its secrets [CFG-142, A-136]", async () => {
  const text = [
    "config_version: 2",
    "http_proxy: http://u:hunter2@P:1/x",
    "control_plane: {api_key: hunter2, client_cert: /c, client_key: hunter2, max_inflight_requests: 007, extra_headers: {X-A: env:A}}",
    "cloudflared: {token: env:CF}",
    "log: {file: /var/sk-abcdef.log, http_raw_unsafe: true}",
    "mcp:",
    "  server_urls: [{channel: main, url: 'https://u:hunter2@h/mcp?k=hunter2'}]",
    "  commands: [{command: 'x --token hunter2', env: {A: hunter2}}, {command: \"'hunter2\"}]",
    "harpoon: {targets: [{label: t, template: {headers: {X-H: hunter2}}}], hosts_include_suffix: [~, a]}",
  ].join("\n");
  assert.deepEqual(await shownFile({ path: "/p", text }, scrub), {
    path: "/p",
    contents: {
      config_version: 2,
      http_proxy: "http://P:1/x",
      control_plane: {
        api_key: "[REDACTED]",
        client_cert: "/c",
        client_key: "[REDACTED]",
        max_inflight_requests: 7,
        extra_headers: { "X-A": "[REDACTED]" },
      },
      cloudflared: { token: "env:CF" },
      log: { file: "/var/sk-REDACTED.log", http_raw_unsafe: true },
      mcp: {
        server_urls: [{ channel: "main", url: "https://h/mcp" }],
        commands: [{ command: "x --token [REDACTED]", env: { A: "[REDACTED]" } }, { command: "[REDACTED]" }],
      },
      harpoon: {
        targets: [{ label: "t", template: { headers: { "X-H": "[REDACTED]" } } }],
        hosts_include_suffix: [null, "a"],
      },
    },
  });
});

Deno.test("shownFile() of what is no YAML tells where, and nothing of the text [CFG-142]", async () => {
  assert.deepEqual(await shownFile({ path: "/p", text: "api_key: [hunter2" }, scrub), {
    path: "/p",
    contents: { parse_error: "/p:1:18: YAML syntax: wrong indentation, or a bracket that is not closed" },
  });
});

Deno.test("shownEnvironment() tells what concerns this program, without secrets [CFG-141]", () => {
  const env = {
    PATH: "/bin",
    HOME: "/h",
    CONTROL_PLANE_API_KEY: "hunter2",
    OPENAI_API_KEY: "",
    CONTROL_PLANE_BASE_URL: "https://u:hunter2@h/x",
    CONTROL_PLANE_EXTRA_HEADERS: "X-A: hunter2; X-B: hunter2",
    MCP_EXTRA_HEADERS: "X-A: a,hunter2",
    MCP_SERVER_URL: "channel=main,url=https://h/mcp?k=hunter2\nhttps://u:hunter2@i",
    TUNNEL_CLIENT_HTTP_PROXY: "HTTP://u:hunter2@P:1",
    https_proxy: "http://u:hunter2@q",
    HTTP_PROXY: "",
    LOG_FILE: "/sk-abcdef",
    MY_VARIABLE: "hunter2",
    CLOUDFLARED_TUNNEL_TOKEN: "hunter2",
    MCP_CLIENT_KEY: "/k.pem",
    MCP_COMMAND: "channel=a,command=x --token hunter2\n\ny 'hunter2",
    HARPOON_TARGETS: "label=a,url=https://u:hunter2@h/?hunter2,desc=d",
  };
  assert.deepEqual(shownEnvironment(env, ["MY_VARIABLE"], scrub), {
    CLOUDFLARED_TUNNEL_TOKEN: "[REDACTED]",
    CONTROL_PLANE_API_KEY: "[REDACTED]",
    CONTROL_PLANE_BASE_URL: "https://h/x",
    CONTROL_PLANE_EXTRA_HEADERS: "X-A: [REDACTED]; X-B: [REDACTED]",
    HARPOON_TARGETS: "label=a,url=https://h/,desc=d",
    HTTP_PROXY: "",
    LOG_FILE: "/sk-REDACTED",
    MCP_CLIENT_KEY: "/k.pem",
    MCP_COMMAND: "channel=a,command=x --token [REDACTED]\n[REDACTED]",
    MCP_EXTRA_HEADERS: "X-A: [REDACTED], [REDACTED]",
    MCP_SERVER_URL: "channel=main,url=https://h/mcp\nhttps://i",
    MY_VARIABLE: "[REDACTED]",
    OPENAI_API_KEY: "",
    TUNNEL_CLIENT_HTTP_PROXY: "http://p:1",
    https_proxy: "http://q",
  });
});
