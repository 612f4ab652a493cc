/** `tunnel-client dev proxy`: a tunnel of one's own for integration tests (spec 04 §9.2). */
import { dirname } from "node:path";
import { writeFileAtomically } from "../ops/mod.ts";
import type { LeafCommand } from "./command.ts";
import { DEV_PROXY_FLAGS, type DevProxyOptions, devProxyOptions } from "./dev_proxy_options.ts";
import { commandLines } from "./help_text.ts";
import type { CliIo } from "./io.ts";
import { type LocalTunnel, type LocalTunnelConnection, startLocalTunnel } from "./local_tunnel.ts";
import { listenForStop } from "./stop_signals.ts";

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Runs a control plane and an agent in one process tree and gives a local MCP URL whose traffic really passes " +
    "through the tunnel. Prints the URL when everything is ready.",
  usage: ["--mcp-server-url URL [flags]", "--mcp-command COMMAND [flags]", "--profile NAME [flags]"],
  flags: () => DEV_PROXY_FLAGS,
  sections: () => [{
    heading: "Examples",
    text: commandLines(
      "tunnel-client dev proxy --mcp-server-url http://127.0.0.1:3000/mcp",
      'tunnel-client dev proxy --mcp-command "npx -y @org/server" --print-json',
      "tunnel-client dev proxy --profile local-stdio --health-listen-addr 127.0.0.1:0",
    ),
  }],
  run: ({ flags }, io) => devProxyCommand(devProxyOptions(flags), io),
};

/**
 * Runs relay and agent until a signal, or for the given time.
 * @returns exit code
 */
async function devProxyCommand(options: DevProxyOptions, io: CliIo): Promise<number> {
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
