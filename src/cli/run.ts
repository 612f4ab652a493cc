/** `tunnel-client run`: the agent in the foreground until a signal ends it (spec 04 §3). */
import {
  ConfigError,
  embeddedStubOptions,
  loadRunConfig,
  type ParsedFlags,
  type RunConfig,
  secretNamesOf,
} from "../config/mod.ts";
import { startService } from "../sandbox/mod.ts";
import type { CliIo } from "./io.ts";
import { untilStopped } from "./stop_signals.ts";

/** What to try first when a basic setting is missing, by the fragment that names it. */
const FIRST_USE: readonly (readonly [fragment: string, guidance: string])[] = [
  [
    "tunnel ID is required",
    "run `tunnel-client demo` to see a tunnel work without one, or `tunnel-client run --help` for the settings",
  ],
  [
    "main channel is required",
    "try the built-in demo server: tunnel-client run --embedded-mcp-stub --control-plane.tunnel-id tunnel_... " +
    "--health.listen-addr 127.0.0.1:0 --health.url-file <file>",
  ],
  [
    "control plane API key is required",
    "put the key into CONTROL_PLANE_API_KEY, or refer to it with --control-plane.api-key env:NAME or file:PATH",
  ],
];

/**
 * Runs the agent.
 * @returns exit code: 0 for a requested stop that lost nothing, 1 for everything else, 128 + n for a second signal n
 */
export async function runCommand(flags: ParsedFlags, io: CliIo): Promise<number> {
  const stub = await startEmbeddedStub(flags, io);
  if (typeof stub === "number") return stub;
  try {
    const config = configure(flags, io, stub?.mcpUrl);
    return config ? await runAgent(config, flags, io) : 1;
  } finally {
    await stub?.stop();
  }
}

function configure(flags: ParsedFlags, io: CliIo, mainServerUrl: string | undefined): RunConfig | undefined {
  try {
    return loadRunConfig({ flags, env: io.env, readTextFile: Deno.readTextFileSync, mainServerUrl });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr(`configure tunnel-client: ${withGuidance(error.message)}\n`);
    return undefined;
  }
}

function withGuidance(message: string): string {
  const guidance = FIRST_USE.find(([fragment]) => message.includes(fragment))?.[1];
  return guidance === undefined ? message : `${message}; ${guidance}`;
}

async function runAgent(config: RunConfig, flags: ParsedFlags, io: CliIo): Promise<number> {
  const secretNames = secretNamesOf({ flags, env: io.env });
  let service;
  try {
    const streams = { stdout: Deno.stdout, stderr: Deno.stderr };
    service = await startService({ config, environment: io.env, secretNames, confineMain: true, streams });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    io.stderr(`start tunnel-client: ${error.message}\n`);
    return 1;
  }
  return await untilStopped(service, io);
}

/** Starts the demo server when it was asked for. @returns the server, nothing, or an exit code */
async function startEmbeddedStub(flags: ParsedFlags, io: CliIo) {
  try {
    const options = embeddedStubOptions(flags);
    if (!options) return undefined;
    const { SAMPLE_PROMPTS, startStubServer } = await import("../stub/mod.ts");
    const server = startStubServer(options);
    io.stdout(
      [
        "Embedded demo MCP server is enabled.",
        `  MCP URL:                       ${server.mcpUrl}`,
        `  Protected resource metadata:   ${server.protectedResourceUrl}`,
        `  Authorization server metadata: ${server.authorizationServerUrl}`,
        "These are the embedded demo MCP/OAuth endpoints; health and UI URLs are others and",
        "appear later in the log.",
        "Things to try in ChatGPT:",
        ...SAMPLE_PROMPTS.map((prompt) => `  ${prompt}`),
        "",
      ].join("\n"),
    );
    return server;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const verb = error instanceof ConfigError ? "configure" : "start";
    io.stderr(`${verb} tunnel-client: ${error.message}\n`);
    return 1;
  }
}
