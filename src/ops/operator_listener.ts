import type { Log } from "./observe.ts";
import type { OperatorProviders } from "./operator_app.ts";

/** Where to listen and which files to write; the names are those of the settings. */
export interface OperatorListenerOptions {
  /** `host:port`; ignored when there is a socket. */
  readonly listenAddr: string;
  /** Empty when not configured. */
  readonly unixSocket: string;
  /** Empty when not configured. */
  readonly urlFile: string;
  /** Empty when not configured. */
  readonly pidFile: string;
}

/** The running listener. */
export interface OperatorListener {
  /** Base URL, `http://host:port` or `http+unix://…` (P-4, P-5). */
  readonly url: string;
  /** The bound `ip:port`, or the socket path. */
  readonly addr: string;
  /**
   * Lets running requests end, closes the listener, and removes the URL file, the socket and the PID file (H-8).
   * @param graceMs how long running requests may take, by default 2 s
   * @throws {AggregateError} with everything that went wrong; every step has been tried
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Writes the PID file, binds the listener, writes the URL file, in this order: who reads a URL finds the rest in place
 * (P-9). What had been done is undone when a later step fails.
 * @throws {StartError} when a file cannot be written or the address cannot be bound
 */
export async function startOperatorListener(
  options: OperatorListenerOptions,
  providers: OperatorProviders,
  log: Log,
): Promise<OperatorListener> {
  const { openListener } = await import("./open_listener.ts");
  return await openListener(options, providers, log);
}
