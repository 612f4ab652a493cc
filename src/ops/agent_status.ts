/**
 * How the agent is doing: plain data that the agent thread sends and the main thread turns into readiness and the
 * page. Every text in it is already short, free of secrets and of URLs beyond their origin.
 */
export interface AgentStatus {
  /** False when the agent thread missed its heartbeats; only the main thread knows. */
  readonly agentAlive: boolean;
  /** A stop was requested. */
  readonly draining: boolean;
  readonly poll: PollStatus;
  /** How long a poll may wait for work, in ms; twice that without a success is too long. */
  readonly pollWaitMs: number;
  /** Startup probe of the channel `main`. */
  readonly probe: ProbeStatus;
  /** How requests leave, in the order of PH-3. */
  readonly routes: readonly RouteHealth[];
  /** In the order in which they are bound. */
  readonly channels: readonly ChannelStatus[];
  /** How the last reload of the configuration went; absent before the first. Only the main thread knows. */
  readonly configReload?: ConfigReload;
}

/** A configuration that was read again while the program ran. */
export interface ConfigReload {
  /** Unix time in ms. */
  readonly atMs: number;
  /** Why it could not be used; empty when it could. */
  readonly error: string;
  /** Settings whose new values wait for a restart. */
  readonly needsRestart: readonly string[];
}

export interface PollStatus {
  /** Ms since the last successful poll (200 or 204); undefined before the first. */
  readonly lastSuccessAgoMs: number | undefined;
  /**
   * Ms since the tunnel's metadata was fetched, which proves that the control plane takes key and tunnel while the
   * first poll is still held open; undefined when it was not.
   */
  readonly metadataAgoMs: number | undefined;
  readonly consecutiveFailures: number;
  /** What the last failed poll died of, e.g. `connection refused`; empty after a success. */
  readonly lastErrorCategory: string;
  /** Status of the last failed poll; 0 when it got none, or after a success. */
  readonly lastStatus: number;
  /** True while polling rests on purpose because the local queue is full (P-40): no success is then expected. */
  readonly paused: boolean;
  /**
   * Set while polls ask for a shorter wait than configured, because something on the way cuts longer ones: what they ask
   * for now, and how long a cut one had lasted.
   */
  readonly shortened: { readonly waitMs: number; readonly cutAfterMs: number } | undefined;
}

/** One way that requests take, in the published names (PX-9). */
export interface RouteSummary {
  readonly kind: "control_plane" | "mcp_channel" | "harpoon_target";
  readonly name: string;
  /** `host:port`; absent where there is no network. */
  readonly target?: string;
  readonly route_mode: "direct" | "proxy";
  readonly proxy_source: string;
  /** Lower-case `scheme://host[:port]`. */
  readonly proxy_url?: string;
  readonly proxy_id?: string;
}

/** One check of a proxy, in the published names (PX-17). */
export interface ProxyCheckRecord {
  /** RFC 3339. */
  readonly timestamp: string;
  readonly success: boolean;
  readonly tcp_duration_ms?: number;
  readonly connect_duration_ms?: number;
  readonly error_phase?: "tcp" | "connect";
  readonly error_reason?: string;
  readonly http_status_category?: string;
}

/** A route and how its proxy is doing, in the published names (PH-2). */
export interface RouteHealth {
  readonly route: RouteSummary;
  /** A proxied route is `unhealthy` until its first check (PH-4). */
  readonly health_state: "direct" | "healthy" | "unhealthy";
  readonly last_check?: string;
  readonly last_success?: string;
  /** The last ten checks, oldest first; absent for direct routes. */
  readonly history?: readonly ProxyCheckRecord[];
}

/**
 * `ok` also when there is nothing to probe; `auth_required` is a 401 to `initialize`; `wait_failed` is an
 * exhausted startup wait.
 */
export interface ProbeStatus {
  readonly state: "pending" | "ok" | "auth_required" | "timed_out" | "wait_failed" | "failed";
  /** The error's text; empty for `pending` and `ok`. */
  readonly error: string;
}

export interface ChannelStatus {
  readonly name: string;
  readonly transport: "http-streamable" | "stdio" | "in-memory";
  /** What it is bound to, for people: the origin of a URL, or a command. May be empty. */
  readonly target: string;
  readonly health: {
    readonly state: "starting" | "ready" | "degraded" | "failed" | "stopped";
    /** Empty when ready. */
    readonly reason: string;
  };
}

/** A status as it stands `elapsedMs` after the agent sent it: what was measured then has become older. */
export function agedStatus(status: AgentStatus, elapsedMs: number): AgentStatus {
  const { poll } = status;
  const older = (agoMs: number | undefined) => agoMs === undefined ? undefined : agoMs + elapsedMs;
  const lastSuccessAgoMs = older(poll.lastSuccessAgoMs);
  return { ...status, poll: { ...poll, lastSuccessAgoMs, metadataAgoMs: older(poll.metadataAgoMs) } };
}
