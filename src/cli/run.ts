/** `tunnel-client run`: the agent in the foreground until a signal ends it (spec 04 §3). */
import {
  embeddedStubOptions,
  formatProblem,
  loadConfiguration,
  type LoadedConfig,
  type ParsedFlags,
} from "../config/mod.ts";
import { type Service, type ServiceOptions, startService } from "../sandbox/mod.ts";
import type { StubServer } from "../stub/mod.ts";
import { VERSION } from "../version.ts";
import type { LeafCommand } from "./command.ts";
import { CliError } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { loadModule } from "./load_module.ts";
import { listenForReload, type ReloadSignals } from "./reload_signal.ts";
import { ReloadWatch } from "./reload_watch.ts";
import { runFlags } from "./run_flags.ts";
import { logSummary } from "./run_summary.ts";
import { asIfJustCome, listenForStop, type StopSignals, untilStopped } from "./stop_signals.ts";

export const command: LeafCommand = {
  kind: "leaf",
  about: `tunnel-client run ${VERSION}\n\n` +
    "Serves one tunnel until it is told to stop: polls the control plane for commands, hands each to the MCP server of " +
    "its channel, and posts the answer back.\n\n" +
    "Every value comes from its flag, else from its environment variable, else from the profile, else it is the default.",
  flags: runFlags,
  sections: async () => {
    const { runSections } = await loadModule<typeof import("./run_help.ts")>(
      "./run_help.ts",
      import.meta.url,
    );
    return runSections();
  },
  run: ({ flags }, io) => runCommand(flags, io),
};

/** How long everything may take to come up. */
const START_LIMIT_MS = 15_000;
/** How long a start may still take to its end once a signal has come: a finished one can be stopped without a loss. */
const INTERRUPTED_START_MS = 1_000;

/**
 * Runs the agent.
 * @returns exit code: 0 for a requested stop that lost nothing, 1 for everything else, 128 + n for a second signal n
 * @throws {ConfigError} when the configuration cannot be used
 * @throws {CliError} when something could not be brought up
 */
async function runCommand(flags: ParsedFlags, io: CliIo): Promise<number> {
  const signals = listenForStop();
  const reloads = listenForReload(() => signals.hear("SIGTERM"));
  let stub: StubServer | undefined;
  try {
    stub = await startEmbeddedStub(flags, io);
    return await runAgent(new Sources(flags, io.env, stub?.mcpUrl), { signals, reloads }, io);
  } finally {
    await stub?.stop();
    reloads.close();
    signals.close();
  }
}

/** What the configuration is read from, at the start and at every reload; of variables what they were at the start. */
class Sources {
  /** The files that were read the last time. */
  files: ReadonlySet<string> = new Set();

  constructor(
    private readonly flags: ParsedFlags,
    private readonly env: CliIo["env"],
    private readonly mainServerUrl: string | undefined,
  ) {}

  /** @throws {ConfigError} when the configuration cannot be used */
  async load(): Promise<LoadedConfig> {
    const { flags, env, mainServerUrl } = this;
    const files = new Set<string>();
    this.files = files;
    // Read in one go, before anything runs that could be blocked.
    const readTextFile = (path: string) => {
      files.add(path);
      return Deno.readTextFileSync(path);
    };
    return await loadConfiguration({ flags, env, readTextFile, mainServerUrl });
  }
}

async function runAgent(
  sources: Sources,
  { signals, reloads }: { readonly signals: StopSignals; readonly reloads: ReloadSignals },
  io: CliIo,
): Promise<number> {
  const { config, secretNames, warnings } = await sources.load();
  for (const warning of warnings) io.stderr(`warning: ${formatProblem(warning)}\n`);
  const streams = { stdout: Deno.stdout, stderr: Deno.stderr };
  const loadAgain = () => sources.load();
  const options = { config, environment: io.env, secretNames, confineMain: true, streams, loadAgain };
  const [service, stopSignals] = await starting(() => startInTime(options, signals));
  const watch = new ReloadWatch({
    files: () => sources.files,
    isOn: () => service.config.reloadWatch,
    reload: () => service.reload("file"),
  });
  watch.update();
  reloads.serve(() => void service.reload("signal").then(() => watch.update()));
  void logSummary(config, service);
  try {
    return await untilStopped(service, stopSignals, io);
  } finally {
    await watch.close();
  }
}

/**
 * Starts the service within the limit. A signal before its end gives the start up, unless the end comes just then: the
 * agent may have polled already, and then it is stopped like any other, without a loss.
 * @returns the service, and the signals that are to end it
 * @throws {Error} when the start takes too long, or a signal has ended it
 */
async function startInTime(options: ServiceOptions, signals: StopSignals): Promise<[Service, StopSignals]> {
  const giveUp = new AbortController();
  const start = startService({ ...options, signal: giveUp.signal });
  const late = new Error(
    `not everything was up after ${START_LIMIT_MS / 1000} s; look for a file or a socket that blocks`,
  );
  let timer = setTimeout(() => giveUp.abort(late), START_LIMIT_MS);
  try {
    const first = await Promise.race([start, signals.next()]);
    if (typeof first !== "string") return [first, signals];
    clearTimeout(timer);
    const interrupted = new Error(`${first} before everything was up`);
    timer = setTimeout(() => giveUp.abort(interrupted), INTERRUPTED_START_MS);
    return [await start, asIfJustCome(first, signals)];
  } finally {
    clearTimeout(timer);
  }
}

/** Starts the demo server when it was asked for. */
async function startEmbeddedStub(flags: ParsedFlags, io: CliIo): Promise<StubServer | undefined> {
  const options = embeddedStubOptions(flags);
  if (!options) return undefined;
  const { SAMPLE_PROMPTS, startStubServer } = await loadModule<typeof import("../stub/mod.ts")>(
    "../stub/mod.ts",
    import.meta.url,
  );
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
