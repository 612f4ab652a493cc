/** The parts of a measurement as processes of their own: the target, and relay and agent before it. */
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { Program, tunnelClient } from "../support/e2e_program.ts";
import { TUNNEL_ID } from "../support/e2e_relay.ts";
import type { Binding } from "./compare.ts";

/** Something with a URL that speaks MCP, until it is disposed of. */
export interface McpEndpoint extends AsyncDisposable {
  readonly url: string;
}

const SERVER = new URL("./everything_server.ts", import.meta.url).pathname;
const SERVER_COMMAND = [Deno.execPath(), "run", "-A", "--frozen", "--no-check", SERVER];
/** Subscriptions whose connector has gone may still run when a measurement is over. */
const DRAIN_TIMEOUT = "1s";

/** Starts the everything server over HTTP. */
export async function startTarget(): Promise<McpEndpoint> {
  const program = new Program([...SERVER_COMMAND, "http"]);
  try {
    const [url] = await program.until("the target's URL", () => /http:\S+/.exec(program.stdout));
    return { url, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

export interface TunnelOptions {
  readonly binding: Binding;
  /** Of the target over HTTP. */
  readonly targetUrl: string;
  /** Calls that may run at once over the target as a child process. */
  readonly stdioConcurrency: number;
}

/** Starts a relay and an agent that is bound to the target, over its URL or as a child process of its own. */
export async function openTunnel(options: TunnelOptions): Promise<McpEndpoint> {
  await using started = new AsyncDisposableStack();
  const relay = started.use(tunnelClient([
    "relay",
    `--tunnel-id=${TUNNEL_ID}`,
    "--api-key=env:CONTROL_PLANE_API_KEY",
    "--print-json",
  ], { env: { CONTROL_PLANE_API_KEY: API_KEY } }));
  const { controlPlaneUrl, url } = await relay.until("the relay's URLs", () => relayUrls(relay.stdout));
  const agent = started.use(
    await AgentProgram.listening({
      controlPlaneUrl,
      args: [...bindingFlags(options), `--shutdown.drain-timeout=${DRAIN_TIMEOUT}`],
    }),
  );
  await agent.untilReadyz(200, /^ready/);
  const running = started.move();
  return {
    url,
    async [Symbol.asyncDispose]() {
      await agent.stopped();
      await relay.stopped();
      await running.disposeAsync();
    },
  };
}

function bindingFlags({ binding, targetUrl, stdioConcurrency }: TunnelOptions): string[] {
  if (binding === "http") return [`--mcp.server-url=${targetUrl}`];
  const command = [...SERVER_COMMAND, "stdio"].join(" ");
  return [`--mcp.command=${command}`, `--mcp.stdio-concurrency=${stdioConcurrency}`];
}

/** The URLs that the relay prints as JSON when it serves; undefined before. */
function relayUrls(printed: string): { controlPlaneUrl: string; url: string } | undefined {
  if (!printed.trimEnd().endsWith("}")) return undefined;
  const { control_plane_base_url, tunnels } = JSON.parse(printed);
  return { controlPlaneUrl: control_plane_base_url, url: tunnels[0].mcp_url };
}
