import {
  type Channel,
  createHttpChannel,
  createStdioChannel,
  ExecutableNotFoundError,
  type HttpChannel,
  layerPairs,
  resolveExecutable,
} from "../channels/mod.ts";
import type { HttpBinding, StdioBinding } from "../config/mod.ts";
import { createRouteClient, type HttpClient, type Route } from "../net/mod.ts";
import { createMetricStore } from "../ops/mod.ts";
import { childEnvironment, childProgram, childWords } from "../sandbox/mod.ts";
import { type Context, SILENT_LOG } from "./context.ts";

/**
 * Opens a binding over HTTP. Static headers for discovery come along, as in the agent's own probe: without them a server
 * behind a gateway would look as if it were closed.
 * @param wrap looks at what passes
 */
export function openHttp(
  { config }: Pick<Context, "config">,
  { channel, url }: HttpBinding,
  route: Route,
  wrap: (client: HttpClient) => HttpClient = (client) => client,
): HttpChannel {
  const { extraHeaders, discoveryExtraHeaders } = config.mcp;
  const options = {
    name: channel,
    url,
    extraHeaders: layerPairs(extraHeaders, discoveryExtraHeaders),
    discoveryExtraHeaders,
  };
  return createHttpChannel(options, wrap(createRouteClient(route)), SILENT_LOG);
}

/**
 * Prepares a binding's child process; `start()` starts it.
 * @throws {ExecutableNotFoundError} when there is no such program
 */
export async function openStdio(
  { env, secretNames }: Pick<Context, "env" | "secretNames">,
  binding: StdioBinding,
): Promise<Channel> {
  return createStdioChannel(
    {
      name: binding.channel,
      argv: childWords(binding, await findProgram(childProgram(binding), env)),
      command: binding.command,
      env: childEnvironment(binding, env, secretNames),
      killProgram: await killProgram(env),
      // The server's own word counts, also on what comes too early.
      requireHandshake: false,
      // One child tells enough; nobody waits for a second one.
      restartWaitMs: 0,
      backoffMinMs: 60_000,
      backoffMaxMs: 60_000,
    },
    SILENT_LOG,
    createMetricStore(),
  );
}

/**
 * Finds a program as a run does.
 * @throws {ExecutableNotFoundError} when there is no such program
 */
export function findProgram(word: string, env: Readonly<Record<string, string>>): Promise<string> {
  return resolveExecutable(word, env.PATH ?? "", Deno.cwd());
}

/** The program that ends process groups, if this machine has one. */
export async function killProgram(env: Readonly<Record<string, string>>): Promise<string | undefined> {
  try {
    return await findProgram(Deno.build.os === "windows" ? "taskkill" : "kill", env);
  } catch (error) {
    if (!(error instanceof ExecutableNotFoundError)) throw error;
    return undefined;
  }
}
