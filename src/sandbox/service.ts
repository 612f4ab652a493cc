/**
 * One running agent with everything an operator sees of it: log, listener, metrics and files on this thread, the agent
 * in its own, inside rights derived from its configuration.
 */
import type { AgentSummary } from "../agent/mod.ts";
import { type LoadedConfig, type RunConfig, secretValuesOf } from "../config/mod.ts";
import {
  type AgentStatus,
  type ByteStream,
  createExposition,
  createLogSink,
  createMetricStore,
  createRedactor,
  createTimelineRing,
  evaluateReadiness,
  type Log,
  type OperatorListener,
  type ProgramFacts,
  startOperatorListener,
} from "../ops/mod.ts";
import { VERSION } from "../version.ts";
import { AgentSuccession } from "./agent_succession.ts";
import { childEnvironment } from "./child_environment.ts";
import type { AgentStart } from "./messages.ts";
import { findPrograms, programPaths, type Programs } from "./find_programs.ts";
import { activeBindings, derivePermissions, type PermissionSet } from "./permissions.ts";
import { Reloader, type ReloadReason, type ReloadResult } from "./reload.ts";
import { routesOf } from "./routes.ts";
import { openBrowser } from "./open_browser.ts";
import { netGrants, OriginLearning } from "./origin_learning.ts";
import type { SpawnedAgent } from "./spawn_agent.ts";
import { TlsFileReader, type TlsFiles } from "./tls_files.ts";

/** How long a question of the listener may wait for the agent. */
const ASK_LIMIT_MS = 250;
const TIMELINE_ENTRIES = 500;
/** Read by the configuration alone; what Deno's own clients would make of them follows other rules. */
const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

export interface ServiceOptions {
  readonly config: RunConfig;
  /** The process's environment as it was at start. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that secrets were read from; they are taken out of the process. */
  readonly secretNames: readonly string[];
  /** Whether this thread gives up its own rights once everything runs; not where a relay lives in the same process. */
  readonly confineMain: boolean;
  readonly streams: { readonly stdout: ByteStream; readonly stderr: ByteStream };
  /** Gives the start up; what was brought up by then is taken down again. */
  readonly signal?: AbortSignal;
  /** Reads the configuration from the same sources again; absent where it came from none. */
  readonly loadAgain?: () => Promise<LoadedConfig>;
}

/** How a service ended. */
export interface ServiceEnd {
  readonly summary: AgentSummary;
  /** What could not be cleaned up; empty when everything was. */
  readonly error: string;
}

/** A running service. */
export interface Service {
  readonly log: Log;
  /** Base URL of the listener, empty when there is none. */
  readonly healthUrl: string;
  readonly permissions: PermissionSet;
  /** Newest word of the agent, asked for now; undefined before its first. */
  status(): Promise<AgentStatus | undefined>;
  /** Settles when the service has ended by itself, because the agent crashed. */
  readonly crashed: Promise<string>;
  /** The configuration that is in force. */
  readonly config: RunConfig;
  /** Reads the configuration again and puts in force what can change; a bad one changes nothing. */
  reload(reason: ReloadReason): Promise<ReloadResult>;
  /** Ends it without losing anything, within the configured drain limit. */
  drain(): Promise<ServiceEnd>;
  /** Ends it at once. */
  stopNow(): Promise<ServiceEnd>;
}

/** What a service is built around. */
export interface ServiceParts {
  readonly programs: Programs;
  /** The rights that the agent's thread was created with. */
  readonly permissions: PermissionSet;
  readonly agent: SpawnedAgent;
  readonly tls: { readonly files: TlsFileReader; readonly first: TlsFiles };
}

/** A service that `startService` brings up; it is in a file of its own so that the agent's thread comes first. */
export class RunningService implements Service {
  readonly log: Log;
  readonly crashed: Promise<string>;
  readonly #options: ServiceOptions;
  readonly #own = createMetricStore();
  readonly #sink;
  readonly #exposition;
  readonly #timeline = createTimelineRing(TIMELINE_ENTRIES);
  readonly #redactor = createRedactor();
  readonly #instanceId = newInstanceId();
  readonly #agents: AgentSuccession;
  readonly #reloader: Reloader;
  readonly #crash = Promise.withResolvers<string>();
  readonly #mayGrant: (host: string) => boolean;
  #learning: OriginLearning;
  #listener: OperatorListener | undefined;
  #ended: Promise<ServiceEnd> | undefined;
  #tlsFiles: TlsFileReader;
  #tls: TlsFiles;
  #watching = new AbortController();

  constructor(options: ServiceOptions, { programs, permissions, agent, tls }: ServiceParts) {
    const instanceId = this.#instanceId;
    const { config, secretNames, streams } = options;
    this.#options = options;
    this.crashed = this.#crash.promise;
    for (const secret of secretValuesOf(config)) this.#redactor.addSecret(secret);
    this.#sink = createLogSink({
      level: config.log.level,
      format: config.log.format,
      file: config.log.file,
      boundFields: { client_instance_id: instanceId, tunnel_id: config.controlPlane.tunnelId },
      redactor: this.#redactor,
      metrics: this.#own,
    }, streams);
    this.log = this.#sink.log;
    this.#exposition = createExposition({
      info: { version: VERSION, tunnel_id: config.controlPlane.tunnelId, client_instance_id: instanceId },
      own: this.#own,
      isReady: () => evaluateReadiness(this.#currentStatus()).ready,
      refresh: async () => {
        await this.#agents.refresh(ASK_LIMIT_MS);
      },
      redactor: this.#redactor,
      log: this.log,
    });
    this.#tlsFiles = tls.files;
    this.#tls = tls.first;
    this.#mayGrant = netGrants(config);
    this.#learning = this.#learningFor(config, programs);
    this.#agents = new AgentSuccession({
      start: this.#startOf(config, programs, tls.first, secretNames),
      permissions,
      agent,
      sandbox: config.sandbox,
      own: this.#own,
      exposition: () => this.#exposition,
      log: this.log,
      hooks: {
        onRecords: (records) => this.#sink.write(records),
        onEntries: (entries) => entries.forEach((entry) => this.#timeline.add(entry)),
        onCrashed: (error) => this.#crash.resolve(error),
        onJudgeOrigin: (origin) => this.#learning.judge(origin),
        onKeyRefused: () => this.#keyRefused(),
      },
    });
    const { loadAgain } = options;
    this.#reloader = new Reloader(config, secretNames, {
      load: () => loadAgain?.() ?? Promise.reject(new Error("there is nothing to read it from again")),
      apply: (next, names) => this.#apply(next, names),
      keepSecret: (next) => {
        for (const secret of secretValuesOf(next)) this.#redactor.addSecret(secret);
      },
      log: this.log,
      metrics: this.#own,
    });
    this.#facts = factsOf(config, { instanceId, startedAtMs: Date.now(), learning: this.#learning });
  }

  #facts: ProgramFacts;

  async start(): Promise<void> {
    const { config, secretNames } = this.#options;
    const { health, sandbox } = config;
    if (sandbox === "off") {
      this.log.warn(
        "sandbox is off: the agent runs with all rights of this process; use it for debugging only",
      );
    }
    if (config.log.httpRawUnsafe) {
      this.log.warn(
        "Raw HTTP logging enabled: at level debug whole requests and responses are logged, with the data in them; " +
          "use it for debugging only",
        { component: "process", setting: "log.http-raw-unsafe" },
      );
    }
    if (health.listenAddr !== "" || health.unixSocket !== "") {
      const { allowRemote } = config.adminUi;
      this.#listener = await startOperatorListener({ ...health, pidFile: config.pidFile, allowRemote }, {
        facts: () => this.#facts,
        agentStatus: () => this.#currentStatus(),
        trust: () => this.#tls.trust,
        metrics: this.#exposition,
        timeline: this.#timeline,
        redactor: this.#redactor,
      }, this.log);
    }
    const { healthUrl } = this;
    if (config.adminUi.openBrowser && health.unixSocket === "" && healthUrl !== "") {
      // While this thread may still start a program.
      const place = { os: Deno.build.os, environment: this.#options.environment };
      await openBrowser(`${healthUrl}/ui`, place, this.log);
    }
    for (const name of secretNames) Deno.env.delete(name);
    this.#tellTrust();
    await this.#agents.begin();
    this.log.info("agent permissions", { component: "sandbox", mode: sandbox, ...this.permissions });
    // After the agent, which polls meanwhile, and before the right to fetch a package that is not there yet is given up.
    await this.#listener?.load();
    for (const name of PROXY_VARIABLES) Deno.env.delete(name);
    if (this.#options.confineMain) await this.#agents.confineMain();
    void this.#watchTls(config);
  }

  get config(): RunConfig {
    return this.#reloader.running;
  }

  /** The rights of the agent that polls. */
  get permissions(): PermissionSet {
    return this.#agents.permissions;
  }

  async reload(reason: ReloadReason): Promise<ReloadResult> {
    return await this.#reloader.reload(reason);
  }

  #keyRefused(): void {
    if (this.#options.loadAgain !== undefined) this.#reloader.keyRefused();
  }

  /** @throws {Error} when something of the configuration cannot be used; then nothing has changed */
  async #apply(config: RunConfig, secretNames: readonly string[]): Promise<void> {
    const { environment } = this.#options;
    const programs = await findPrograms(config, environment);
    const permissions = derivePermissions(config, programPaths(programs));
    const tlsFiles = new TlsFileReader(config, environment);
    const tls = await tlsFiles.load();
    await this.#agents.putInForce(this.#startOf(config, programs, tls, secretNames), permissions);
    for (const name of secretNames) Deno.env.delete(name);
    this.#sink.setLevel(config.log.level);
    this.#learning = this.#learningFor(config, programs);
    const { startedAtMs } = this.#facts;
    this.#facts = factsOf(config, { instanceId: this.#instanceId, startedAtMs, learning: this.#learning });
    this.#watching.abort();
    this.#watching = new AbortController();
    this.#tlsFiles = tlsFiles;
    this.#tls = tls;
    void this.#watchTls(config);
  }

  #startOf(
    config: RunConfig,
    programs: Programs,
    tls: TlsFiles,
    secretNames: readonly string[],
  ): AgentStart {
    const { environment } = this.#options;
    return {
      config,
      instanceId: this.#instanceId,
      executables: programs.executables,
      childEnvironments: Object.fromEntries(
        activeBindings(config).filter((binding) => binding.transport === "stdio")
          .map((binding) => [binding.channel, childEnvironment(binding, environment, secretNames)]),
      ),
      routes: routesOf(config, tls.texts),
      killProgram: programs.killProgram,
    };
  }

  /** What it learns lasts as long as this configuration. */
  #learningFor(config: RunConfig, programs: Programs): OriginLearning {
    const learning: OriginLearning = new OriginLearning({
      config,
      programs: programPaths(programs),
      widen: (wider) => this.#widen(wider, () => this.#learning === learning),
      mayGrant: this.#mayGrant,
      countRefusal: () => this.#own.count("sandbox_refusals_total", { kind: "origin" }),
      log: this.log,
    });
    return learning;
  }

  /** Not while a configuration is being put in force, after which these rights may be the wrong ones. */
  async #widen(permissions: PermissionSet, isStillWanted: () => boolean): Promise<void> {
    await this.#reloader.inTurn(async () => {
      if (!isStillWanted()) return;
      try {
        await this.#agents.widen(permissions);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        this.log.error("agent could not be given more rights", {
          component: "sandbox",
          error: error.message,
        });
      }
    });
  }

  /** Which roots are trusted, and what is doubtful about certificates (TL-7); single roots are told by `/api/system`. */
  #tellTrust(): void {
    const { trust: { system_trust, extra_bundle }, warnings } = this.#tls;
    const { certificates: _listed, ...bundle } = extra_bundle ?? {};
    // Hundreds of paths on most machines.
    const { source_paths: paths, ...system } = system_trust;
    this.log.info("TLS trust summary", {
      component: "tls",
      system_trust: Array.isArray(paths) ? { ...system, source_count: paths.length } : system,
      extra_bundle: extra_bundle && bundle,
    });
    for (const warning of warnings) this.log.warn("certificate to look after", { component: "tls", warning });
  }

  /** Hands certificates, keys and roots on whenever their files change. */
  async #watchTls(config: RunConfig): Promise<void> {
    await this.#tlsFiles.watch(this.#tls, {
      changed: (files) => {
        this.#tls = files;
        this.#agents.renewTls(routesOf(config, files.texts));
        this.log.info("certificate files have changed; new connections use them", { component: "tls" });
        this.#tellTrust();
      },
      failed: ({ message }) =>
        this.log.error(
          "certificate files have changed and cannot be used; what was read before stays in use",
          {
            component: "tls",
            error: message,
          },
        ),
    }, this.#watching.signal);
  }

  get healthUrl(): string {
    return this.#listener?.url ?? "";
  }

  async status(): Promise<AgentStatus | undefined> {
    await this.#exposition.refresh();
    return this.#currentStatus();
  }

  drain(): Promise<ServiceEnd> {
    return this.#ended ??= this.#end(
      // What is being put in force just now comes up first, and is then stopped like everything else.
      this.#reloader.idle().then(() => this.#agents.drain(this.config.drainTimeoutMs)),
    );
  }

  async stopNow(): Promise<ServiceEnd> {
    const stopped = this.#agents.stopNow();
    return await (this.#ended ??= this.#end(stopped));
  }

  /** Takes down what a failed start had brought up. */
  async abandon(): Promise<void> {
    this.#watching.abort();
    await this.#agents.close();
    await this.#listener?.stop(0);
    this.#sink.close();
  }

  async #end(summary: Promise<AgentSummary>): Promise<ServiceEnd> {
    let error = "";
    this.#watching.abort();
    const done = await summary;
    await this.#agents.close();
    try {
      await this.#listener?.stop();
    } catch (failure) {
      if (!(failure instanceof AggregateError)) throw failure;
      error = failure.errors.map(String).join("; ");
    }
    this.log.info("tunnel-client stopped", { received: done.received, ...done.outcomes });
    this.#sink.close();
    return { summary: done, error };
  }

  #currentStatus(): AgentStatus | undefined {
    const { status } = this.#agents;
    return status && { ...status, configReload: this.#reloader.last };
  }
}

function factsOf(
  config: RunConfig,
  { instanceId, startedAtMs, learning }: {
    readonly instanceId: string;
    readonly startedAtMs: number;
    readonly learning: OriginLearning;
  },
): ProgramFacts {
  const { baseUrl, tunnelId, maxInflight, pollTimeoutMs, pollDeadlineGuardrailMs } = config.controlPlane;
  return {
    version: VERSION,
    clientInstanceId: instanceId,
    startedAtMs,
    controlPlane: {
      baseUrl: new URL(baseUrl).origin,
      tunnelId,
      maxInflight,
      pollTimeoutMs,
      pollDeadlineGuardrailMs,
    },
    sandbox: {
      mode: config.sandbox,
      get permissions() {
        const { permissions: { net, sockets, run }, learned } = learning;
        return [
          ...net.map((peer) => `net ${peer}`),
          ...sockets.map((path) => `socket ${path}`),
          ...run.map((path) => `run ${path}`),
          ...learned.map((origin) => `learned ${origin}`),
        ];
      },
    },
  };
}

/** 16 random bytes in hex (P-17). */
function newInstanceId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
