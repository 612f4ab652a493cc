/** An HTTP server that can be closed without cutting off what it is answering. */
export interface RunningServer {
  readonly addr: Deno.Addr;
  /** Closes the listener once the running requests are answered, or after `graceMs`, whichever comes first. */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens and serves.
 * @param where TCP address or socket path
 * @throws the system's error when the address cannot be bound
 */
export function serve(
  where: { readonly hostname: string; readonly port: number } | { readonly path: string },
  fetch: (request: Request, peer: Deno.Addr) => Response | Promise<Response>,
): RunningServer {
  const end = new AbortController();
  const running = new Set<Promise<void>>();

  const handler: Deno.ServeHandler<Deno.Addr> = async (request, info) => {
    // `completed` rejects when the peer has gone: that request is over too.
    const over = info.completed.catch(() => {}).then(() => {
      running.delete(over);
    });
    running.add(over);
    return await fetch(request, info.remoteAddr);
  };
  const options = { signal: end.signal, onListen() {} };
  const server: Deno.HttpServer<Deno.Addr> = "path" in where
    ? Deno.serve({ ...options, path: where.path }, handler)
    : Deno.serve({ ...options, hostname: where.hostname, port: where.port }, handler);

  return {
    addr: server.addr,
    async close(graceMs) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<"late">((resolve) => {
        timer = setTimeout(resolve, graceMs, "late");
      });
      // One or the other: aborting after a graceful shutdown has begun throws from inside the runtime (2.7 to 2.9).
      if (await Promise.race([Promise.all(running), late]) === "late") {
        end.abort();
      } else {
        await Promise.race([server.shutdown(), late]);
        // 2.7 waits for connections that never ask for anything; they must not keep the program from ending.
        server.unref();
      }
      clearTimeout(timer);
    },
  };
}
