import { InvalidValueError, quote, type StubOptions } from "../config/mod.ts";
import { SAMPLE_PROMPTS, startStubServer, type StubServer } from "../stub/mod.ts";
import type { LeafCommand } from "./command.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import { wrap } from "./help_text.ts";
import type { CliIo } from "./io.ts";
import { MCP_STUB_FLAGS, type McpStubOptions, mcpStubOptions } from "./mcp_stub_options.ts";
import { listenForStop } from "./stop_signals.ts";

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Runs a demo MCP server with the tools server_info, echo and uppercase, and the OAuth documents that a protected " +
    "server would publish. Nothing is protected.",
  flags: () => MCP_STUB_FLAGS,
  run: ({ flags }, io) => mcpStubCommand(mcpStubOptions(flags), io),
};

/**
 * `dev mcp-stub`: serves the demo MCP server until SIGINT or SIGTERM (V-1, V-2).
 * @returns the exit code
 * @throws {CliError} when the address cannot be bound, or the server dies
 */
async function mcpStubCommand(options: McpStubOptions, io: CliIo): Promise<number> {
  const signals = listenForStop();
  try {
    const server = start(options);
    io.stdout(options.json ? document(server) : greeting(server));
    const signal = await Promise.race([signals.next(), server.finished]);
    await server.stop();
    if (signal === undefined) throw new CliError("the demo MCP server has ended by itself");
    return EXIT_OK;
  } finally {
    signals.close();
  }
}

function start(options: StubOptions): StubServer {
  try {
    return startStubServer(options);
  } catch (error) {
    const address = quote(options.listenAddr);
    if (error instanceof InvalidValueError) {
      throw new CliError(`invalid --listen-addr ${address}: ${error.message}`);
    }
    if (error instanceof Deno.errors.AddrInUse) {
      throw new CliError(`listen on ${address}: address already in use; choose another port, or 0 for any`);
    }
    if (error instanceof Error) {
      throw new CliError(`listen on ${address}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

function greeting(server: StubServer): string {
  return [
    `Demo MCP server listening on ${server.baseUrl}`,
    `  MCP URL:                        ${server.mcpUrl}`,
    `  Protected-resource metadata:    ${server.protectedResourceUrl}`,
    `  Authorization-server metadata:  ${server.authorizationServerUrl}`,
    "",
    wrap(
      "These are demo MCP/OAuth endpoints. The health and UI URLs of tunnel-client run are separate; it prints its own.",
    ),
    "",
    "Next, in another terminal, a tunnel on this machine:",
    `  tunnel-client dev proxy --mcp-server-url ${server.mcpUrl}`,
    "or a tunnel of yours:",
    "  tunnel-client init --sample sample_mcp_with_dcr \\",
    "    --profile sample_mcp_with_dcr --tunnel-id tunnel_... \\",
    `    --mcp-server-url ${server.mcpUrl}`,
    "  tunnel-client doctor --profile sample_mcp_with_dcr --explain",
    "  tunnel-client run --profile sample_mcp_with_dcr",
    "",
    "Then say to a model:",
    ...SAMPLE_PROMPTS.map((prompt) => `  ${prompt}`),
    "",
  ].join("\n");
}

function document(server: StubServer): string {
  const facts = {
    base_url: server.baseUrl,
    mcp_url: server.mcpUrl,
    protected_resource_url: server.protectedResourceUrl,
    authorization_server_url: server.authorizationServerUrl,
  };
  return `${JSON.stringify(facts, null, 2)}\n`;
}
