/** `tunnel-client permissions`: the rights that `run` needs with the same flags, and no others. */
import { ConfigError, loadConfiguration, type LoadedConfig, type ParsedFlags } from "../config/mod.ts";
import {
  denoFlags,
  hostOf,
  isAddress,
  permissionsOf,
  type ProfilePermissions,
  systemdDirectives,
} from "../sandbox/mod.ts";
import { VERSION } from "../version.ts";
import type { LeafCommand } from "./command.ts";
import { EXIT_OK } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { permissionsFlags, permissionsOptions } from "./permissions_options.ts";

export const command: LeafCommand = {
  kind: "leaf",
  about: `tunnel-client permissions ${VERSION}\n\n` +
    "Shows what a profile lets the program touch: the agent thread, which talks to the control plane and to the MCP " +
    "servers, and the whole process, which also reads its files and serves its listener. Takes the flags of run.\n\n" +
    "With --format json, process.flags are the flags for deno run or deno compile in the place of --allow-all.",
  flags: permissionsFlags,
  run: ({ flags }, io) => showPermissions(flags, io),
};

/** Stands for a secret that this machine does not hold; rights do not depend on it. */
const UNKNOWN_SECRET = "not-known-here";

async function showPermissions(flags: ParsedFlags, io: CliIo): Promise<number> {
  const { format, form } = permissionsOptions(flags);
  const { loaded, filesRead, variablesRead } = await loadRecording(flags, io.env);
  const found = await permissionsOf(loaded, {
    environment: io.env,
    filesRead,
    variablesRead,
    sources: form === "binary" ? undefined : sourcesFolder(),
    cwd: Deno.cwd(),
  });
  if (format === "json") io.stdout(`${JSON.stringify(asJson(found), null, 2)}\n`);
  else if (format === "flags") io.stdout(flagsText(found));
  else io.stdout(await unitText(loaded, found));
  return EXIT_OK;
}

/** Reads the configuration as `run` does, and keeps which files and variables that took. */
async function loadRecording(flags: ParsedFlags, env: Readonly<Record<string, string>>) {
  const filesRead = new Set<string>();
  const variablesRead = new Set<string>();
  let profile = "";
  const readTextFile = (path: string): string => {
    const isFirst = filesRead.size === 0;
    filesRead.add(path);
    try {
      const text = Deno.readTextFileSync(path);
      if (isFirst) profile = text;
      return text;
    } catch (error) {
      // The first is the profile; after it come secrets, which may lie on the machine only where the program will run.
      if (isFirst || !(error instanceof Error)) throw error;
      return UNKNOWN_SECRET;
    }
  };
  const recorded = (source: Readonly<Record<string, string>>) =>
    new Proxy(source, {
      get(_, name) {
        if (typeof name === "string") variablesRead.add(name);
        return Reflect.get(source, name);
      },
      getOwnPropertyDescriptor(_, name) {
        if (typeof name === "string") variablesRead.add(name);
        return Reflect.getOwnPropertyDescriptor(source, name);
      },
    });
  const load = (source: Readonly<Record<string, string>>) => {
    filesRead.clear();
    return loadConfiguration({ flags, env: recorded(source), readTextFile });
  };
  let loaded: LoadedConfig;
  try {
    loaded = await load(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    try {
      loaded = await load({ ...env, ...missingSecrets(flags, profile, env) });
    } catch (again) {
      // Then more is wrong than that secrets are missing here; the first words for it are the right ones.
      throw again instanceof ConfigError ? error : again;
    }
  }
  return { loaded, filesRead: [...filesRead], variablesRead: [...variablesRead] };
}

/** Variables that this command line and the profile refer to, and that are not set on this machine. */
function missingSecrets(
  flags: ParsedFlags,
  profile: string,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const text = [profile, ...Object.values(flags).flat()].join("\n");
  const names = [...text.matchAll(/\benv:\s*([A-Za-z_][A-Za-z0-9_]*)/gi)].map(([, name = ""]) => name);
  const missing = names.filter((name) => !Object.hasOwn(env, name));
  if (!Object.hasOwn(env, "CONTROL_PLANE_API_KEY")) missing.push("CONTROL_PLANE_API_KEY");
  return Object.fromEntries(missing.map((name) => [name, UNKNOWN_SECRET]));
}

function asJson({ agent, process }: ProfilePermissions) {
  return {
    agent: {
      net: agent.net,
      sockets: agent.sockets,
      run: agent.run,
      read: [],
      write: [],
      env: [],
      flags: denoFlags(agent),
    },
    process: { ...process, flags: processFlags(process) },
  };
}

function processFlags(process: ProfilePermissions["process"]): readonly string[] {
  return ["--no-prompt", ...denoFlags(process)];
}

function flagsText({ agent, process }: ProfilePermissions): string {
  return [
    "# agent: what its thread may touch",
    ...denoFlags(agent),
    "# process: what deno run and deno compile need in the place of --allow-all",
    ...processFlags(process),
    "",
  ].join("\n");
}

async function unitText({ config }: LoadedConfig, { process }: ProfilePermissions): Promise<string> {
  const names = new Set(process.net.flatMap((peer) => hostOf(peer) ?? []).filter((host) => !isAddress(host)));
  const addresses = new Map<string, readonly string[]>();
  for (const name of names) addresses.set(name, name === "localhost" ? [] : await resolve(name));
  return systemdDirectives(config, process, {
    addresses,
    nameServers: await nameServers(),
    resolvedAt: new Date(),
    binary: Deno.build.standalone ? Deno.execPath() : undefined,
  });
}

/** As the system resolves it, hosts file included, which is what the program will see. */
async function resolve(name: string): Promise<readonly string[]> {
  const { lookup } = await import("node:dns/promises");
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address).sort();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [];
  }
}

async function nameServers(): Promise<readonly string[]> {
  try {
    const text = await Deno.readTextFile("/etc/resolv.conf");
    return [...text.matchAll(/^nameserver\s+(\S+)/gm)].map(([, address = ""]) => address);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [];
  }
}

function sourcesFolder(): string {
  const folder = decodeURIComponent(new URL("../../", import.meta.url).pathname).replace(/\/$/, "");
  return Deno.build.os === "windows" ? folder.slice(1) : folder;
}
