/** What the doctor says: one check per question, in one order. */

/**
 * Ids of all checks in the order of the report: those of the published contract (D-8, D-9) first, then what this doctor
 * looks at beyond it.
 */
export const CHECK_IDS = [
  "config_source",
  "profile_load",
  "tunnel_id",
  "control_plane_api_key",
  "tunnels_management_url",
  "runtime_api_keys_url",
  "admin_api_keys_url",
  "chatgpt_connector_settings_url",
  "mcp_target",
  "mcp_command_executable",
  "mcp_server_reachable",
  "oauth_metadata",
  "health_listener",
  "ui",
  "codex_plugin",
  "config_warnings",
  "certificates",
  "proxies",
  "control_plane_reachable",
  "control_plane_key",
  "control_plane_tunnel",
  "clock",
  "mcp_handshake",
  "mcp_tools",
  "mcp_channels",
  "files",
  "permissions",
] as const;

/** The last two stand only for mistakes in the configuration, where those are told (D-9). */
export type CheckId = (typeof CHECK_IDS)[number] | "control_plane_base_url" | "config_validation";

/** `WARN` and `SKIP` never make the result a failure (D-3). */
export type CheckStatus = "PASS" | "WARN" | "FAIL" | "SKIP";

/** How long one step of a way took. */
export interface Hop {
  readonly name: string;
  readonly ms: number;
}

/** What a check can tell beside its status and its summary. */
export interface Details {
  /** What it is good for, or what its failure means. */
  readonly why?: string;
  readonly evidence?: readonly string[];
  /** What to do, most promising first; commands stand in backquotes or alone. */
  readonly next?: readonly string[];
  readonly hops?: readonly Hop[];
}

/** One answer. No member ever holds a secret, or a URL's user info or query. */
export interface Check extends Details {
  readonly id: CheckId;
  readonly status: CheckStatus;
  readonly summary: string;
}

export interface DoctorReport {
  readonly checks: readonly Check[];
  /** The command that serves the tunnel (D-7). */
  readonly runCommand: string;
  /** The command that asks again, at length. */
  readonly doctorCommand: string;
  /** One line for a colleague: no names, ids, hosts, paths or texts of peers. */
  readonly summaryLine: string;
}

export function pass(id: CheckId, summary: string, details: Details = {}): Check {
  return { id, status: "PASS", summary, ...details };
}

export function warn(id: CheckId, summary: string, details: Details = {}): Check {
  return { id, status: "WARN", summary, ...details };
}

export function fail(id: CheckId, summary: string, details: Details = {}): Check {
  return { id, status: "FAIL", summary, ...details };
}

export function skip(id: CheckId, summary: string, details: Details = {}): Check {
  return { id, status: "SKIP", summary, ...details };
}

/** True when nothing failed (D-2). */
export function isWell({ checks }: Pick<DoctorReport, "checks">): boolean {
  return checks.every(({ status }) => status !== "FAIL");
}
