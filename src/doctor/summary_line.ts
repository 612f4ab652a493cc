import type { RunConfig } from "../config/mod.ts";
import { VERSION } from "../version.ts";
import type { Check, CheckStatus } from "./report.ts";

const STATUSES: readonly CheckStatus[] = ["PASS", "WARN", "SKIP", "FAIL"];

/**
 * One line to paste to a colleague: version, system, how main is bound, how many checks ended how, and which did not end
 * well. Only words of our own and numbers: no name, id, host, path or text of anybody.
 * @param config undefined when it could not be loaded
 */
export function summaryLineOf(checks: readonly Check[], config: RunConfig | undefined): string {
  const counts = STATUSES.map((status) =>
    [status, checks.filter((check) => check.status === status)] as const
  );
  const told = counts.map(([status, { length }]) => `${length} ${status}`).join(", ");
  const named = counts.filter(([status]) => status === "WARN" || status === "FAIL").flatMap((
    [status, found],
  ) => found.length === 0 ? [] : [`${status}: ${found.map(({ id }) => id).join(" ")}`]);
  const { os, arch } = Deno.build;
  const parts = [
    `tunnel-client ${VERSION}, Deno ${Deno.version.deno}, ${os} ${arch}`,
    ...config === undefined ? [] : [bindingsOf(config)],
    told,
    ...named,
    ...timesOf(checks),
  ];
  return parts.join("; ");
}

function bindingsOf({ mcp }: RunConfig): string {
  const main = mcp.bindings.find(({ channel }) => channel === "main");
  const kind = main === undefined ? "no main" : main.transport === "stdio" ? "main stdio" : "main http";
  return `${kind}, ${mcp.bindings.length} ${mcp.bindings.length === 1 ? "channel" : "channels"}`;
}

const TIMED: readonly (readonly [id: Check["id"], hop: string, label: string])[] = [
  ["control_plane_reachable", "next answer", "control plane"],
  ["mcp_handshake", "initialize", "initialize"],
  ["mcp_tools", "tools/list", "tools/list"],
];

function timesOf(checks: readonly Check[]): string[] {
  const times = TIMED.flatMap(([id, hop, label]) => {
    const ms = checks.find((check) => check.id === id)?.hops?.find(({ name }) => name === hop)?.ms;
    return ms === undefined ? [] : [`${label} ${ms} ms`];
  });
  return times.length === 0 ? [] : [times.join(", ")];
}
