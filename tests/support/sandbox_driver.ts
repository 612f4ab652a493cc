/**
 * Runs one `AgentThread` over the fake agent, in a process of its own because it gives up rights for good. Arguments:
 * behaviour, then what to do: `until-end`, `drain`, `replace`, `confined`. Prints one JSON line per event.
 */
import { AgentThread } from "../../src/sandbox/agent_thread.ts";
import type { AgentStart } from "../../src/sandbox/messages.ts";
import type { RunConfig } from "../../src/config/mod.ts";
import { DIRECT_ROUTE } from "../../src/net/mod.ts";
import type { Log } from "../../src/ops/mod.ts";

const [behaviour = "", task = "", program = "/bin/sleep"] = Deno.args;
const say = (event: string, value?: unknown) => console.log(JSON.stringify({ event, value }));
const config = { controlPlane: { tunnelId: behaviour }, mcp: { bindings: [] } } as unknown as RunConfig;
const start: { -readonly [K in keyof AgentStart]: AgentStart[K] } = {
  config,
  instanceId: "0".repeat(32),
  executables: { child: program },
  childEnvironments: {},
  routes: { controlPlane: DIRECT_ROUTE, channels: {} },
  killProgram: undefined,
};
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: (event) => say("warn", event),
  error: (event, fields) => say("error", { event, ...fields }),
  enabled: () => true,
  with: () => log,
};
const ended = Promise.withResolvers<void>();
const thread = new AgentThread({
  start,
  permissions: { net: [], sockets: [], run: [program] },
  sandbox: "strict",
  log,
  entry: new URL("./sandbox_fake_agent.ts", import.meta.url),
  heartbeatMs: 50,
  silenceLimitMs: 500,
  hooks: {
    onRecords: () => {},
    onEntries: () => {},
    onStatus: () => {},
    onMetrics: () => {},
    onReplaced: (lost) => {
      start.config = { ...config, controlPlane: { ...config.controlPlane, tunnelId: "well" } };
      say("replaced", lost);
    },
    onCrashed: (error) => {
      say("crashed", error);
      ended.resolve();
    },
  },
});
try {
  await thread.start();
  say("started");
  await thread.confineMain();
  say("rights", {
    net: (await Deno.permissions.query({ name: "net" })).state,
    run: (await Deno.permissions.query({ name: "run" })).state,
    ffi: (await Deno.permissions.query({ name: "ffi" })).state,
  });
  if (task === "until-end") await ended.promise;
  if (task === "replace") {
    while (await thread.ask(100) === undefined);
    say("answers", thread.responsive);
  }
  if (task === "drain" || task === "replace") say("summary", await thread.drain(1000));
} catch (error) {
  say("failed", error instanceof Error ? error.message : String(error));
}
await thread.close();
say("closed");
// As the program itself does; threads that were cut off must not keep it.
Deno.exit(0);
