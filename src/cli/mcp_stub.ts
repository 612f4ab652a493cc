import { InvalidValueError, quote, type StubOptions } from "../config/mod.ts";
import { SAMPLE_PROMPTS, startStubServer, type StubServer } from "../stub/mod.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { listenForStop } from "./stop_signals.ts";

/**
 * `dev mcp-stub`: serves the demo MCP server until SIGINT or SIGTERM (V-1, V-2).
 * @returns the exit code
 * @throws {CliError} when the address cannot be bound, or the server dies
 */
export async function mcpStubCommand(options: StubOptions, io: CliIo): Promise<number> {
  const signals = listenForStop();
  try {
    const server = start(options);
    io.stdout(greeting(server));
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
    `  MCP URL:                          ${server.mcpUrl}`,
    `  Protected-resource metadata:      ${server.protectedResourceUrl}`,
    `  Authorization-server metadata:    ${server.authorizationServerUrl}`,
    "",
    "These are demo MCP/OAuth endpoints. The health and UI URLs of tunnel-client run are separate; it prints its own.",
    "",
    "Next, in another terminal:",
    `  tunnel-client dev proxy --mcp-server-url ${server.mcpUrl}`,
    "or through a tunnel of yours:",
    `  tunnel-client run --control-plane.tunnel-id tunnel_... --mcp.server-url ${server.mcpUrl}`,
    "",
    "Then say to a model:",
    ...SAMPLE_PROMPTS.map((prompt) => `  ${prompt}`),
    "",
  ].join("\n");
}
