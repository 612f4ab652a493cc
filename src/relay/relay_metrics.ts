import type { Counter as PromCounter, Gauge as PromGauge } from "prom-client";
import type { RelayCounts } from "./relay_counts.ts";
import type { Tunnel } from "./tunnel.ts";

type Outcome = "answered" | "timedOut" | "withdrawn" | "abandoned" | "stopped";

const OUTCOMES: readonly (readonly [Outcome, string])[] = [
  ["answered", "answered"],
  ["timedOut", "timed_out"],
  ["withdrawn", "withdrawn"],
  ["abandoned", "abandoned"],
  ["stopped", "stopped"],
];

const NOTIFICATIONS = [
  ["notificationsSent", "sent"],
  ["notificationsSkipped", "skipped"],
  ["notificationsDropped", "dropped"],
] as const;

type Plain = readonly [name: string, help: string, read: (tunnel: Tunnel, counts: RelayCounts) => number];

const COUNTERS: readonly Plain[] = [
  [
    "relay_commands_received_total",
    "Connector requests that became commands",
    (_, counts) => counts.received,
  ],
  ["relay_commands_delivered_total", "Hand-overs of commands to polls", (_, counts) => counts.delivered],
  [
    "relay_commands_requeued_total",
    "Commands put back because a poll reply was not written",
    (_, counts) => counts.requeued,
  ],
  [
    "relay_requests_refused_total",
    "Connector requests refused: no agent, or queue full",
    (_, counts) => counts.refused,
  ],
  [
    "relay_server_requests_refused_total",
    "Requests of targets that the connector could not be asked",
    (_, counts) => counts.requestsRefused,
  ],
  [
    "relay_commands_cancelled_total",
    "Commands whose agent was told that nobody waits for them any more",
    (_, counts) => counts.cancelled,
  ],
  [
    "relay_responses_late_total",
    "Responses for commands that were no longer open",
    (_, counts) => counts.late,
  ],
];

const GAUGES: readonly Plain[] = [
  ["relay_queue_length", "Commands that wait for a poll", (_, counts) => counts.queued],
  ["relay_queue_size_chars", "Size of the commands that wait for a poll", (tunnel) => tunnel.queuedSize],
  [
    "relay_commands_in_flight",
    "Commands that an agent has and has not answered",
    (_, counts) => counts.inFlight,
  ],
  [
    "relay_notifications_held",
    "Notifications that wait for a connector to read",
    (_, counts) => counts.notificationsHeld,
  ],
  ["relay_open_polls", "Polls that are open", (_, counts) => counts.openPolls],
  ["relay_mcp_sessions", "MCP sessions that the relay knows", (tunnel) => tunnel.sessions.size],
  ["relay_listen_streams", "Open event streams that belong to no call", (tunnel) => tunnel.listening.size],
  [
    "relay_resumable_size_chars",
    "Size of what is kept for connectors that come back to their stream",
    (tunnel) => tunnel.resumable.size,
  ],
  [
    "relay_last_poll_timestamp_seconds",
    "Unix time of the last poll, 0 before the first",
    (tunnel) => tunnel.lastPollTimeMs / 1000,
  ],
];

/**
 * Writes the counters of all tunnels in Prometheus text format. The only label taken from outside is the id of a
 * configured tunnel. The library is loaded at the first scrape, so that nobody pays for it who does not look.
 */
export async function renderMetrics(
  tunnels: Iterable<Tunnel>,
): Promise<{ text: string; contentType: string }> {
  const { Counter, Gauge, Registry } = await import("./prom_client.ts");
  const registers = [new Registry()];
  const labelNames = ["tunnel_id"];
  const counters = COUNTERS.map(([name, help]) => new Counter({ name, help, labelNames, registers }));
  const gauges = GAUGES.map(([name, help]) => new Gauge({ name, help, labelNames, registers }));
  const outcomes = new Counter({
    name: "relay_commands_total",
    help: "Commands that have ended, by how",
    labelNames: ["tunnel_id", "outcome"],
    registers,
  });
  const notifications = new Counter({
    name: "relay_notifications_total",
    help: "Notifications of agents, by what became of them",
    labelNames: ["tunnel_id", "result"],
    registers,
  });
  for (const tunnel of tunnels) {
    const { counts } = tunnel;
    const labels = { tunnel_id: tunnel.id };
    COUNTERS.forEach(([, , read], at) => (counters[at] as PromCounter).inc(labels, read(tunnel, counts)));
    GAUGES.forEach(([, , read], at) => (gauges[at] as PromGauge).set(labels, read(tunnel, counts)));
    for (const [key, outcome] of OUTCOMES) outcomes.inc({ ...labels, outcome }, counts[key]);
    for (const [key, result] of NOTIFICATIONS) notifications.inc({ ...labels, result }, counts[key]);
  }
  const [registry] = registers as [InstanceType<typeof Registry>];
  return { text: await registry.metrics(), contentType: registry.contentType };
}
