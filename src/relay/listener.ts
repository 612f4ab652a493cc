import { HttpServer, type HttpServerOptions } from "./http1/http_server.ts";
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

/**
 * Starts to serve.
 * @throws {SocketPathError} when the Unix path is taken; the system's error when the address cannot be bound
 */
export async function startListener(target: ListenTarget, options: HttpServerOptions): Promise<Listener> {
  if ("path" in target) {
    const { path } = target;
    await prepareSocketPath(path);
    const server = new HttpServer(Deno.listen({ transport: "unix", path }), options);
    return {
      address: { transport: "unix", path },
      stop: async () => {
        await server.stop();
        await removeSocket(path);
      },
    };
  }
  const listener = Deno.listen({ hostname: target.hostname, port: target.port });
  const server = new HttpServer(listener, options);
  const { hostname, port } = listener.addr;
  return {
    address: {
      transport: "tcp",
      hostname,
      port,
      url: `http://${authority(target.hostname, hostname)}:${port}`,
    },
    stop: () => server.stop(),
  };
}

/** Name by which the listener is reached from this machine. */
function authority(asked: string, bound: string): string {
  const name = asked === "localhost" ? "localhost" : bound;
  if (name === "0.0.0.0") return "127.0.0.1";
  if (name === "::") return "[::1]";
  return name.includes(":") ? `[${name}]` : name;
}
