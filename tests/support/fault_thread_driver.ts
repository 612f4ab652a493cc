/**
 * Main's side of the agent thread, in a process of its own because it gives up rights for good. Argument: flags as JSON.
 * Prints one JSON line per event, and drains at the first input.
 */
import { loadRunConfig, type ParsedFlags } from "../../src/config/mod.ts";
import { resolveExecutable } from "../../src/channels/mod.ts";
import type { Log } from "../../src/ops/mod.ts";
import { AgentThread } from "../../src/sandbox/agent_thread.ts";
import { derivePermissions } from "../../src/sandbox/permissions.ts";
import { NO_TLS_TEXTS, routesOf } from "../../src/sandbox/routes.ts";

const say = (event: string, value?: unknown) => console.log(JSON.stringify({ event, value }));
const flags: ParsedFlags = JSON.parse(Deno.args[0] ?? "");
const config = await loadRunConfig({
  flags,
  env: { CONTROL_PLANE_API_KEY: "key" },
  readTextFile: Deno.readTextFileSync,
});
const environment = Deno.env.toObject();
const executables: Record<string, string> = {};
for (const binding of config.mcp.bindings) {
  if (binding.transport !== "stdio") continue;
  executables[binding.channel] = await resolveExecutable(
    binding.argv[0] ?? "",
    environment.PATH ?? "",
    Deno.cwd(),
  );
}
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: (event) => say("warn", event),
  error: (event, fields) => say("error", { event, ...fields }),
  enabled: () => true,
  with: () => log,
};
const thread = new AgentThread({
  start: {
    config,
    instanceId: "0".repeat(32),
    executables,
    childEnvironments: Object.fromEntries(Object.keys(executables).map((channel) => [channel, environment])),
    routes: routesOf(config, NO_TLS_TEXTS),
    killProgram: undefined,
  },
  permissions: derivePermissions(config, Object.values(executables)),
  sandbox: "strict",
  log,
  entry: new URL("./fault_agent_entry.ts", import.meta.url),
  heartbeatMs: 400,
  silenceLimitMs: 1_600,
  hooks: {
    onRecords: (records) =>
      records.filter(({ level }) => level === "error").forEach(({ event }) => say("log", event)),
    onEntries: () => {},
    onStatus: () => {},
    onMetrics: () => {},
    onReplaced: (lost, unseen) => say("replaced", { lost, unseen }),
    onCrashed: (error) => say("crashed", error),
  },
});
await thread.start();
await thread.confineMain();
say("started");
const reader = Deno.stdin.readable.getReader();
await reader.read();
say("summary", await thread.drain(20_000));
await thread.close();
// As the program itself does; threads that were cut off must not keep it.
Deno.exit(0);
