import { knowsSocketRights, type PermissionSet } from "./permissions.ts";

/**
 * What the keeper may pass on to the agents that it creates: all of a kind where this process has all of it, else what
 * the agent needs now and what it may learn to need. Spelled out, because inherited rights would end when main gives its
 * own up.
 * @param learnable hosts that may be allowed later, as `learnableHosts` names them
 */
export function keeperRights(set: PermissionSet, learnable: readonly string[]): Deno.PermissionOptionsObject {
  const hasAll = (name: "net" | "run" | "read" | "write") =>
    Deno.permissions.querySync({ name }).state === "granted";
  const some = (values: readonly string[]) => values.length > 0 ? [...values] : false;
  const sockets = knowsSocketRights(Deno.version.deno) ? set.sockets.map((path) => `unix:${path}`) : [];
  return {
    net: hasAll("net") || learnable.includes("*") || some([...set.net, ...learnable, ...sockets]),
    run: hasAll("run") || some(set.run),
    read: hasAll("read") || some([...set.sockets, ...modulesFolder()]),
    write: hasAll("write") || some(set.sockets),
    env: false,
    sys: false,
    ffi: false,
    import: false,
  };
}

/** Where the agent's modules are, if this process had to be given the right to read them. */
function modulesFolder(): readonly string[] {
  const path = decodeURIComponent(new URL("../", import.meta.url).pathname).replace(/\/$/, "");
  return Deno.permissions.querySync({ name: "read", path }).state === "granted" ? [path] : [];
}
