/** Idle connections, kept for the next request to the same origin (P-31, HT-8). */
import type { Connection } from "./connection.ts";

/** How often idle connections are looked through for those that are due. */
const SWEEP_EVERY_MS = 5000;
/** A connection is given up this long before its peer said it would close it, so that no request meets the closing. */
const KEEP_ALIVE_MARGIN_MS = 1000;

/** How many idle connections are kept, and for how long. */
export interface PoolLimits {
  readonly idleTimeoutMs: number;
  readonly maxIdleConnections: number;
}

/** Keeps what is idle, youngest first; closes what is too old or too much. */
export class ConnectionPool {
  readonly #limits: PoolLimits;
  readonly #byKey = new Map<string, Connection[]>();
  /** All idle connections, the one that has been idle for longest first. */
  readonly #idle = new Set<Connection>();
  #sweepTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  /** The connection that was used last, if one is idle. It stays under its own watch until its next exchange. */
  take(key: string): Connection | undefined {
    const connections = this.#byKey.get(key);
    if (connections === undefined) return undefined;
    for (let last = connections.pop(); last !== undefined; last = connections.pop()) {
      this.#idle.delete(last);
      if (last.idleUntilMs > performance.now()) return last;
      last.close();
    }
    return undefined;
  }

  /** Keeps a connection whose exchange is over, or closes it if there is no place for it. */
  put(connection: Connection): void {
    const nowMs = performance.now();
    const keepMs = this.#keepMs(connection.keepAliveMs);
    if (this.#closed || keepMs <= 0 || this.#limits.maxIdleConnections <= 0) {
      connection.close();
      return;
    }
    if (this.#idle.size >= this.#limits.maxIdleConnections) this.#closeOldest();
    connection.idleSinceMs = nowMs;
    connection.idleUntilMs = nowMs + keepMs;
    this.#idle.add(connection);
    const connections = this.#byKey.get(connection.key);
    if (connections === undefined) this.#byKey.set(connection.key, [connection]);
    else connections.push(connection);
    connection.park(this.#forget);
    this.#sweepTimer ??= setTimeout(this.#sweep, Math.min(SWEEP_EVERY_MS, this.#limits.idleTimeoutMs));
  }

  /** Closes all idle connections; those that are put later are closed at once. */
  close(): void {
    this.#closed = true;
    this.clear();
  }

  /** Closes all idle connections. */
  clear(): void {
    clearTimeout(this.#sweepTimer);
    this.#sweepTimer = undefined;
    for (const connection of this.#idle) connection.close();
    this.#idle.clear();
    this.#byKey.clear();
  }

  #keepMs(keepAliveMs: number | undefined): number {
    const { idleTimeoutMs } = this.#limits;
    if (keepAliveMs === undefined) return idleTimeoutMs;
    return Math.min(idleTimeoutMs, Math.max(keepAliveMs - KEEP_ALIVE_MARGIN_MS, keepAliveMs / 2));
  }

  #closeOldest(): void {
    for (const connection of this.#idle) {
      connection.close();
      this.#forget(connection);
      return;
    }
  }

  readonly #forget = (connection: Connection): void => {
    if (!this.#idle.delete(connection)) return;
    const connections = this.#byKey.get(connection.key);
    const index = connections?.indexOf(connection) ?? -1;
    if (connections === undefined || index < 0) return;
    if (connections.length === 1) this.#byKey.delete(connection.key);
    else connections.splice(index, 1);
  };

  readonly #sweep = (): void => {
    this.#sweepTimer = undefined;
    const nowMs = performance.now();
    for (const connection of this.#idle) {
      if (connection.idleUntilMs > nowMs) continue;
      connection.close();
      this.#forget(connection);
    }
    for (const [key, connections] of this.#byKey) {
      if (connections.length === 0) this.#byKey.delete(key);
    }
    if (this.#idle.size > 0) {
      this.#sweepTimer = setTimeout(this.#sweep, Math.min(SWEEP_EVERY_MS, this.#limits.idleTimeoutMs));
    }
  };
}
