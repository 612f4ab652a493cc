import type { Log } from "./observe.ts";
import type { OperatorListener, OperatorListenerOptions } from "./open_listener.ts";
import type { OperatorProviders } from "./operator_app.ts";

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
  // Hidden from Deno, which would otherwise walk the listener's modules before the first line runs.
  const path = new URL("./open_listener.ts", import.meta.url).href;
  const { openListener }: typeof import("./open_listener.ts") = await import(path);
  return await openListener(options, providers, log);
}
