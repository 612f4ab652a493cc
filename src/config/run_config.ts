/** The finished configuration of one agent: plain data that can be handed to another thread. */
import type { HarpoonConfig } from "./harpoon_config.ts";
import type { CertificatePaths, EnvironmentProxies, ProxyChoice, TlsConfig } from "./network_config.ts";

/** The file that a configuration came from; every member is empty when there was none (CFG-32). */
export interface ConfigSource {
  /** Path given with `--config`. */
  readonly configFile: string;
  /** Name of the profile, also of one that was selected by its path. */
  readonly profile: string;
  readonly profilePath: string;
  readonly profileDir: string;
  /** True when the profile was selected by its path. */
  readonly isProfileFile: boolean;
}

export interface ControlPlaneConfig {
  /** Scheme and host as configured, the mTLS host where CFG-44 wants it; path, query and fragment are ignored (P-3). */
  readonly baseUrl: string;
  /** Prefix for every route, empty or starting with `/` (P-4). */
  readonly urlPath: string;
  readonly tunnelId: string;
  /** Empty when not configured. */
  readonly organizationId: string;
  /** Secret. */
  readonly apiKey: string;
  /** Capacity of the local queue (P-38). */
  readonly maxInflight: number;
  readonly pollTimeoutMs: number;
  /** Wait that the first poll asks for, if it is the shorter one. */
  readonly initialPollTimeoutMs: number;
  readonly pollDeadlineGuardrailMs: number;
  /** Allowlist of channels, sorted; undefined means unscoped polling (P-36). */
  readonly pollChannels: readonly string[] | undefined;
  /** Secret values. */
  readonly extraHeaders: readonly (readonly [name: string, value: string])[];
  /** Bounds of the retry delay, in ms (P-51). */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly proxy: ProxyChoice;
  readonly clientCertificate?: CertificatePaths;
  /** Every request dials this socket and no proxy; absent when not configured (P-7, CFG-54). */
  readonly unixSocket?: string;
}

export interface HttpBinding {
  readonly channel: string;
  readonly transport: "http-streamable";
  /** As configured, query included. May hold secrets; show only its origin. */
  readonly url: string;
  /** Every request dials this socket and no proxy (CFG-64); absent when not configured. */
  readonly unixSocket?: string;
  readonly proxy: ProxyChoice;
  /** Its own, else the default of all HTTP bindings (CFG-57); shown to this URL's origin only. */
  readonly clientCertificate?: CertificatePaths;
}

export interface StdioBinding {
  readonly channel: string;
  readonly transport: "stdio";
  /** As configured, for display. */
  readonly command: string;
  /** The command split into words (ST-1); never empty. */
  readonly argv: readonly string[];
  /** Variables that the child gets besides the base list, references resolved. May hold secrets; show only names. */
  readonly env: Readonly<Record<string, string>>;
  /** The child gets the whole environment of this process, without this program's own secrets. */
  readonly inheritEnv: boolean;
  /** Words put before `argv`, such as `bwrap …`; empty for none. */
  readonly wrapper: readonly string[];
}

export type Binding = HttpBinding | StdioBinding;

export interface McpConfig {
  /** All URL entries in order, then all command entries (CH-19). */
  readonly bindings: readonly Binding[];
  /** Secret values; for every request to the exact MCP URL (HD-9 … HD-11). */
  readonly extraHeaders: readonly (readonly [name: string, value: string])[];
  /** Secret values; on top of the others for probe and discovery requests. */
  readonly discoveryExtraHeaders: readonly (readonly [name: string, value: string])[];
  /** 0 means off (P-146). */
  readonly startupWaitTimeoutMs: number;
  readonly connectionMaxTtlMs: number;
  readonly maxConcurrentRequests: number;
  /** Calls that may run at once over one stdio child; 1 is serial. */
  readonly stdioConcurrency: number;
  /** Write `notifications/initialized` to a stdio child after its `initialize` was answered. */
  readonly stdioSendInitializedNotification: boolean;
  /** Put the trace context of a command into its message. */
  readonly forwardTraceContext: boolean;
  /** Origins besides the MCP server's own that OAuth metadata may be fetched from, canonical. */
  readonly oauthTrustedOrigins: readonly string[];
}

export interface LogConfig {
  readonly level: "debug" | "info" | "warn" | "error";
  /** `plain` goes to stderr, the other two to stdout or the file. */
  readonly format: "plain" | "struct-text" | "json";
  /** Empty when not configured. */
  readonly file: string;
  /** Dump whole requests and responses at debug level (CFG-95). */
  readonly httpRawUnsafe: boolean;
}

export interface HealthConfig {
  /** `host:port`; an empty host means all interfaces. Empty means no listener (embedded use only). */
  readonly listenAddr: string;
  /** Empty when not configured; otherwise no TCP port is bound. */
  readonly unixSocket: string;
  /** Empty when not configured. */
  readonly urlFile: string;
  /** `/health` tells component details without being asked. */
  readonly showDetails: boolean;
}

export interface AdminUiConfig {
  /** Page and API also for callers from other machines (CFG-103). */
  readonly allowRemote: boolean;
  /** Open the page in a browser at start. */
  readonly openBrowser: boolean;
  /** Log events kept for page and export. */
  readonly logBufferEvents: number;
}

export interface CloudflaredConfig {
  /** A token is configured or is to be fetched (CFG-105). */
  readonly enabled: boolean;
  /** Fetch the token from the control plane; a configured token wins. */
  readonly managed: boolean;
  /** Secret; empty when not configured. */
  readonly token: string;
  /** Empty for the sibling of this program. */
  readonly path: string;
  readonly readyTimeoutMs: number;
}

export interface RunConfig {
  readonly source: ConfigSource;
  readonly controlPlane: ControlPlaneConfig;
  readonly mcp: McpConfig;
  readonly harpoon: HarpoonConfig;
  readonly tls: TlsConfig;
  readonly environmentProxies: EnvironmentProxies;
  /** Pause between two checks of the proxies in use. */
  readonly proxyCheckIntervalMs: number;
  readonly log: LogConfig;
  readonly health: HealthConfig;
  readonly adminUi: AdminUiConfig;
  readonly cloudflared: CloudflaredConfig;
  /** Empty when not configured. */
  readonly pidFile: string;
  /** How long a stop may take before what still runs is answered with a failure, in ms. */
  readonly drainTimeoutMs: number;
  /** Put the file in force again whenever it changes. */
  readonly reloadWatch: boolean;
  readonly sandbox: "strict" | "off";
  /** Which hosts that OAuth metadata names at run time the agent may reach: those configured, those of the same site, any. */
  readonly sandboxLearn: "ask-config" | "same-site" | "any";
}
