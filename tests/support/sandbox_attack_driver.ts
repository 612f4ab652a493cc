/**
 * Runs the agent's thread with the intruder in it, inside exactly the rights that the product derives, and then tries from
 * the main thread what a confined one must not be able to. In a process of its own, because it gives up rights for good.
 * Arguments: URL of the control plane, of the target, and the plan of the attack. Prints one JSON line per event.
 */
import { loadRunConfig } from "../../src/config/mod.ts";
import type { Log, MetricSnapshot } from "../../src/ops/mod.ts";
import { AgentThread } from "../../src/sandbox/agent_thread.ts";
import { derivePermissions } from "../../src/sandbox/permissions.ts";
import { NO_TLS_TEXTS, routesOf } from "../../src/sandbox/routes.ts";

const [controlPlane = "", target = "", plan = ""] = Deno.args;
const say = (event: string, value?: unknown) => console.log(JSON.stringify({ event, value }));
const loaded = await loadRunConfig({
  flags: {
    "control-plane.base-url": [controlPlane],
    "control-plane.tunnel-id": [`tunnel_${"0".repeat(32)}`],
    "mcp.server-url": [target],
  },
  env: { CONTROL_PLANE_API_KEY: "key" },
  readTextFile: Deno.readTextFileSync,
});
const config = { ...loaded, source: { ...loaded.source, profile: plan } };
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (event, fields) => say("error", { event, ...fields }),
  enabled: () => true,
  with: () => log,
};
const ended = Promise.withResolvers<void>();
let metrics: MetricSnapshot | undefined;
const thread = new AgentThread({
  start: {
    config,
    instanceId: "0".repeat(32),
    executables: {},
    childEnvironments: {},
    routes: routesOf(config, NO_TLS_TEXTS),
    killProgram: undefined,
  },
  permissions: derivePermissions(config, []),
  sandbox: "strict",
  log,
  entry: new URL("./sandbox_attacker.ts", import.meta.url),
  hooks: {
    onRecords: (records) => {
      for (const { event, fields } of records) {
        if (event === "attack" && fields.name === "end") ended.resolve();
        else if (event === "attack") say("attack", fields);
        else if (event === "refused by the sandbox") say("logged", fields);
      }
    },
    onEntries: () => {},
    onStatus: () => {},
    onMetrics: (snapshot) => metrics = snapshot,
    onReplaced: () => {},
    onCrashed: (error) => {
      say("crashed", error);
      ended.resolve();
    },
  },
});
await thread.start();
await thread.confineMain();
await ended.promise;
await thread.ask(5_000);
say("counted", metrics?.counters.filter(({ name }) => name === "sandbox_refusals_total"));
for (
  const [name, run] of [
    ["fetch", () => fetch(controlPlane)],
    ["connect", () => Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(target).port) })],
    ["spawn", () => new Deno.Command("/bin/true").output()],
    ["kill", () => Deno.kill(1, "SIGTERM")],
    ["dlopen", () => Deno.dlopen("libc.so.6", {})],
    [
      "worker",
      () => new Worker("data:text/javascript,", { type: "module", deno: { permissions: { net: true } } }),
    ],
  ] as const
) {
  try {
    await run();
    say("main", { name, outcome: "DONE" });
  } catch (error) {
    say("main", { name, outcome: String(error) });
  }
}
await thread.drain(1_000);
await thread.close();
// As the program itself does; threads that were cut off must not keep it.
Deno.exit(0);
