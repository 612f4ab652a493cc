/** Where the relay of a local tunnel and its agent meet: a Unix socket that nobody else finds, or a port of loopback (V-11). */
import type { Relay } from "../relay/mod.ts";

const SOCKET_NAME = "control.sock";
/** What stands in for a host name where a socket is dialled (V-10). */
const SOCKET_BASE_URL = "http://localhost";

/** How the agent reaches the relay. */
export interface LocalControlPlane {
  readonly baseUrl: string;
  /** Absent where a TCP port has to do. */
  readonly unixSocket?: string;
  /** Removes what is left of it when the relay has stopped. */
  remove(): Promise<void>;
}

/**
 * Has the relay listen for the agent.
 * @param warn says why a port has to do where a socket was wanted
 * @throws {Error} when the relay can listen nowhere
 */
export async function openControlPlane(
  relay: Relay,
  warn: (text: string) => void,
): Promise<LocalControlPlane> {
  if (Deno.build.os !== "windows") {
    const folder = await Deno.makeTempDir({ prefix: "tunnel-client-" });
    const remove = () => Deno.remove(folder, { recursive: true });
    const unixSocket = `${folder}/${SOCKET_NAME}`;
    try {
      await relay.listen({ path: unixSocket });
      return { baseUrl: SOCKET_BASE_URL, unixSocket, remove };
    } catch (error) {
      await remove();
      if (!(error instanceof Error)) throw error;
      warn(
        `warning: the control plane listens on a port, because a Unix socket cannot be used: ${error.message}\n`,
      );
    }
  }
  const address = await relay.listen({ hostname: "127.0.0.1", port: 0 });
  if (address.transport !== "tcp") throw new Error("the control plane listens on no port");
  return { baseUrl: address.url, remove: () => Promise.resolve() };
}
