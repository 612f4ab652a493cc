import {
  DEFAULT_BASE_URL,
  DEFAULT_KEY_REFERENCE,
  DEFAULT_LISTEN_ADDR,
  type SampleInputs,
} from "./sample_inputs.ts";
import type { Sample } from "./samples.ts";
import { SCHEMA_LINE } from "./schema_file.ts";

const EXAMPLE_TUNNEL_ID = "tunnel_0123456789abcdef0123456789abcdef";

/** What a sample is shown and tested with (CFG-148). */
export function exampleOf({ example }: Sample): SampleInputs {
  return {
    tunnelId: EXAMPLE_TUNNEL_ID,
    baseUrl: DEFAULT_BASE_URL,
    urlPath: "",
    apiKeyReference: DEFAULT_KEY_REFERENCE,
    listenAddr: DEFAULT_LISTEN_ADDR,
    openBrowser: false,
    serverUrl: "url" in example ? example.url : "",
    command: "command" in example ? example.command : "",
  };
}

/** YAML of a sample whose gaps are filled (S-4). */
export function renderSample({ name, isEnterprise }: Sample, inputs: SampleInputs): string {
  const { tunnelId, baseUrl, urlPath, apiKeyReference, listenAddr, openBrowser, serverUrl, command } = inputs;
  const lines = [
    SCHEMA_LINE,
    `# Made from ${name}.`,
    ...isEnterprise ? ENTERPRISE_HEAD : [],
    "config_version: 1",
    ...isEnterprise ? ENTERPRISE_KEYS : [],
    "",
    "control_plane:",
    `  base_url: ${quoted(baseUrl)}`,
    ...urlPath === "" ? [] : [`  url_path: ${quoted(urlPath)}`],
    `  tunnel_id: ${quoted(tunnelId)}`,
    `  api_key: ${quoted(apiKeyReference)}`,
    "",
    "health:",
    "  # A fixed port gives the status page a stable address. For several agents at a",
    '  # time use port 0 ("127.0.0.1:0") and let a file tell which port it became.',
    `  listen_addr: ${quoted(listenAddr)}`,
    '  # url_file: "/path/to/health.url"',
    "",
    "admin_ui:",
    `  open_browser: ${openBrowser}`,
    "",
    "log:",
    "  level: info",
    "  format: json",
    "",
    "mcp:",
    ...serverUrl === ""
      ? ["  commands:", "    - channel: main", `      command: ${quoted(command)}`]
      : ["  server_urls:", "    - channel: main", `      url: ${quoted(serverUrl)}`],
    "",
  ];
  return lines.join("\n");
}

const ENTERPRISE_HEAD: readonly string[] = [
  "# Variables that it refers to:",
  "#   CONTROL_PLANE_API_KEY  runtime key of the tunnel",
  "#   HTTPS_PROXY            proxy for everything that leaves",
  "#   ENTERPRISE_CA_BUNDLE   path of a PEM file with the company's CA",
  "# OPENAI_ADMIN_KEY is for tunnel-client admin only and is never used by run.",
];
const ENTERPRISE_KEYS: readonly string[] = [
  "# Remove this line when the system's certificates are enough.",
  'ca_bundle: "env:ENTERPRISE_CA_BUNDLE"',
  "# One proxy for the control plane, the MCP server and Harpoon.",
  'http_proxy: "env:HTTPS_PROXY"',
];

/** A YAML text in double quotes; JSON is such a text but for characters that YAML wants escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
