import { type AgentKey, agentKeyFromFile, newAgentKey } from "./api_key_file.ts";
import { isFileError, KeyError, type KeySources, resolveKey, whyNot } from "./key_reference.ts";
import type { ManagementOptions, TunnelOptions } from "./options.ts";
import { randomText } from "./random_text.ts";
import { TUNNEL_ID } from "./tunnel_id.ts";
import { type FileTunnel, parseTunnelsFile, TunnelsFileError } from "./tunnels_file.ts";

/** Tunnels and keys as a person names them. Keys are `env:NAME` or `file:PATH`; empty means not given. */
export interface RelaySetup {
  readonly tunnelIds: readonly string[];
  readonly apiKey: string;
  readonly apiKeyFile: string;
  readonly connectorKey: string;
  readonly tunnelsFile: string;
  /** Empty means that tunnels are not managed while the relay runs. */
  readonly adminKeys: readonly string[];
}

export interface ResolvedSetup {
  readonly tunnels: readonly TunnelOptions[];
  /** A key that was made just now and must be told to the user once; undefined when there is none. */
  readonly newKey: string | undefined;
  /** How tunnels may be managed; undefined when they may not. */
  readonly management: Omit<ManagementOptions, "store"> | undefined;
}

/** Tunnels or keys that contradict each other. */
export class RelaySetupError extends Error {
  override readonly name = "RelaySetupError";
}

/**
 * Finds the tunnels and their keys. Without any tunnel one with a random id is made, unless tunnels can be created
 * later; without any key, a random one. An admin key is never a key of agents or connectors too (CFG-151).
 * @throws {RelaySetupError} for contradictions or a malformed id
 * @throws {KeyError} for a key that cannot be had
 * @throws {TunnelsFileError} for a bad tunnels file
 */
export async function resolveSetup(setup: RelaySetup, sources: KeySources): Promise<ResolvedSetup> {
  if (setup.apiKey !== "" && setup.apiKeyFile !== "") {
    throw new RelaySetupError("--api-key and --api-key-file are mutually exclusive");
  }
  const connectorKeys = setup.connectorKey === ""
    ? []
    : [resolveKey("connector", setup.connectorKey, "--connector-key", sources)];
  const adminKeys = setup.adminKeys.map((key) => resolveKey("admin", key, "--admin-key", sources));
  const named = namedTunnels(setup, sources);
  const wantsCommonKey = adminKeys.length > 0 || named.some(({ apiKeys }) => apiKeys === undefined);
  if (!wantsCommonKey && setup.apiKey + setup.apiKeyFile !== "") {
    throw new RelaySetupError(
      "every tunnel of the tunnels file has its own api_key; drop --api-key and --api-key-file",
    );
  }
  const common = wantsCommonKey ? await commonKey(setup, sources) : undefined;
  const apiKeys = common === undefined ? [] : [common.key];
  const tunnels = named.map((tunnel) => ({
    ...tunnel,
    apiKeys: tunnel.apiKeys ?? apiKeys,
    connectorKeys: tunnel.connectorKeys?.length ? tunnel.connectorKeys : connectorKeys,
  }));
  const newKey = common?.isNew ? common.key : undefined;
  if (adminKeys.length === 0) return { tunnels, newKey, management: undefined };
  const management = { adminKeys, apiKeys, connectorKeys };
  for (const other of [management, ...tunnels]) checkSeparate(adminKeys, other);
  return { tunnels, newKey, management };
}

/** Who may poll a tunnel, or call it, must not be able to delete it. */
function checkSeparate(
  adminKeys: readonly string[],
  other: Pick<ManagementOptions, "apiKeys" | "connectorKeys">,
): void {
  if (![...other.apiKeys, ...other.connectorKeys].some((key) => adminKeys.includes(key))) return;
  throw new RelaySetupError("--admin-key must be another key than those of agents and connectors");
}

function namedTunnels(setup: RelaySetup, sources: KeySources): FileTunnel[] {
  const { tunnelIds, adminKeys } = setup;
  const named = tunnelsOfFile(setup, sources);
  for (const id of tunnelIds) {
    if (!TUNNEL_ID.test(id)) {
      throw new RelaySetupError("--tunnel-id must be tunnel_ and 32 lower-case letters or digits");
    }
    if (named.some((tunnel) => tunnel.id === id)) throw new RelaySetupError(`tunnel ${id} is given twice`);
    named.push({ id, apiKeys: undefined });
  }
  if (named.length === 0 && adminKeys.length === 0) {
    named.push({ id: `tunnel_${randomText(32)}`, apiKeys: undefined });
  }
  return named;
}

/** A file that tunnels can be added to may be empty, or missing until the first is. */
function tunnelsOfFile({ tunnelsFile, adminKeys }: RelaySetup, sources: KeySources): FileTunnel[] {
  if (tunnelsFile === "") return [];
  const isManaged = adminKeys.length > 0;
  const text = fileText(tunnelsFile, sources, isManaged ? '{"tunnels":[]}' : undefined);
  return parseTunnelsFile(text, tunnelsFile, sources, isManaged ? 0 : 1);
}

async function commonKey({ apiKey, apiKeyFile }: RelaySetup, sources: KeySources): Promise<AgentKey> {
  if (apiKey !== "") return { key: resolveKey("agent", apiKey, "--api-key", sources), isNew: false };
  return apiKeyFile === "" ? newAgentKey() : await agentKeyFromFile(apiKeyFile);
}

/** @param ifMissing content of a file that does not exist; without it that is an error */
function fileText(path: string, { readTextFile }: KeySources, ifMissing: string | undefined): string {
  try {
    return readTextFile(path);
  } catch (error) {
    if (error instanceof KeyError || !isFileError(error)) throw error;
    if (error instanceof Deno.errors.NotFound && ifMissing !== undefined) return ifMissing;
    throw new TunnelsFileError(`cannot read tunnels file ${path}: ${whyNot(error)}`);
  }
}
