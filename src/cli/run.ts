/** `tunnel-client run`: the agent in the foreground until a signal ends it (spec 04 §3). */
import {
  embeddedStubOptions,
  loadRunConfig,
  type ParsedFlags,
  type RunConfig,
  secretNamesOf,
} from "../config/mod.ts";
import { startService } from "../sandbox/mod.ts";
import type { StubServer } from "../stub/mod.ts";
import { CliError } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { listenForStop, untilStopped } from "./stop_signals.ts";

/**
 * Runs the agent.
 * @returns exit code: 0 for a requested stop that lost nothing, 1 for everything else, 128 + n for a second signal n
 * @throws {ConfigError} when the configuration cannot be used
 * @throws {CliError} when something could not be brought up
 */
export async function runCommand(flags: ParsedFlags, io: CliIo): Promise<number> {
  const stub = await startEmbeddedStub(flags, io);
  try {
    const sources = { flags, env: io.env, readTextFile, mainServerUrl: stub?.mcpUrl };
    return await runAgent(loadRunConfig(sources), flags, io);
  } finally {
    await stub?.stop();
  }
}

/** Configuration is read once, before anything runs that could be blocked. */
function readTextFile(path: string): string {
  return Deno.readTextFileSync(path);
}

async function runAgent(config: RunConfig, flags: ParsedFlags, io: CliIo): Promise<number> {
  const secretNames = secretNamesOf({ flags, env: io.env });
  const streams = { stdout: Deno.stdout, stderr: Deno.stderr };
  const options = { config, environment: io.env, secretNames, confineMain: true, streams };
  const signals = listenForStop();
  try {
    const service = await starting(() => startService(options));
    return await untilStopped(service, signals, io);
  } finally {
    signals.close();
  }
}

/** Starts the demo server when it was asked for. */
async function startEmbeddedStub(flags: ParsedFlags, io: CliIo): Promise<StubServer | undefined> {
  const options = embeddedStubOptions(flags);
  if (!options) return undefined;
  const { SAMPLE_PROMPTS, startStubServer } = await import("../stub/mod.ts");
  const server = await starting(() => startStubServer(options));
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
}

/** @throws {CliError} that says the start failed, and why */
async function starting<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError(`start tunnel-client: ${error.message}`, { cause: error });
  }
}
