import { type AgentKey, agentKeyFromFile, newAgentKey } from "./api_key_file.ts";
import { isFileError, KeyError, type KeySources, resolveKey, whyNot } from "./key_reference.ts";
import type { TunnelOptions } from "./options.ts";
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
}

export interface ResolvedSetup {
  readonly tunnels: readonly TunnelOptions[];
  /** A key that was made just now and must be told to the user once; undefined when there is none. */
  readonly newKey: string | undefined;
}

/** Tunnels or keys that contradict each other. */
export class RelaySetupError extends Error {
  override readonly name = "RelaySetupError";
}

/**
 * Finds the tunnels and their keys. Without any tunnel one with a random id is made; without any key, a random one.
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
  const named = namedTunnels(setup, sources);
  const wantsCommonKey = named.some(({ apiKeys }) => apiKeys === undefined);
  if (!wantsCommonKey && setup.apiKey + setup.apiKeyFile !== "") {
    throw new RelaySetupError(
      "every tunnel of the tunnels file has its own api_key; drop --api-key and --api-key-file",
    );
  }
  const common = wantsCommonKey ? await commonKey(setup, sources) : undefined;
  return {
    tunnels: named.map((tunnel) => ({
      ...tunnel,
      apiKeys: tunnel.apiKeys ?? (common === undefined ? [] : [common.key]),
      connectorKeys: tunnel.connectorKeys?.length ? tunnel.connectorKeys : connectorKeys,
    })),
    newKey: common?.isNew ? common.key : undefined,
  };
}

function namedTunnels({ tunnelIds, tunnelsFile }: RelaySetup, sources: KeySources): FileTunnel[] {
  const named: FileTunnel[] = tunnelsFile === ""
    ? []
    : parseTunnelsFile(fileText(tunnelsFile, sources), tunnelsFile, sources);
  for (const id of tunnelIds) {
    if (!TUNNEL_ID.test(id)) {
      throw new RelaySetupError("--tunnel-id must be tunnel_ and 32 lower-case letters or digits");
    }
    if (named.some((tunnel) => tunnel.id === id)) throw new RelaySetupError(`tunnel ${id} is given twice`);
    named.push({ id, apiKeys: undefined });
  }
  if (named.length === 0) named.push({ id: `tunnel_${randomText(32)}`, apiKeys: undefined });
  return named;
}

async function commonKey({ apiKey, apiKeyFile }: RelaySetup, sources: KeySources): Promise<AgentKey> {
  if (apiKey !== "") return { key: resolveKey("agent", apiKey, "--api-key", sources), isNew: false };
  return apiKeyFile === "" ? newAgentKey() : await agentKeyFromFile(apiKeyFile);
}

function fileText(path: string, { readTextFile }: KeySources): string {
  try {
    return readTextFile(path);
  } catch (error) {
    if (error instanceof KeyError || !isFileError(error)) throw error;
    throw new TunnelsFileError(`cannot read tunnels file ${path}: ${whyNot(error)}`);
  }
}
