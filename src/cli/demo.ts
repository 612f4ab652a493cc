/** `tunnel-client demo`: relay, demo MCP server and agent on this machine, and one tool call through them. */
import { STUB_DEFAULTS } from "../config/mod.ts";
import { startStubServer } from "../stub/mod.ts";
import { CLIENT_NAME, VERSION } from "../version.ts";
import type { LeafCommand } from "./command.ts";
import { DEMO_FLAGS, type DemoOptions, demoOptions } from "./demo_options.ts";
import type { CliIo } from "./io.ts";
import { type LocalTunnel, startLocalTunnel } from "./local_tunnel.ts";
import { listenForStop } from "./stop_signals.ts";

const TUNNEL_ID = `tunnel_${"demo".padEnd(32, "0")}`;
const GREETING = "hello from tunnel-client";
const READY_LIMIT_MS = 15_000;
const ANSWER_LIMIT_MS = 30_000;
const LAST_SEEN_MS = 20_000;

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Starts a relay, a demo MCP server and an agent on ports that the system chooses, makes one tool call through the " +
    "tunnel, tells what happened, and stays up to be looked at. Needs no account and no key.",
  flags: () => DEMO_FLAGS,
  run: ({ flags }, io) => demoCommand(demoOptions(flags), io),
};

/** What the demo has seen happen. */
interface DemoCall {
  readonly server: string;
  readonly tools: readonly string[];
  readonly answer: string;
  readonly elapsedMs: number;
}

/**
 * Runs the demo.
 * @returns exit code
 */
async function demoCommand(options: DemoOptions, io: CliIo): Promise<number> {
  const signals = listenForStop();
  const say = options.json ? () => {} : io.stdout;
  const stub = startStubServer(STUB_DEFAULTS);
  let tunnel: LocalTunnel | undefined;
  try {
    say(`MCP server   ${stub.mcpUrl} (built-in demo)\n`);
    // The demo tells its own story; the agent speaks up only when something is wrong.
    tunnel = await startLocalTunnel(localOptions(stub.mcpUrl), {
      ...io.env,
      LOG_LEVEL: "warn",
      LOG_FORMAT: "json",
    });
    const { connection, healthUrl } = tunnel;
    say(
      `relay        ${
        connection.control_plane_unix_socket ?? connection.control_plane_base_url
      } (control plane of its own)\n`,
    );
    say(`agent        polls the relay as ${TUNNEL_ID}\n`);
    const call = await callThroughTunnel(connection.mcp_url);
    say(story(connection.mcp_url, healthUrl, call));
    if (options.json) io.stdout(`${JSON.stringify(document(tunnel, call), null, 2)}\n`);
    if (options.once) return 0;
    say("Up until Ctrl-C. Point any MCP client at the connector URL.\n");
    const end = await Promise.race([signals.next(), tunnel.service.crashed.then((error) => ({ error }))]);
    if (typeof end === "string") return 0;
    io.stderr(`agent thread crashed: ${end.error}\n`);
    return 1;
  } finally {
    await tunnel?.stop(signals.next());
    await stub.stop();
    signals.close();
  }
}

function localOptions(mcpUrl: string) {
  return {
    listenAddr: "127.0.0.1:0",
    listenUnixSocket: "",
    tunnelId: TUNNEL_ID,
    mcpServerUrls: [mcpUrl],
    mcpCommands: [],
    profileFlags: {},
    healthListenAddr: "127.0.0.1:0",
    healthUrlFile: "",
    readinessTimeoutMs: READY_LIMIT_MS,
    responseTimeoutMs: ANSWER_LIMIT_MS,
    clientLastSeenTimeoutMs: LAST_SEEN_MS,
  };
}

/** One session of the official MCP client, as any connector would have it. */
async function callThroughTunnel(mcpUrl: string): Promise<DemoCall> {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const client = new Client({ name: `${CLIENT_NAME}-demo`, version: VERSION });
  await client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl)));
  try {
    const { tools } = await client.listTools();
    const startedAt = performance.now();
    const result = await client.callTool({ name: "echo", arguments: { input: GREETING } });
    const elapsedMs = performance.now() - startedAt;
    const text = result.content?.find((part) => part.type === "text");
    return {
      server: client.getServerVersion()?.name ?? "unknown",
      tools: tools.map((tool) => tool.name),
      answer: text?.type === "text" ? text.text : "",
      elapsedMs,
    };
  } finally {
    await client.close();
  }
}

function story(mcpUrl: string, healthUrl: string, call: DemoCall): string {
  return [
    "",
    `An MCP client connected to the relay and found "${call.server}" with ${call.tools.length} tools:`,
    `  ${call.tools.join(", ")}`,
    `It called  echo({ input: "${GREETING}" })`,
    `and got    "${call.answer}"  after ${call.elapsedMs.toFixed(1)} ms, by this way:`,
    "  client → relay → (long poll) agent → MCP server → agent → (POST) relay → client",
    "",
    `Connector URL  ${mcpUrl}`,
    `Page           ${healthUrl}/ui`,
    `Metrics        ${healthUrl}/metrics`,
    "",
  ].join("\n");
}

function document(tunnel: LocalTunnel, call: DemoCall) {
  return {
    ...tunnel.connection,
    ui_url: `${tunnel.healthUrl}/ui`,
    call: { server: call.server, tools: call.tools, answer: call.answer, elapsed_ms: call.elapsedMs },
  };
}
