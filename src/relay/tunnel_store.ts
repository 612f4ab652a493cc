/** What is kept of a tunnel that was created or changed through the management API. Keys are not among it. */
export interface TunnelRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly organizationIds: readonly string[];
  readonly workspaceIds: readonly string[];
  readonly tenantIds: readonly string[];
}

/** Where changes to tunnels outlive the relay. Calls come one after the other. */
export interface TunnelStore {
  /** @throws {TunnelStoreError} when it cannot be kept; then nothing has changed */
  add(tunnel: TunnelRecord): Promise<void>;
  /** A tunnel that the store does not hold is left to the command line that named it. @throws {TunnelStoreError} */
  change(tunnel: TunnelRecord): Promise<void>;
  /** @throws {TunnelStoreError} */
  remove(tunnelId: string): Promise<void>;
}

/** A change could not be kept; the message is for the log of the relay. */
export class TunnelStoreError extends Error {
  override readonly name = "TunnelStoreError";
}
