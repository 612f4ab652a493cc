/** The finished configuration of one agent: plain data that can be handed to another thread. */

export interface ControlPlaneConfig {
  /** Scheme and host as configured; path, query and fragment are ignored (P-3). */
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
  readonly pollDeadlineGuardrailMs: number;
  /** Allowlist of channels, sorted; undefined means unscoped polling (P-36). */
  readonly pollChannels: readonly string[] | undefined;
  /** Secret values. */
  readonly extraHeaders: readonly (readonly [name: string, value: string])[];
  /** Bounds of the retry delay, in ms (P-51). */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

export interface HttpBinding {
  readonly channel: string;
  readonly transport: "http-streamable";
  /** As configured, query included. May hold secrets; show only its origin. */
  readonly url: string;
}

export interface StdioBinding {
  readonly channel: string;
  readonly transport: "stdio";
  /** As configured, for display. */
  readonly command: string;
  /** The command split into words (ST-1); never empty. */
  readonly argv: readonly string[];
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
}

export interface LogConfig {
  readonly level: "debug" | "info" | "warn" | "error";
  /** `plain` goes to stderr, the other two to stdout or the file. */
  readonly format: "plain" | "struct-text" | "json";
  /** Empty when not configured. */
  readonly file: string;
}

export interface HealthConfig {
  /** `host:port`; an empty host means all interfaces. Empty means no listener (embedded use only). */
  readonly listenAddr: string;
  /** Empty when not configured; otherwise no TCP port is bound. */
  readonly unixSocket: string;
  /** Empty when not configured. */
  readonly urlFile: string;
}

export interface RunConfig {
  readonly controlPlane: ControlPlaneConfig;
  readonly mcp: McpConfig;
  readonly log: LogConfig;
  readonly health: HealthConfig;
  /** Empty when not configured. */
  readonly pidFile: string;
  /** How long a stop may take before what still runs is answered with a failure, in ms. */
  readonly drainTimeoutMs: number;
  readonly sandbox: "strict" | "off";
}
