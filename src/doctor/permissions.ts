import { ExecutableNotFoundError } from "../channels/mod.ts";
import { activeBindings, childProgram, derivePermissions } from "../sandbox/mod.ts";
import { again, type Context } from "./context.ts";
import { findProgram, killProgram } from "./open_channel.ts";
import { type Check, pass, warn } from "./report.ts";

/** What the agent will be allowed, derived as at its start. */
export async function checkPermissions(context: Context): Promise<Check> {
  const { config, request } = context;
  const programs: string[] = [];
  for (const binding of activeBindings(config)) {
    if (binding.transport !== "stdio") continue;
    try {
      programs.push(await findProgram(childProgram(binding), request.env));
    } catch (error) {
      // The checks of the channels say so.
      if (!(error instanceof ExecutableNotFoundError)) throw error;
    }
  }
  const kill = programs.length === 0 ? undefined : await killProgram(request.env);
  const { net, sockets, run } = derivePermissions(config, [...programs, ...kill === undefined ? [] : [kill]]);
  const evidence = [
    ...net.map((address) => `net ${address}`),
    ...sockets.map((path) => `socket ${path}`),
    ...run.map((path) => `run ${path}`),
  ];
  if (config.sandbox === "off") {
    return warn("permissions", "the sandbox is off: the agent may do whatever this user may", {
      why: "Inside the sandbox the agent can reach only what the profile names.",
      evidence,
      next: ["remove --sandbox off; it is meant for debugging", again(context)],
    });
  }
  const count = (list: readonly string[], one: string, many: string) =>
    `${list.length} ${list.length === 1 ? one : many}`;
  const summary = [
    count(net, "address", "addresses"),
    ...sockets.length === 0 ? [] : [count(sockets, "socket", "sockets")],
    count(run, "program", "programs"),
  ].join(", ");
  return pass("permissions", `the agent may reach ${summary}, and nothing else`, { evidence });
}
