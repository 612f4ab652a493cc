/**
 * The agent thread's way into this room: what a thread needs that writes no log and listens nowhere. It loads a third
 * of the modules behind `mod.ts`; what a thread loads at its start delays the first poll.
 */
export type {
  AgentStatus,
  ProbeStatus,
  ProxyCheckRecord,
  RouteHealth,
  RouteSummary,
} from "./agent_status.ts";
export { createBatchLog } from "./batch_log.ts";
export { createMetricStore } from "./metric_store.ts";
export type { Log, LogFields, Metrics } from "./observe.ts";
export { proxyIdentities } from "./system_json.ts";
export { createBatchTimeline } from "./timeline.ts";
