import {
  type CallResult,
  createHttpChannel,
  createStdioChannel,
  ExecutableNotFoundError,
  initializeCall,
  readInitialized,
  resolveExecutable,
  runStartupProbe,
} from "../channels/mod.ts";
import { type HttpBinding, MAIN_CHANNEL, type RunConfig, type StdioBinding } from "../config/mod.ts";
import { createRouteClient, environmentProxy } from "../net/mod.ts";
import { createMetricStore, type Log } from "../ops/mod.ts";
import { childEnvironment } from "../sandbox/mod.ts";

/** How the main MCP server has answered. */
export interface TargetTrial {
  /** `auth-required`: it is there and wants to know who asks; nothing is wrong with that. */
  readonly outcome: "ok" | "auth-required" | "failed";
  /** In words for a person: why it failed, or what the server calls itself; empty when there is nothing to say. */
  readonly detail: string;
}

/** What the trial runs in. */
export interface TrialPlace {
  readonly env: Readonly<Record<string, string>>;
  /** Variables that a child must not see. */
  readonly secretNames: readonly string[];
  readonly cwd: string;
  /** Ends the trial early. */
  readonly signal?: AbortSignal;
}

/** `npx` and its like may download the server first. */
const HANDSHAKE_TIMEOUT_MS = 60_000;
/** One child tells enough; nobody waits for a second one. */
const NO_RESTART = { restartWaitMs: 0, backoffMinMs: 60_000, backoffMaxMs: 60_000 };

const QUIET: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  enabled: () => false,
  with: () => QUIET,
};

/**
 * Asks the main MCP server of a configuration who it is, the way the agent would: over its proxy and certificates, or by
 * starting its command, and completes no more than the MCP handshake. Whatever it has started is gone afterwards.
 * @throws the signal's `reason` when it was aborted
 */
export async function tryMainTarget(config: RunConfig, place: TrialPlace): Promise<TargetTrial> {
  const main = config.mcp.bindings.find(({ channel }) => channel === MAIN_CHANNEL);
  if (main === undefined) return { outcome: "failed", detail: "nothing is bound to the main channel" };
  return main.transport === "stdio" ? await tryCommand(main, place) : await tryUrl(main, config, place);
}

async function tryUrl(
  binding: HttpBinding,
  config: RunConfig,
  { env, signal }: TrialPlace,
): Promise<TargetTrial> {
  let caPem: string | undefined;
  try {
    if (config.tls.caBundle !== "") caPem = await Deno.readTextFile(config.tls.caBundle);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { outcome: "failed", detail: `the CA bundle cannot be read: ${error.message}` };
  }
  const proxy = binding.proxy.kind === "explicit"
    ? { kind: "explicit" as const, url: binding.proxy.url }
    : environmentProxy(env);
  const client = createRouteClient({
    proxy,
    tls: caPem === undefined ? {} : { caPem },
    ...(binding.unixSocket === undefined ? {} : { unixSocket: binding.unixSocket }),
  });
  const { extraHeaders, discoveryExtraHeaders } = config.mcp;
  const channel = createHttpChannel(
    { name: binding.channel, url: binding.url, extraHeaders, discoveryExtraHeaders },
    client,
    QUIET,
  );
  const stop = new AbortController();
  const ending = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const probe = runStartupProbe({ target: channel.target, startupWaitTimeoutMs: 0 }, QUIET, ending);
  try {
    await probe.settled;
    signal?.throwIfAborted();
    const { state, error } = probe.result();
    if (state === "ok" || state === "auth-required") return { outcome: state, detail: "" };
    return { outcome: "failed", detail: error };
  } finally {
    stop.abort(new Error("the trial is over"));
    await probe.ended;
    await channel.stop(0);
  }
}

async function tryCommand(binding: StdioBinding, place: TrialPlace): Promise<TargetTrial> {
  const { env, cwd, secretNames } = place;
  const [word = "", ...args] = [...binding.wrapper, ...binding.argv];
  const child = childEnvironment(binding, env, secretNames);
  let program: string;
  let killProgram: string | undefined;
  try {
    program = await resolveExecutable(word, env.PATH, cwd);
  } catch (error) {
    if (!(error instanceof ExecutableNotFoundError)) throw error;
    return { outcome: "failed", detail: error.message };
  }
  try {
    killProgram = await resolveExecutable(Deno.build.os === "windows" ? "taskkill" : "kill", env.PATH, cwd);
  } catch (error) {
    if (!(error instanceof ExecutableNotFoundError)) throw error;
  }
  const { channel: name, command } = binding;
  const channel = createStdioChannel(
    { name, argv: [program, ...args], command, env: child, killProgram, ...NO_RESTART },
    QUIET,
    createMetricStore(),
  );
  const limit = AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS);
  const ending = place.signal === undefined ? limit : AbortSignal.any([limit, place.signal]);
  try {
    await channel.start();
    return readAnswer(await channel.call(initializeCall(), { sent: () => undefined, notification }, ending));
  } catch (error) {
    place.signal?.throwIfAborted();
    if (error === limit.reason) {
      const seconds = HANDSHAKE_TIMEOUT_MS / 1000;
      return {
        outcome: "failed",
        detail: `the command runs, but has not answered initialize within ${seconds} s`,
      };
    }
    if (!(error instanceof Error)) throw error;
    return { outcome: "failed", detail: error.message };
  } finally {
    await channel.stop(2_000);
  }
}

/** What a server says before its answer is nobody's business here. */
function notification(): Promise<void> {
  return Promise.resolve();
}

function readAnswer(result: CallResult): TargetTrial {
  if (result.type === "failure") return { outcome: "failed", detail: result.detail };
  if (result.errorCode !== undefined) {
    return { outcome: "failed", detail: `it refuses initialize with error ${result.errorCode}` };
  }
  const server = readInitialized(result.text);
  if (server === undefined) return { outcome: "failed", detail: "its answer to initialize is none" };
  return { outcome: "ok", detail: server.name ?? "" };
}
