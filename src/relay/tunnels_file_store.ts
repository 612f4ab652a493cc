import { isFileError, whyNot } from "./key_reference.ts";
import { type TunnelRecord, type TunnelStore, TunnelStoreError } from "./tunnel_store.ts";

/** Mode of a tunnels file that did not exist yet. */
const NEW_FILE_MODE = 0o600;

/**
 * Writes a file so that a reader sees the old content or the new one, never a part.
 * @param mode permission bits
 */
export type AtomicWrite = (path: string, content: string, mode: number) => Promise<void>;

type Entry = Record<string, unknown>;

/**
 * Keeps changes in the tunnels file. The file is read again for every change, so that what a person has written there
 * meanwhile stays, and so do the members that the management API does not know: references to keys above all.
 */
export class TunnelsFileStore implements TunnelStore {
  /** @param path of a tunnels file, which may not exist yet */
  constructor(readonly path: string, readonly write: AtomicWrite) {}

  async add(tunnel: TunnelRecord): Promise<void> {
    await this.#rewrite((entries) => {
      if (entries.some(({ id }) => id === tunnel.id)) {
        throw this.#unusable(`tunnel ${tunnel.id} is in it already`);
      }
      return [...entries, { id: tunnel.id, ...membersOf(tunnel) }];
    });
  }

  async change(tunnel: TunnelRecord): Promise<void> {
    await this.#rewrite((entries) =>
      entries.map((entry) => entry.id === tunnel.id ? withMembers(entry, tunnel) : entry)
    );
  }

  async remove(tunnelId: string): Promise<void> {
    await this.#rewrite((entries) => entries.filter(({ id }) => id !== tunnelId));
  }

  async #rewrite(change: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
    try {
      const { path, mode, text } = await this.#current();
      const document = text === undefined ? { tunnels: [] } : this.#parsed(text);
      const changed = `${JSON.stringify({ ...document, tunnels: change(document.tunnels) }, null, 2)}\n`;
      if (changed !== text) await this.write(path, changed, mode);
    } catch (error) {
      if (!isFileError(error)) throw error;
      throw new TunnelStoreError(`tunnels file ${this.path}: cannot be changed: ${whyNot(error)}`);
    }
  }

  /** Behind a symbolic link, so that the link stays what it is. */
  async #current(): Promise<{ path: string; mode: number; text: string | undefined }> {
    try {
      const path = await Deno.realPath(this.path);
      const { mode } = await Deno.stat(path);
      return {
        path,
        mode: mode === null ? NEW_FILE_MODE : mode & 0o7777,
        text: await Deno.readTextFile(path),
      };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return { path: this.path, mode: NEW_FILE_MODE, text: undefined };
    }
  }

  #parsed(text: string): { readonly tunnels: readonly Entry[] } {
    try {
      const document: unknown = JSON.parse(text);
      if (isEntry(document) && Array.isArray(document.tunnels) && document.tunnels.every(isEntry)) {
        return { ...document, tunnels: document.tunnels };
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw this.#unusable("it no longer holds a list of tunnels");
  }

  #unusable(why: string): TunnelStoreError {
    return new TunnelStoreError(`tunnels file ${this.path}: cannot be changed: ${why}`);
  }
}

/** Lists that are empty are left out. */
function membersOf(tunnel: TunnelRecord): Entry {
  const lists = {
    organization_ids: tunnel.organizationIds,
    workspace_ids: tunnel.workspaceIds,
    tenant_ids: tunnel.tenantIds,
  };
  return {
    name: tunnel.name,
    description: tunnel.description,
    ...Object.fromEntries(Object.entries(lists).filter(([, ids]) => ids.length > 0)),
  };
}

function withMembers(entry: Entry, tunnel: TunnelRecord): Entry {
  const { organization_ids: _o, workspace_ids: _w, tenant_ids: _t, ...kept } = entry;
  return { ...kept, ...membersOf(tunnel) };
}

function isEntry(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
