/** `tunnel-client dev proxy`: a tunnel of one's own for integration tests (spec 04 §9.2). */
import { dirname } from "node:path";
import { writeFileAtomically } from "../ops/mod.ts";
import type { DevProxyOptions } from "./dev_proxy_options.ts";
import type { CliIo } from "./io.ts";
import { type LocalTunnel, type LocalTunnelConnection, startLocalTunnel } from "./local_tunnel.ts";
import { listenForStop } from "./stop_signals.ts";

/**
 * Runs relay and agent until a signal, or for the given time.
 * @returns exit code
 */
export async function devProxyCommand(options: DevProxyOptions, io: CliIo): Promise<number> {
  const signals = listenForStop();
  let tunnel: LocalTunnel | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    tunnel = await startLocalTunnel(options, io.env);
    const json = `${JSON.stringify(tunnel.connection, null, 2)}\n`;
    if (options.urlFile !== "") await writeConnectionFile(options.urlFile, json);
    io.stdout(options.printJson ? json : describe(tunnel.connection));
    const { promise: elapsed, resolve } = Promise.withResolvers<void>();
    if (options.durationMs > 0) timer = setTimeout(resolve, options.durationMs);
    const crash = await Promise.race([
      signals.next(),
      elapsed,
      tunnel.service.crashed.then((error) => ({ error })),
    ]);
    if (typeof crash !== "object") return 0;
    io.stderr(`agent thread crashed: ${crash.error}\n`);
    return 1;
  } finally {
    clearTimeout(timer);
    await tunnel?.stop(signals.next());
    signals.close();
  }
}

/** Others may read it: it holds no key (V-10). */
async function writeConnectionFile(path: string, json: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFileAtomically(path, json, 0o644);
}

function describe(connection: LocalTunnelConnection): string {
  if (connection.mcp_transport === "tcp") return `MCP URL: ${connection.mcp_url}\n`;
  return `MCP Unix socket: ${connection.mcp_unix_socket}\nMCP URL path: ${connection.mcp_url_path}\n`;
}
