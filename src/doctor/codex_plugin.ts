/** Is Codex there, and does it know this program? Only looked at, never started (D-17, CX-1, CX-2). */
import { ExecutableNotFoundError } from "../channels/mod.ts";
import { type Check, pass, skip } from "./report.ts";
import { findProgram } from "./open_channel.ts";

const INSTALL = "tunnel-client codex plugin install";
const PLUGIN = "tunnel-mcp";

export async function codexPlugin(env: Readonly<Record<string, string>>): Promise<Check> {
  const home = codexHome(env);
  const isDetected = await isDirectory(home) || await isOnPath(env);
  if (!isDetected) return skip("codex_plugin", "Codex is not installed here");
  const folder = await pluginFolder(home);
  if (folder !== undefined) return pass("codex_plugin", folder);
  return skip("codex_plugin", "Codex is installed, its tunnel plugin is not", {
    why: "With the plugin Codex can set up and watch tunnels; nothing else needs it.",
    evidence: [
      `Codex home: ${home}`,
      `looked for: ${home}/plugins/cache/*/${PLUGIN}/*/.codex-plugin/plugin.json`,
    ],
    next: [INSTALL],
  });
}

function codexHome(env: Readonly<Record<string, string>>): string {
  const named = (env.CODEX_HOME ?? "").trim();
  if (named !== "") return named.replace(/(?<=.)\/+$/, "");
  const home = (env.HOME ?? "").trim();
  return home === "" ? ".codex" : `${home}/.codex`;
}

async function isOnPath(env: Readonly<Record<string, string>>): Promise<boolean> {
  try {
    await findProgram("codex", env);
    return true;
  } catch (error) {
    if (!(error instanceof ExecutableNotFoundError)) throw error;
    return false;
  }
}

/** An installation of any marketplace. */
async function pluginFolder(home: string): Promise<string | undefined> {
  const cache = `${home}/plugins/cache`;
  for (const marketplace of await entriesOf(cache)) {
    const plugin = `${cache}/${marketplace}/${PLUGIN}`;
    for (const version of await entriesOf(plugin)) {
      const folder = `${plugin}/${version}`;
      if ((await entriesOf(`${folder}/.codex-plugin`)).includes("plugin.json")) return folder;
    }
  }
  return undefined;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** Names in a folder, sorted; none when there is no such folder, or it may not be read. */
async function entriesOf(folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) names.push(name);
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  return names.sort();
}

function isAbsence(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.PermissionDenied;
}
