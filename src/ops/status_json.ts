/** The body of `/api/status`: the published names of spec 06 §6.1 for what exists, and what the page needs besides. */
import { formatDuration } from "../config/mod.ts";
import type { AgentStatus, ChannelStatus, ConfigReload, ProbeStatus, RouteSummary } from "./agent_status.ts";
import type { Exposition } from "./exposition.ts";
import type { LogValue, TimelineEntry } from "./observe.ts";
import type { Readiness } from "./readiness.ts";

const TIMELINE_ENTRIES = 50;
const MS_PER_SECOND = 1000;

/** What does not change while the program runs. */
export interface ProgramFacts {
  readonly version: string;
  readonly clientInstanceId: string;
  /** Unix time in ms. */
  readonly startedAtMs: number;
  readonly controlPlane: {
    readonly baseUrl: string;
    readonly tunnelId: string;
    readonly maxInflight: number;
    readonly pollTimeoutMs: number;
    readonly pollDeadlineGuardrailMs: number;
  };
  readonly sandbox: {
    readonly mode: "strict" | "off";
    /** What the agent may touch, one permission per line, for people. */
    readonly permissions: readonly string[];
  };
}

/** What {@link statusJson} is made of. */
export interface StatusInput {
  readonly facts: ProgramFacts;
  readonly listenAddr: string;
  readonly agent: AgentStatus | undefined;
  readonly readiness: Readiness;
  readonly metrics: Pick<Exposition, "counts" | "total">;
  readonly timeline: { latest(limit: number): readonly TimelineEntry[] };
  /** Unix time in ms. */
  readonly nowMs: number;
}

/** Builds the status object; members without a value are left out. */
export function statusJson(input: StatusInput): { readonly [key: string]: LogValue } {
  const { facts, agent, nowMs } = input;
  const { controlPlane, sandbox } = facts;
  const main = agent?.channels.find(({ name }) => name === "main");
  return {
    version: facts.version,
    client_instance_id: facts.clientInstanceId,
    started_at: new Date(facts.startedAtMs).toISOString(),
    uptime_seconds: Math.max(0, Math.trunc((nowMs - facts.startedAtMs) / MS_PER_SECOND)),
    health_listen_addr: input.listenAddr,
    control_plane_base_url: withoutSecretParts(controlPlane.baseUrl),
    control_plane_tunnel_id: controlPlane.tunnelId,
    control_plane_max_inflight: controlPlane.maxInflight,
    control_plane_poll_timeout: formatDuration(controlPlane.pollTimeoutMs),
    control_plane_poll_deadline_guardrail: formatDuration(controlPlane.pollDeadlineGuardrailMs),
    mcp_server_url: main?.transport === "http-streamable" ? withoutSecretParts(main.target) : undefined,
    channels: (agent?.channels ?? []).map((channel) => channelJson(channel, agent?.probe)),
    raw_http_logging_enabled: false,
    warnings: sandbox.mode === "off" ? [SANDBOX_OFF] : undefined,
    readiness: {
      ready: input.readiness.ready,
      reason: input.readiness.body,
      checks: checksJson(input.readiness),
    },
    control_plane_poll: pollJson(agent, nowMs),
    control_plane_route: routesJson(agent, "control_plane")?.[0],
    mcp_routes: routesJson(agent, "mcp_channel"),
    config_reload: reloadJson(agent?.configReload),
    commands: commandsJson(input.metrics),
    timeline: input.timeline.latest(TIMELINE_ENTRIES).map(entryJson),
    agent: {
      alive: agent?.agentAlive ?? false,
      draining: agent?.draining ?? false,
      restarts: input.metrics.total("agent_restarts_total"),
    },
    sandbox: {
      mode: sandbox.mode,
      permissions: sandbox.permissions,
      refusals: input.metrics.counts("sandbox_refusals_total", "kind"),
    },
  };
}

const SANDBOX_OFF =
  "The sandbox is off: the agent runs with all rights of this process. Use --sandbox off for debugging only.";

/** The checks as `/readyz?format=json` and the page show them. */
export function checksJson(readiness: Readiness): LogValue {
  return readiness.checks.map(({ name, status, reason }) => ({ name, status, reason: reason || undefined }));
}

/** A channel in the published form (A-12 … A-17), with its state besides. */
function channelJson(channel: ChannelStatus, probe: ProbeStatus | undefined): LogValue {
  const { name, transport, target, health } = channel;
  const probed = name === "main" && transport === "http-streamable"
    ? PROBE_JSON[probe?.state ?? "pending"]
    : undefined;
  return {
    name,
    enabled: health.state !== "failed" && health.state !== "stopped" && probed?.status !== "failed",
    server_kind: transport === "in-memory" ? "builtin" : "external",
    transport_kind: transport,
    state: health.state,
    probe_status: probed?.status,
    probe_error: probe?.error && probed?.reason ? probe.error : undefined,
    reason: health.reason || probed?.reason,
    details: target === ""
      ? undefined
      : [{ key: transport === "stdio" ? "command" : "address", value: withoutSecretParts(target) }],
  };
}

const PROBE_JSON: Readonly<
  Record<ProbeStatus["state"], { readonly status: string; readonly reason?: string }>
> = {
  pending: { status: "pending" },
  ok: { status: "ok" },
  auth_required: { status: "auth-required", reason: "mcp initialize requires auth" },
  timed_out: { status: "timeout", reason: "initial mcp probe timed out" },
  wait_failed: { status: "failed", reason: "initial mcp probe failed" },
  failed: { status: "failed", reason: "initial mcp probe failed" },
};

function commandsJson(metrics: StatusInput["metrics"]): LogValue {
  const received = metrics.total("commands_received_total");
  const ended = metrics.total("commands_outcome_total");
  return {
    received,
    in_flight: Math.max(0, received - ended),
    outcomes: metrics.counts("commands_outcome_total", "outcome"),
  };
}

function pollJson(agent: AgentStatus | undefined, nowMs: number): LogValue {
  if (agent === undefined) return undefined;
  const { lastSuccessAgoMs, consecutiveFailures, lastErrorCategory, lastStatus, paused, shortened } =
    agent.poll;
  return {
    last_success: lastSuccessAgoMs === undefined
      ? undefined
      : new Date(nowMs - lastSuccessAgoMs).toISOString(),
    last_success_ago_seconds: lastSuccessAgoMs === undefined
      ? undefined
      : Math.trunc(lastSuccessAgoMs / MS_PER_SECOND),
    consecutive_failures: consecutiveFailures,
    last_error: lastErrorCategory || undefined,
    last_status: lastStatus || undefined,
    paused,
    wait: shortened && formatDuration(shortened.waitMs),
    cut_after: shortened && formatDuration(shortened.cutAfterMs),
  };
}

function reloadJson(reload: ConfigReload | undefined): LogValue {
  if (reload === undefined) return undefined;
  const { atMs, error, needsRestart } = reload;
  return {
    time: new Date(atMs).toISOString(),
    success: error === "",
    error: error || undefined,
    needs_restart: needsRestart,
  };
}

/** Routes of one kind, without the checks of their proxies; undefined when there are none. */
function routesJson(agent: AgentStatus | undefined, kind: RouteSummary["kind"]): LogValue[] | undefined {
  const routes = (agent?.routes ?? []).filter(({ route }) => route.kind === kind);
  return routes.length === 0 ? undefined : routes.map(({ route }) => ({ ...route }));
}

function entryJson(entry: TimelineEntry): LogValue {
  return {
    time: new Date(entry.timeMs).toISOString(),
    request_id: entry.requestId,
    channel: entry.channel,
    kind: entry.kind,
    method: entry.method,
    outcome: entry.outcome,
    status_code: entry.statusCode,
    queued_ms: Math.round(entry.queuedMs),
    total_ms: Math.round(entry.totalMs),
    reason: entry.reason || undefined,
  };
}

/** A URL without user, password, query and fragment; any other text as it is. */
function withoutSecretParts(text: string): string {
  const url = text.includes("://") ? URL.parse(text) : null;
  if (url === null) return text;
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}
