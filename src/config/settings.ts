/**
 * The one table of everything a person can set. Flags, environment variables, YAML paths, help, limits and the list
 * of secrets are all read from here.
 */

/** What kind of value a setting holds; decides how its text is read and how a list of them is split. */
export type SettingType =
  | "string"
  | "url"
  | "url-path"
  | "int"
  | "duration"
  | "enum"
  | "path"
  | "secret"
  | "listen-address"
  | "channels"
  | "headers"
  | "url-bindings"
  | "command-bindings";

/** Whether a source may hold `env:NAME` or `file:PATH` in place of the value (section 3.3 of the specification). */
export type ReferenceRule = "literal" | "optional" | "mandatory";

/** Bounds, written in the setting's own syntax. */
export interface Limits {
  /** Smallest value allowed. */
  readonly min?: string;
  /** Largest value allowed. */
  readonly max?: string;
  /** The value must be larger than this. */
  readonly above?: string;
  /** The value must be smaller than this. */
  readonly below?: string;
}

export interface Setting {
  /** Canonical name: the flag without its dashes. */
  readonly name: string;
  /** Old spelling of the flag; accepted, never shown (CFG-13). */
  readonly alias?: string;
  readonly env: string;
  /** A variable that is asked after every other source (CFG-10). */
  readonly fallbackEnv?: string;
  readonly yaml: string;
  readonly type: SettingType;
  /** As a person would type it; empty means none. */
  readonly default: string;
  readonly limits?: Limits;
  /** Valid words of an `enum`. */
  readonly choices?: readonly string[];
  /** True when the value must never be shown. */
  readonly secret: boolean;
  readonly references: {
    readonly flag: ReferenceRule;
    readonly env: ReferenceRule;
    readonly yaml: ReferenceRule;
  };
  /** Sources whose empty value is a mistake and not an absence (CFG-7, CFG-9). */
  readonly emptyIsError?: readonly ("flag" | "env")[];
  /** Heading in `run --help`. */
  readonly group: string;
  /** Stands for the value in help. */
  readonly placeholder: string;
  readonly help: string;
  readonly example: string;
}

const LITERAL = { flag: "literal", env: "literal", yaml: "literal" } as const;
const YAML_REFERENCE = { flag: "literal", env: "literal", yaml: "optional" } as const;
const HEADER_REFERENCE = { flag: "optional", env: "optional", yaml: "optional" } as const;

const CONTROL_PLANE = "Control plane";
const MCP = "MCP servers";
const LOGGING = "Logging";
const OPERATION = "Health, process and sandbox";

/** Every setting, in the order of `run --help`. */
export const SETTINGS = [
  {
    name: "control-plane.base-url",
    alias: "control-plane-base-url",
    env: "CONTROL_PLANE_BASE_URL",
    yaml: "control_plane.base_url",
    type: "url",
    default: "https://api.openai.com",
    secret: false,
    references: YAML_REFERENCE,
    group: CONTROL_PLANE,
    placeholder: "URL",
    help: "Control plane to poll. Host root only: path, query and fragment are ignored.",
    example: "https://api.openai.com",
  },
  {
    name: "control-plane.url-path",
    alias: "control-plane-url-path",
    env: "CONTROL_PLANE_URL_PATH",
    yaml: "control_plane.url_path",
    type: "url-path",
    default: "",
    secret: false,
    references: YAML_REFERENCE,
    group: CONTROL_PLANE,
    placeholder: "PATH",
    help: "Path put before the /v1/... routes, for gateways.",
    example: "/workspace/dev/us",
  },
  {
    name: "control-plane.tunnel-id",
    alias: "control-plane-tunnel-id",
    env: "CONTROL_PLANE_TUNNEL_ID",
    yaml: "control_plane.tunnel_id",
    type: "string",
    default: "",
    secret: false,
    references: LITERAL,
    emptyIsError: ["flag", "env"],
    group: CONTROL_PLANE,
    placeholder: "ID",
    help: "Tunnel to serve: tunnel_ and 32 lower-case letters or digits. Required.",
    example: "tunnel_0123456789abcdef0123456789abcdef",
  },
  {
    name: "control-plane.organization-id",
    alias: "control-plane-organization-id",
    env: "CONTROL_PLANE_ORGANIZATION_ID",
    yaml: "control_plane.organization_id",
    type: "string",
    default: "",
    secret: false,
    references: LITERAL,
    group: CONTROL_PLANE,
    placeholder: "ID",
    help: "Sent as OpenAI-Organization with every control-plane request.",
    example: "org-abc",
  },
  {
    name: "control-plane.api-key",
    alias: "control-plane-api-key",
    env: "CONTROL_PLANE_API_KEY",
    fallbackEnv: "OPENAI_API_KEY",
    yaml: "control_plane.api_key",
    type: "secret",
    default: "",
    secret: true,
    references: { flag: "mandatory", env: "literal", yaml: "optional" },
    emptyIsError: ["env"],
    group: CONTROL_PLANE,
    placeholder: "REF",
    help: "Runtime API key as env:NAME or file:/path; the variables hold the key itself. Required.",
    example: "file:/run/secrets/tunnel-key",
  },
  {
    name: "control-plane.max-inflight",
    env: "CONTROL_PLANE_MAX_INFLIGHT_REQUESTS",
    yaml: "control_plane.max_inflight_requests",
    type: "int",
    default: "20",
    limits: { min: "1", max: "10000" },
    secret: false,
    references: LITERAL,
    emptyIsError: ["env"],
    group: CONTROL_PLANE,
    placeholder: "N",
    help: "Size of the local buffer of polled commands that wait for dispatch, 1 to 10000.",
    example: "20",
  },
  {
    name: "control-plane.poll-timeout",
    env: "CONTROL_PLANE_POLL_TIMEOUT",
    yaml: "control_plane.poll_timeout",
    type: "duration",
    default: "30s",
    limits: { above: "0s" },
    secret: false,
    references: LITERAL,
    group: CONTROL_PLANE,
    placeholder: "DURATION",
    help: "How long the control plane may hold one poll. With the guardrail at most 10m.",
    example: "30s",
  },
  {
    name: "control-plane.poll-deadline-guardrail",
    env: "CONTROL_PLANE_POLL_DEADLINE_GUARDRAIL",
    yaml: "control_plane.poll_deadline_guardrail",
    type: "duration",
    default: "5s",
    limits: { above: "0s", below: "60s" },
    secret: false,
    references: LITERAL,
    group: CONTROL_PLANE,
    placeholder: "DURATION",
    help: "Time added to the poll timeout before the client gives the poll up; below 60s.",
    example: "5s",
  },
  {
    name: "control-plane.poll-channel",
    env: "CONTROL_PLANE_POLL_CHANNELS",
    yaml: "control_plane.poll_channels",
    type: "channels",
    default: "",
    secret: false,
    references: LITERAL,
    emptyIsError: ["flag", "env"],
    group: CONTROL_PLANE,
    placeholder: "CHANNEL",
    help: "Poll only this channel; the variable holds a comma list. Default: no restriction.",
    example: "main",
  },
  {
    name: "control-plane.extra-headers",
    env: "CONTROL_PLANE_EXTRA_HEADERS",
    yaml: "control_plane.extra_headers",
    type: "headers",
    default: "",
    secret: true,
    references: HEADER_REFERENCE,
    group: CONTROL_PLANE,
    placeholder: "HEADER",
    help: "Header for control-plane requests, 'Name: value'; the value may be env:VAR or file:/path.",
    example: "X-Gateway-Auth: env:GATEWAY_AUTH",
  },
  {
    name: "mcp.server-url",
    alias: "mcp-server-url",
    env: "MCP_SERVER_URL",
    yaml: "mcp.server_urls",
    type: "url-bindings",
    default: "",
    secret: false,
    references: YAML_REFERENCE,
    group: MCP,
    placeholder: "URL",
    help:
      "Streamable HTTP MCP server of channel main, or channel=NAME,url=URL; the variable holds one per line.",
    example: "http://127.0.0.1:3000/mcp",
  },
  {
    name: "mcp.command",
    alias: "mcp-command",
    env: "MCP_COMMAND",
    yaml: "mcp.commands",
    type: "command-bindings",
    default: "",
    secret: false,
    references: YAML_REFERENCE,
    group: MCP,
    placeholder: "COMMAND",
    help:
      "stdio MCP server of channel main, or channel=NAME,command=COMMAND; the variable holds one per line.",
    example: "npx -y @modelcontextprotocol/server-everything",
  },
  {
    name: "mcp.extra-headers",
    alias: "mcp-extra-headers",
    env: "MCP_EXTRA_HEADERS",
    yaml: "mcp.extra_headers",
    type: "headers",
    default: "",
    secret: true,
    references: HEADER_REFERENCE,
    group: MCP,
    placeholder: "HEADER",
    help: "Header for requests to the MCP server URL, 'Name: value'; the value may be env:VAR or file:/path.",
    example: "X-Internal-Auth: env:MCP_AUTH",
  },
  {
    name: "mcp.discovery-extra-headers",
    alias: "mcp-discovery-extra-headers",
    env: "MCP_DISCOVERY_EXTRA_HEADERS",
    yaml: "mcp.discovery_extra_headers",
    type: "headers",
    default: "",
    secret: true,
    references: HEADER_REFERENCE,
    group: MCP,
    placeholder: "HEADER",
    help: "Header for discovery and start-up probe requests only; wins over --mcp.extra-headers there.",
    example: "X-Discovery-Auth: file:/run/secrets/discovery",
  },
  {
    name: "mcp.startup-wait-timeout",
    env: "MCP_STARTUP_WAIT_TIMEOUT",
    yaml: "mcp.startup_wait_timeout",
    type: "duration",
    default: "0s",
    limits: { min: "0s" },
    secret: false,
    references: LITERAL,
    group: MCP,
    placeholder: "DURATION",
    help: "Hold the first poll until the main HTTP server accepts connections, at most this long; 0 is off.",
    example: "60s",
  },
  {
    name: "mcp.connection-max-ttl",
    env: "MCP_CONNECTION_MAX_TTL",
    yaml: "mcp.connection_max_ttl",
    type: "duration",
    default: "10m",
    limits: { above: "0s" },
    secret: false,
    references: LITERAL,
    group: MCP,
    placeholder: "DURATION",
    help: "Longest time one call may hold its connection to an MCP server.",
    example: "10m",
  },
  {
    name: "mcp.max-concurrent-requests",
    env: "MCP_MAX_CONCURRENT_REQUESTS",
    yaml: "mcp.max_concurrent_requests",
    type: "int",
    default: "10",
    limits: { min: "1" },
    secret: false,
    references: LITERAL,
    group: MCP,
    placeholder: "N",
    help: "Requests that are actively dispatched to MCP servers at the same time.",
    example: "10",
  },
  {
    name: "mcp.stdio-concurrency",
    env: "MCP_STDIO_CONCURRENCY",
    yaml: "mcp.stdio_concurrency",
    type: "int",
    default: "1",
    limits: { min: "1" },
    secret: false,
    references: LITERAL,
    group: MCP,
    placeholder: "N",
    help: "Calls that may run at once over one stdio server; 1 is one after the other.",
    example: "4",
  },
  {
    name: "log.level",
    env: "LOG_LEVEL",
    yaml: "log.level",
    type: "enum",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    secret: false,
    references: LITERAL,
    group: LOGGING,
    placeholder: "LEVEL",
    help: "debug, info, warn or error. Anything but info needs a log format.",
    example: "debug",
  },
  {
    name: "log.format",
    env: "LOG_FORMAT",
    yaml: "log.format",
    type: "enum",
    default: "",
    choices: ["struct-text", "json"],
    secret: false,
    references: LITERAL,
    group: LOGGING,
    placeholder: "FORMAT",
    help: "struct-text or json, written to stdout or the log file. Default: plain lines on stderr.",
    example: "json",
  },
  {
    name: "log.file",
    env: "LOG_FILE",
    yaml: "log.file",
    type: "path",
    default: "",
    secret: false,
    references: LITERAL,
    group: LOGGING,
    placeholder: "PATH",
    help: "Append the log to this file; without a format that means struct-text.",
    example: "/var/log/tunnel-client/tunnel-client.log",
  },
  {
    name: "health.listen-addr",
    alias: "health-listen-addr",
    env: "HEALTH_LISTEN_ADDR",
    yaml: "health.listen_addr",
    type: "listen-address",
    default: "127.0.0.1:8080",
    secret: false,
    references: YAML_REFERENCE,
    group: OPERATION,
    placeholder: "HOST:PORT",
    help: "Address of /healthz, /readyz, /metrics and /ui; port 0 lets the system choose.",
    example: "127.0.0.1:0",
  },
  {
    name: "health.unix-socket",
    alias: "health-unix-socket",
    env: "HEALTH_UNIX_SOCKET",
    yaml: "health.unix_socket",
    type: "path",
    default: "",
    secret: false,
    references: YAML_REFERENCE,
    group: OPERATION,
    placeholder: "PATH",
    help: "Serve them on this Unix socket and on no TCP port.",
    example: "/run/tunnel-client/health.sock",
  },
  {
    name: "health.url-file",
    alias: "health-url-file",
    env: "HEALTH_URL_FILE",
    yaml: "health.url_file",
    type: "path",
    default: "",
    secret: false,
    references: LITERAL,
    group: OPERATION,
    placeholder: "PATH",
    help: "Write the base URL of that listener to this file; removed at stop.",
    example: "/run/tunnel-client/health.url",
  },
  {
    name: "pid.file",
    env: "PID_FILE",
    yaml: "process.pid_file",
    type: "path",
    default: "",
    secret: false,
    references: LITERAL,
    group: OPERATION,
    placeholder: "PATH",
    help: "Write the process id to this file; removed at stop.",
    example: "/run/tunnel-client/tunnel-client.pid",
  },
  {
    name: "shutdown.drain-timeout",
    env: "SHUTDOWN_DRAIN_TIMEOUT",
    yaml: "shutdown.drain_timeout",
    type: "duration",
    default: "25s",
    limits: { min: "0s" },
    secret: false,
    references: LITERAL,
    group: OPERATION,
    placeholder: "DURATION",
    help: "How long a stop may take to finish and answer the commands it holds.",
    example: "25s",
  },
  {
    name: "sandbox",
    env: "TUNNEL_CLIENT_SANDBOX",
    yaml: "sandbox",
    type: "enum",
    default: "strict",
    choices: ["strict", "off"],
    secret: false,
    references: LITERAL,
    group: OPERATION,
    placeholder: "MODE",
    help: "strict: the agent can reach only what it is configured for. off: no sandbox, for debugging.",
    example: "strict",
  },
] as const satisfies readonly Setting[];

/** Canonical name of a setting that exists. */
export type SettingName = (typeof SETTINGS)[number]["name"];

const LIST_TYPES: ReadonlySet<SettingType> = new Set([
  "channels",
  "headers",
  "url-bindings",
  "command-bindings",
]);

/** True when the setting holds a list: its flag may be repeated, its variable holds several entries. */
export function isList(setting: Setting): boolean {
  return LIST_TYPES.has(setting.type);
}

const byName: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((setting) => [setting.name, setting]));

/** The row of one setting. */
export function settingOf(name: SettingName): Setting {
  const setting = byName.get(name);
  if (setting === undefined) throw new Error(`no setting ${name}`);
  return setting;
}
