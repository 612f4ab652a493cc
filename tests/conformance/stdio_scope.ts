import type { OutOfScope } from "./compare.ts";

/**
 * What cannot be asked of a tunnel whose target is a stdio server, although the same server passes it over HTTP: the
 * check looks at something that only an HTTP server can do or know.
 */
export const OUT_OF_SCOPE: readonly OutOfScope[] = [
  {
    revision: "2025-11-25",
    bindings: ["stdio"],
    scenario: "server-sse-polling",
    checks: { "server-sse-disconnect-resume": 1 },
    reason: "The tool closes the event stream of its call, which a stdio server does not have.",
  },
  {
    revision: "2025-11-25",
    bindings: ["stdio"],
    scenario: "server-sse-polling",
    checks: { "server-sse-priming-event": 1, "server-sse-retry-field": 1 },
    reason: "Counts only where answers come as event streams; without notifications JSON is as good.",
  },
  {
    revision: "2025-11-25",
    bindings: ["stdio"],
    scenario: "server-sse-multiple-streams",
    checks: { "server-sse-streams-functional": 1 },
    reason: "Counts only where answers come as event streams; without notifications JSON is as good.",
  },
  {
    revision: "2026-07-28",
    bindings: ["stdio"],
    scenario: "server-sse-multiple-streams",
    checks: { "server-sse-streams-functional": 1 },
    reason: "Counts only where answers come as event streams; without notifications JSON is as good.",
  },
];
