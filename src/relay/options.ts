/** What a relay can be told, and what it does when it is told nothing. */
import type { TunnelStore } from "./tunnel_store.ts";

/** One tunnel that the relay serves. */
export interface TunnelOptions {
  /** Opaque id, normally `tunnel_` and 32 of `[a-z0-9]` (P-5). */
  readonly id: string;
  /** Shown in the metadata reply (P-159); the id when absent. */
  readonly name?: string;
  readonly description?: string;
  /** Keys with which agents may poll and answer; at least one. Secret. */
  readonly apiKeys: readonly string[];
  /** Keys of which a connector must show one; empty or absent leaves the ingress open, on loopback only. Secret. */
  readonly connectorKeys?: readonly string[];
  /** Whom the tunnel belongs to, for lists and for people; the relay gives it no other meaning (P-144). */
  readonly organizationIds?: readonly string[];
  readonly workspaceIds?: readonly string[];
  readonly tenantIds?: readonly string[];
}

/** How tunnels are managed while the relay runs. */
export interface ManagementOptions {
  /** Keys with which tunnels may be created, listed, changed and deleted; at least one. Secret. */
  readonly adminKeys: readonly string[];
  /** Agents' keys of tunnels that are created; at least one. Secret. */
  readonly apiKeys: readonly string[];
  /** Connectors' keys of tunnels that are created. Secret. */
  readonly connectorKeys: readonly string[];
  /** Where changes outlive the relay; without it they end with it. */
  readonly store?: TunnelStore;
}

export interface RelayOptions {
  /** At least one, unless tunnels can be created. */
  readonly tunnels: readonly TunnelOptions[];
  /** The management API is served only when this is there. */
  readonly management?: ManagementOptions;
  /** How long a connector waits for its answer (P-172), in ms. Default 30000. */
  readonly responseTimeoutMs?: number;
  /** Whether commands carry `response_timeout`, the rest of that wait (P-166). Default true. */
  readonly sendResponseTimeout?: boolean;
  /** An agent that has not been heard of for this long is taken as gone (P-164), in ms. Default 20000. */
  readonly lastSeenWindowMs?: number;
  /** A poll is held no longer than this, whatever it asks for, in ms. Default 60000. */
  readonly maxPollWaitMs?: number;
  /** Reply to a poll that found nothing: 204, or 200 with an empty list like the reference's doubles (P-161). Default 204. */
  readonly emptyPoll?: 204 | 200;
  /** `lenient` behaves like the reference's dev proxy: bad poll parameters are ignored, the shard token is optional. Default `strict`. */
  readonly strictness?: "strict" | "lenient";
  /** Longest connector body, in bytes. Default 32 MiB. */
  readonly maxRequestBytes?: number;
  /** Longest body of a response POST, in bytes. Default 64 MiB. */
  readonly maxResponseBytes?: number;
  /** Commands of one tunnel that may wait for a poll; more are refused (`tunnel_queue_full`). Default 1024. */
  readonly maxQueuedCommands?: number;
  /** Size of all commands of one tunnel that wait for a poll, in characters of JSON. Default 256 MiB. */
  readonly maxQueuedSize?: number;
  /** Connector requests of one tunnel that may be open at once, queued or delivered. Default 10000. */
  readonly maxPendingCommands?: number;
  /** Polls of one tunnel that may be open at once. Default 64. */
  readonly maxOpenPolls?: number;
  /** Streamed notifications that a slow connector may leave unread, in bytes (P-169). Default 256 KiB. */
  readonly streamBufferBytes?: number;
  /** How long the agent's notification POST is held while that buffer is full, in ms; then the event is dropped. Default 10000. */
  readonly notificationHoldMs?: number;
  /** Whether requests of targets travel to connectors (`server-requests` of docs/relay-protocol.md). Default true. */
  readonly serverRequests?: boolean;
  /** Names of features of docs/relay-protocol.md that are not offered; to agents this relay is then an older one. */
  readonly withoutFeatures?: readonly string[];
  /**
   * How long a call may wait for its connector to answer a request of the target, or a subscription be silent, in ms
   * (`more-time`). Default 600000.
   */
  readonly answerTimeoutMs?: number;
  /** Sessions of one tunnel that the relay knows at once; with more, those not used for longest are forgotten. Default 10000. */
  readonly maxSessions?: number;
  /** Size of all answers of one tunnel that are kept for connectors that have lost their stream, in characters. Default 32 MiB. */
  readonly maxReplaySize?: number;
  /** Host names beyond loopback under which a loopback listener may be addressed. */
  readonly allowedHosts?: readonly string[];
  /** Base of the URLs that connectors are told, where it is not `http://<Host>` (behind a TLS proxy). */
  readonly publicBaseUrl?: string;
}

/** The same with every gap filled. */
export type RelaySettings = Required<Omit<RelayOptions, "management" | "publicBaseUrl" | "tunnels">> & {
  readonly publicBaseUrl: string | undefined;
};

const MIB = 1024 * 1024;

const DEFAULTS = {
  responseTimeoutMs: 30_000,
  sendResponseTimeout: true,
  lastSeenWindowMs: 20_000,
  maxPollWaitMs: 60_000,
  emptyPoll: 204,
  strictness: "strict",
  maxRequestBytes: 32 * MIB,
  maxResponseBytes: 64 * MIB,
  maxQueuedCommands: 1024,
  maxQueuedSize: 256 * MIB,
  maxPendingCommands: 10_000,
  maxOpenPolls: 64,
  streamBufferBytes: 256 * 1024,
  notificationHoldMs: 10_000,
  serverRequests: true,
  withoutFeatures: [],
  answerTimeoutMs: 600_000,
  maxSessions: 10_000,
  maxReplaySize: 32 * MIB,
  allowedHosts: [],
} as const satisfies Partial<RelayOptions>;

/** `setTimeout` fires at once beyond this (P-187). */
const MAX_TIMER_MS = 2_147_483_647;

/** Options that no relay can work with. */
export class RelayOptionsError extends Error {
  override readonly name = "RelayOptionsError";
}

/**
 * Fills the gaps.
 * @throws {RelayOptionsError} for a number outside its range, a tunnel without key, or two tunnels with one id
 */
export function settingsOf(options: RelayOptions): RelaySettings {
  checkTunnels(options);
  const { publicBaseUrl, tunnels: _tunnels, management: _management, ...given } = options;
  const settings = { ...DEFAULTS, ...withoutUndefined(given) };
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value !== "number") continue;
    const limit = name.endsWith("Ms") ? MAX_TIMER_MS : Number.MAX_SAFE_INTEGER;
    if (!Number.isFinite(value) || value <= 0 || value > limit) {
      throw new RelayOptionsError(`relay option ${name} must be above 0 and at most ${limit}`);
    }
  }
  return { ...settings, publicBaseUrl: publicBaseUrl === undefined ? undefined : checkedBase(publicBaseUrl) };
}

function withoutUndefined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}

function checkTunnels({ tunnels, management }: RelayOptions): void {
  if (tunnels.length === 0 && management === undefined) {
    throw new RelayOptionsError("the relay needs at least one tunnel");
  }
  for (const name of ["adminKeys", "apiKeys"] as const) {
    const keys = management?.[name];
    if (keys !== undefined && (keys.length === 0 || keys.includes(""))) {
      throw new RelayOptionsError(`relay option management.${name} needs a key that is not empty`);
    }
  }
  const seen = new Set<string>();
  for (const { id, apiKeys } of tunnels) {
    if (id === "" || id.includes("/")) {
      throw new RelayOptionsError("a tunnel id may not be empty or hold a slash");
    }
    if (seen.has(id)) throw new RelayOptionsError(`tunnel ${id} is given twice`);
    if (apiKeys.length === 0 || apiKeys.includes("")) {
      throw new RelayOptionsError(`tunnel ${id} needs an agent key that is not empty`);
    }
    seen.add(id);
  }
}

function checkedBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" ||
    url.search + url.hash !== ""
  ) {
    throw new RelayOptionsError(
      "the relay's public URL must be an http or https URL without user, query and fragment",
    );
  }
  return url.href.replace(/\/+$/, "");
}
