import { type KeySources, resolveKey } from "./key_reference.ts";
import type { TunnelOptions } from "./options.ts";
import { TUNNEL_ID } from "./tunnel_id.ts";

/** The tunnels file cannot be used; the message names the file and the member. */
export class TunnelsFileError extends Error {
  override readonly name = "TunnelsFileError";
}

/** A tunnel of the file; without `apiKeys` it shares the relay's common key. */
export type FileTunnel = Omit<TunnelOptions, "apiKeys"> & { readonly apiKeys: readonly string[] | undefined };

const ID_LISTS = ["organization_ids", "workspace_ids", "tenant_ids"] as const;
const MEMBERS = ["id", "name", "description", "api_key", "connector_key", ...ID_LISTS];

/**
 * Reads `{"tunnels":[{"id","name","description","api_key","connector_key",…}]}`. All but `id` may be left out; keys are
 * `env:NAME` or `file:PATH`, or a list of them, so that a key can be changed while the old one still works.
 * `organization_ids`, `workspace_ids` and `tenant_ids` say whom the tunnel belongs to.
 * @param path for errors
 * @param minTunnels 0 where tunnels can be created later
 * @throws {TunnelsFileError} for anything else in it, unknown members included
 * @throws {KeyError} for a key that cannot be had
 */
export function parseTunnelsFile(
  text: string,
  path: string,
  sources: KeySources,
  minTunnels = 1,
): FileTunnel[] {
  const document = parsed(text, path);
  if (!isObject(document)) throw new TunnelsFileError(`tunnels file ${path}: must hold a JSON object`);
  rejectUnknown(document, ["tunnels"], path, "");
  const { tunnels } = document;
  if (!Array.isArray(tunnels) || tunnels.length < minTunnels) {
    const least = minTunnels === 0 ? "" : " with at least one tunnel";
    throw new TunnelsFileError(`tunnels file ${path}: tunnels must be a list${least}`);
  }
  const seen = new Set<string>();
  return tunnels.map((entry: unknown, at) => {
    const where = `tunnels[${at}]`;
    const tunnel = readTunnel(entry, path, where, sources);
    if (seen.has(tunnel.id)) throw new TunnelsFileError(`tunnels file ${path}: ${where}.id is given twice`);
    seen.add(tunnel.id);
    return tunnel;
  });
}

function readTunnel(entry: unknown, path: string, where: string, sources: KeySources): FileTunnel {
  if (!isObject(entry)) throw new TunnelsFileError(`tunnels file ${path}: ${where} must be an object`);
  rejectUnknown(entry, MEMBERS, path, `${where}.`);
  const text = (member: string): string | undefined => {
    const value = entry[member];
    if (value === undefined || typeof value === "string") return value;
    throw new TunnelsFileError(`tunnels file ${path}: ${where}.${member} must be a text`);
  };
  const keys = (kind: "agent" | "connector", member: string): string[] | undefined => {
    const value = entry[member];
    if (value === undefined) return undefined;
    const references: unknown[] = Array.isArray(value) ? value : [value];
    if (references.length === 0 || !references.every((reference) => typeof reference === "string")) {
      throw new TunnelsFileError(
        `tunnels file ${path}: ${where}.${member} must be env:NAME or file:PATH, or a list of such`,
      );
    }
    return references.map((reference) =>
      resolveKey(kind, String(reference), `tunnels file ${path}: ${where}.${member}`, sources)
    );
  };
  const ids = (member: typeof ID_LISTS[number]): string[] => {
    const value = entry[member] ?? [];
    if (Array.isArray(value) && value.every((id) => typeof id === "string" && id.trim() !== "")) return value;
    throw new TunnelsFileError(`tunnels file ${path}: ${where}.${member} must be a list of ids`);
  };
  const id = text("id") ?? "";
  if (!TUNNEL_ID.test(id)) {
    throw new TunnelsFileError(
      `tunnels file ${path}: ${where}.id must be tunnel_ and 32 lower-case letters or digits`,
    );
  }
  return {
    id,
    name: text("name") ?? id,
    description: text("description") ?? "",
    apiKeys: keys("agent", "api_key"),
    connectorKeys: keys("connector", "connector_key") ?? [],
    ...("organization_ids" in entry ? { organizationIds: ids("organization_ids") } : {}),
    ...("workspace_ids" in entry ? { workspaceIds: ids("workspace_ids") } : {}),
    ...("tenant_ids" in entry ? { tenantIds: ids("tenant_ids") } : {}),
  };
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const place = /\(line \d+ column \d+\)/.exec(error.message)?.[0] ?? "";
    throw new TunnelsFileError(`tunnels file ${path}: is not valid JSON ${place}`.trimEnd());
  }
}

function rejectUnknown(
  object: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: string,
  prefix: string,
): void {
  const unknown = Object.keys(object).find((member) => !known.includes(member));
  if (unknown === undefined) return;
  throw new TunnelsFileError(
    `tunnels file ${path}: ${prefix}${unknown} is not known; known are ${known.join(", ")}`,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
