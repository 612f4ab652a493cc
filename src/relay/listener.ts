import { prepareSocketPath, removeSocket } from "./unix_socket_path.ts";

/** Where a relay listens: a TCP port (0 lets the system choose) or a Unix socket. */
export type ListenTarget = { readonly hostname: string; readonly port: number } | { readonly path: string };

/** Where it turned out to listen. */
export type ListenAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number; readonly url: string }
  | { readonly transport: "unix"; readonly path: string };

/** One open listener. */
export interface Listener {
  readonly address: ListenAddress;
  /** Closes it and every connection on it at once (P-157). */
  stop(): Promise<void>;
}

/** A closing server gets this long before its end is no longer waited for, in ms. */
const STOP_LIMIT_MS = 500;

/**
 * Starts to serve.
 * @param onError called for what a handler throws, which is always a defect
 * @throws {SocketPathError} when the Unix path is taken; the system's error when the address cannot be bound
 */
export async function startListener(
  target: ListenTarget,
  handler: Deno.ServeHandler,
  onError: (error: unknown) => Response,
): Promise<Listener> {
  const stopping = new AbortController();
  const common = { signal: stopping.signal, onListen: () => {}, onError };
  if ("path" in target) {
    const { path } = target;
    await prepareSocketPath(path);
    const server = Deno.serve({ ...common, path }, handler);
    return {
      address: { transport: "unix", path },
      stop: async () => {
        stopping.abort();
        await ended(server.finished);
        await removeSocket(path);
      },
    };
  }
  const server = Deno.serve({ ...common, hostname: target.hostname, port: target.port }, handler);
  const { hostname, port } = server.addr;
  return {
    address: {
      transport: "tcp",
      hostname,
      port,
      url: `http://${authority(target.hostname, hostname)}:${port}`,
    },
    stop: async () => {
      stopping.abort();
      await ended(server.finished);
    },
  };
}

/** Name by which the listener is reached from this machine. */
function authority(asked: string, bound: string): string {
  const name = asked === "localhost" ? "localhost" : bound;
  if (name === "0.0.0.0") return "127.0.0.1";
  if (name === "::") return "[::1]";
  return name.includes(":") ? `[${name}]` : name;
}

async function ended(finished: Promise<void>): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, STOP_LIMIT_MS);
  await Promise.race([finished, limit.promise]);
  clearTimeout(timer);
}
