/** The stdio channel inside a Worker with the agent's kind of rights; the test drives it by messages. */
/// <reference lib="webworker" />
import { createStdioChannel, type StdioChannelOptions } from "../../src/channels/stdio/mod.ts";
import { callOf, NEVER, QUIET, requestOf } from "./stdio_harness.ts";

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = async ({ data }: MessageEvent<StdioChannelOptions>) => {
  const report: Record<string, unknown> = {};
  const denied: Record<string, () => unknown> = {
    env: () => Deno.env.get("HOME"),
    read: () => Deno.readTextFileSync("/etc/hostname"),
    run: () => new Deno.Command("/bin/true").spawn(),
  };
  for (const [name, attempt] of Object.entries(denied)) {
    try {
      attempt();
      report[name] = "allowed";
    } catch (error) {
      report[name] = error instanceof Deno.errors.NotCapable ? "refused" : String(error);
    }
  }
  const observer = { sent: () => undefined, notification: () => Promise.resolve() };
  const channel = createStdioChannel(
    { ...data, backoffMinMs: 10 },
    QUIET,
    { count: () => undefined, observe: () => undefined, gauge: () => undefined },
  );
  const ask = async (method: string, params: unknown) => {
    const result = await channel.call(callOf(method, params, 1), observer, NEVER);
    return result.type === "failure" ? result.detail : JSON.parse(String(result.text)).result;
  };
  try {
    await channel.start();
    const groups = channel.processGroups();
    await ask("initialize", {});
    await channel.notify(requestOf({ jsonrpc: "2.0", method: "notifications/initialized" }), NEVER);
    report.echo = await ask("echo", "hello");
    report.env_of_child = Object.keys(await ask("env", null)).includes("STDIO_TEST_SECRET");
    await ask("spawn", null);
    report.died = await ask("exit", { code: 5 });
    report.again = await ask("echo", "again");
    groups.push(...channel.processGroups());
    await ask("spawn", null);
    await channel.stop(200);
    report.groups = groups;
  } catch (error) {
    report.error = String(error);
  }
  self.postMessage(report);
};
