import type { Route } from "../net/mod.ts";
import { resolveProxy, targetAddress } from "../net/mod.ts";
import { msSince } from "./deadline.ts";
import type { Hop } from "./report.ts";

/**
 * Opens and closes a connection to where requests to a URL really go, and says how long that took.
 * @returns undefined where a proxy stands between, which is asked elsewhere, or nothing may be sent
 * @throws {Error} when it cannot be opened
 * @throws the signal's `reason` when it was aborted
 */
export async function tcpHop(route: Route, url: string, signal: AbortSignal): Promise<Hop | undefined> {
  const decision = resolveProxy(route, url);
  if (decision.kind !== "direct" && decision.kind !== "unix") return undefined;
  const startMs = performance.now();
  const address = targetAddress(url);
  const colon = address.lastIndexOf(":");
  const connecting = decision.kind === "unix"
    ? Deno.connect({ transport: "unix", path: decision.path })
    : Deno.connect({
      hostname: address.slice(0, colon).replace(/^\[|\]$/g, ""),
      port: Number(address.slice(colon + 1)),
    });
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    (await Promise.race([connecting, aborted])).close();
    return { name: decision.kind === "unix" ? "socket" : "tcp", ms: msSince(startMs) };
  } catch (error) {
    // A connection that comes after all must not stay open; one that fails after all changes nothing.
    connecting.then((connection) => connection.close(), () => undefined);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
