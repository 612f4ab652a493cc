import { findPrograms, programPaths } from "./find_programs.ts";
import { derivePermissions } from "./permissions.ts";
import type { Service, ServiceOptions } from "./service.ts";
import { spawnAgent } from "./spawn_agent.ts";
import { TlsFileReader } from "./tls_files.ts";

/**
 * Starts a service: binds the listener first, so that a port that is taken is found before any command is polled, then
 * the agent. The agent's thread is created before both, because its modules take longest to load; it waits to be told.
 * @throws {Error} naming what could not be brought up, or the signal's reason; everything that was is taken down again
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { config, environment, signal } = options;
  const programs = await findPrograms(config, environment);
  const permissions = derivePermissions(config, programPaths(programs));
  const agent = spawnAgent(permissions, config.sandbox);
  const tlsFiles = new TlsFileReader(config, environment);
  const service = await (async () => {
    try {
      // Loaded only now, and without Deno walking it before: meanwhile the agent's thread is at work.
      const path = new URL("./service.ts", import.meta.url).href;
      const loading: Promise<typeof import("./service.ts")> = import(path);
      const [{ RunningService }, first] = await Promise.all([loading, tlsFiles.load()]);
      const tls = { files: tlsFiles, first };
      return new RunningService(options, { programs, permissions, agent, tls });
    } catch (error) {
      agent.terminate();
      throw error;
    }
  })();
  try {
    await untilAborted(service.start(), signal);
  } catch (error) {
    await service.abandon();
    throw error;
  }
  return service;
}

/** What work comes to, unless a signal is raised before that. */
async function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
