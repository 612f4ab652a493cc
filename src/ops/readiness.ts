import type { AgentStatus, ChannelStatus, ConfigReload, PollStatus, ProbeStatus } from "./agent_status.ts";

/** A poll may be this many waits late before the control plane counts as not reached. */
const MAX_POLL_WAITS = 2;
const MS_PER_SECOND = 1000;

/** One thing that readiness depends on. */
export interface ReadinessCheck {
  readonly name: string;
  /** `warning`: worth knowing, and no obstacle to being ready. */
  readonly status: "ok" | "warning" | "pending" | "failed";
  /** Empty when ok. */
  readonly reason: string;
}

/** Whether the agent can do its work, and why not. */
export interface Readiness {
  readonly ready: boolean;
  /** Body of `/readyz`: `ready`, `ready (…)`, or the first reason against it (R-3). */
  readonly body: string;
  /** Every check, in the order in which they decide. */
  readonly checks: readonly ReadinessCheck[];
}

/**
 * The one function behind `/readyz`, the `readiness` metric and the page (R-3 … R-10).
 * @param status undefined until the agent has spoken for the first time
 */
export function evaluateReadiness(status: AgentStatus | undefined): Readiness {
  if (status === undefined) return notReady(check("agent", "pending", "agent startup pending"));
  // What it said last is no news any more.
  if (!status.agentAlive) return notReady(check("agent", "failed", "agent is not responding"));
  const checks = [
    check("agent", "ok"),
    status.draining ? check("drain", "failed", "draining") : check("drain", "ok"),
    probeCheck(status.probe),
    ...status.channels.map(channelCheck),
    controlPlaneCheck(status.poll, status.pollWaitMs),
    ...(status.configReload === undefined ? [] : [configurationCheck(status.configReload)]),
  ];
  const obstacle = checks.find((each) => each.status === "failed" || each.status === "pending");
  if (obstacle !== undefined) return { ready: false, body: obstacle.reason, checks };
  const remark = readyRemark(status.probe) || degradedRemark(status.channels);
  return { ready: true, body: remark === "" ? "ready" : `ready (${remark})`, checks };
}

function notReady(reason: ReadinessCheck): Readiness {
  return { ready: false, body: reason.reason, checks: [reason] };
}

function check(name: string, status: ReadinessCheck["status"], reason = ""): ReadinessCheck {
  return { name, status, reason };
}

/** Rows 4 … 9 of R-3. */
function probeCheck(probe: ProbeStatus): ReadinessCheck {
  const name = "mcp_probe";
  const error = originsOnly(probe.error.trim());
  switch (probe.state) {
    case "pending":
      return check(name, "pending", "mcp startup probe pending");
    case "wait_failed":
      return check(name, "failed", `mcp startup wait failed: ${error}`);
    case "failed":
      return check(name, "failed", `mcp probe failed: ${error}`);
    case "auth_required":
    case "timed_out":
      return check(name, "warning", readyRemark(probe));
    case "ok":
      return check(name, "ok");
  }
}

/** Rows 5 and 7 of R-3: the target cannot be judged, and calls may well work. */
function readyRemark(probe: ProbeStatus): string {
  const error = originsOnly(probe.error.trim());
  if (probe.state === "auth_required") return `mcp initialize requires auth: ${error}`;
  if (probe.state === "timed_out") return `mcp startup probe timed out: ${error}`;
  return "";
}

/** A channel that limps, such as one whose child is being restarted, still takes calls. */
function degradedRemark(channels: readonly ChannelStatus[]): string {
  const limping = channels.find(({ health }) => health.state === "degraded");
  return limping === undefined ? "" : channelCheck(limping).reason;
}

function channelCheck(channel: ChannelStatus): ReadinessCheck {
  const name = `channel ${channel.name}`;
  const { state } = channel.health;
  const reason = originsOnly(channel.health.reason.trim());
  const text = `channel ${channel.name} ${state}${reason === "" ? "" : `: ${reason}`}`;
  switch (state) {
    case "failed":
    case "stopped":
      return check(name, "failed", text);
    case "degraded":
      return check(name, "warning", text);
    // A child may start with its first call; until then nothing is wrong with it.
    case "starting":
    case "ready":
      return check(name, "ok");
  }
}

function controlPlaneCheck(poll: PollStatus, pollWaitMs: number): ReadinessCheck {
  const name = "control_plane";
  const refusal = poll.consecutiveFailures > 0 ? refusalText(poll.lastStatus) : undefined;
  if (refusal !== undefined) return check(name, "failed", refusal);

  const { lastSuccessAgoMs: agoMs, consecutiveFailures, lastErrorCategory, lastStatus } = poll;
  const cause = lastErrorCategory + (lastStatus === 0 ? "" : ` (HTTP ${lastStatus})`);
  const failures = `${cause.trim() || "no answer"}, ${consecutiveFailures} failed in a row`;
  if (agoMs === undefined) {
    if (consecutiveFailures > 0) {
      return check(name, "failed", `control plane not reached: ${originsOnly(failures)}`);
    }
    // A control plane without work holds the first poll open for the whole wait; metadata answers at once.
    const isReached = poll.metadataAgoMs !== undefined && poll.metadataAgoMs <= MAX_POLL_WAITS * pollWaitMs;
    return isReached
      ? check(name, "ok")
      : check(name, "pending", "control plane not reached: first poll pending");
  }
  if (!poll.paused && agoMs > MAX_POLL_WAITS * pollWaitMs) {
    const ago = `last successful poll ${Math.round(agoMs / MS_PER_SECOND)} s ago`;
    const reason = consecutiveFailures === 0 ? ago : `${originsOnly(failures)}, ${ago}`;
    return check(name, "failed", `control plane not reached: ${reason}`);
  }
  return consecutiveFailures === 0 ? check(name, "ok") : check(name, "warning", originsOnly(failures));
}

/** What is in force still works, so this is no obstacle. */
function configurationCheck({ error, needsRestart }: ConfigReload): ReadinessCheck {
  const name = "configuration";
  if (error !== "") return check(name, "warning", originsOnly(`not reloaded: ${error}`));
  if (needsRestart.length > 0) return check(name, "warning", `restart needed for ${needsRestart.join(", ")}`);
  return check(name, "ok");
}

/** Statuses that no waiting repairs (P-46). */
function refusalText(status: number): string | undefined {
  switch (status) {
    case 401:
      return "control plane refuses the API key (401): check control-plane.api-key";
    case 403:
      return "control plane refuses the API key for this tunnel (403): check its project, organization and permissions";
    case 404:
      return "control plane does not know this tunnel (404): check control-plane.tunnel-id";
    default:
      return undefined;
  }
}

/** `/readyz` has no guard, so a URL shows its origin and nothing more (spec 06 §3, "could be better" e). */
function originsOnly(text: string): string {
  return text.replace(
    /\b([a-z][a-z0-9+.-]{0,30}:\/\/)(?:[^\s\/?#"'<>]*@)?([^\s\/?#"'<>]*)[^\s"'<>]*/gi,
    (_url, scheme: string, host: string) => scheme + host.replace(/[),:;.]+$/, ""),
  );
}
