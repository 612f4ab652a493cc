/**
 * One running agent with everything an operator sees of it: log, listener, metrics and files on this thread, the agent
 * in its own, inside rights derived from its configuration.
 */
import type { AgentSummary } from "../agent/mod.ts";
import { type RunConfig, secretValuesOf } from "../config/mod.ts";
import {
  agedStatus,
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
  startOperatorListener,
} from "../ops/mod.ts";
import { VERSION } from "../version.ts";
import { AgentThread } from "./agent_thread.ts";
import { childEnvironment } from "./child_environment.ts";
import type { AgentStart } from "./messages.ts";
import type { Programs } from "./find_programs.ts";
import { activeBindings, type PermissionSet } from "./permissions.ts";
import { routesOf } from "./routes.ts";
import type { SpawnedAgent } from "./spawn_agent.ts";
import type { TlsFileReader, TlsFiles } from "./tls_files.ts";

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
  readonly permissions: PermissionSet;
  readonly crashed: Promise<string>;
  readonly #options: ServiceOptions;
  readonly #own = createMetricStore();
  readonly #sink;
  readonly #exposition;
  readonly #timeline = createTimelineRing(TIMELINE_ENTRIES);
  readonly #redactor = createRedactor();
  readonly #thread: AgentThread;
  readonly #crash = Promise.withResolvers<string>();
  #listener: OperatorListener | undefined;
  #status: AgentStatus | undefined;
  #statusAt = 0;
  #ended: Promise<ServiceEnd> | undefined;
  readonly #tlsFiles: TlsFileReader;
  #tls: TlsFiles;
  readonly #watching = new AbortController();

  constructor(options: ServiceOptions, { programs, permissions, agent, tls }: ServiceParts) {
    const instanceId = newInstanceId();
    const { config, environment, secretNames, streams } = options;
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
        await this.#thread.ask(ASK_LIMIT_MS);
      },
      redactor: this.#redactor,
      log: this.log,
    });
    this.permissions = permissions;
    this.#tlsFiles = tls.files;
    this.#tls = tls.first;
    const start: AgentStart = {
      config,
      instanceId,
      executables: programs.executables,
      childEnvironments: Object.fromEntries(
        activeBindings(config).filter((binding) => binding.transport === "stdio")
          .map((binding) => [binding.channel, childEnvironment(binding, environment, secretNames)]),
      ),
      routes: routesOf(config, tls.first.texts),
      killProgram: programs.killProgram,
    };
    this.#thread = this.#createThread(start, agent);
    this.#facts = factsOf(config, instanceId, this.permissions);
  }

  readonly #facts;

  async start(): Promise<void> {
    const { config, secretNames } = this.#options;
    const { health, sandbox } = config;
    if (sandbox === "off") {
      this.log.warn(
        "sandbox is off: the agent runs with all rights of this process; use it for debugging only",
      );
    }
    if (health.listenAddr !== "" || health.unixSocket !== "") {
      this.#listener = await startOperatorListener({ ...health, pidFile: config.pidFile }, {
        facts: this.#facts,
        agentStatus: () => this.#currentStatus(),
        trust: () => this.#tls.trust,
        metrics: this.#exposition,
        timeline: this.#timeline,
        redactor: this.#redactor,
      }, this.log);
    }
    for (const name of secretNames) Deno.env.delete(name);
    this.#tellTrust();
    await this.#thread.start();
    this.log.info("agent permissions", { component: "sandbox", mode: sandbox, ...this.permissions });
    // After the agent, which polls meanwhile, and before the right to fetch a package that is not there yet is given up.
    await this.#listener?.load();
    for (const name of PROXY_VARIABLES) Deno.env.delete(name);
    if (this.#options.confineMain) await this.#thread.confineMain();
    void this.#watchTls();
  }

  /** Which roots are trusted, and what is doubtful about certificates (TL-7); single roots are told by `/api/system`. */
  #tellTrust(): void {
    const { trust: { system_trust, extra_bundle }, warnings } = this.#tls;
    const { certificates: _listed, ...bundle } = extra_bundle ?? {};
    this.log.info("TLS trust summary", {
      component: "tls",
      system_trust,
      extra_bundle: extra_bundle && bundle,
    });
    for (const warning of warnings) this.log.warn("certificate to look after", { component: "tls", warning });
  }

  /** Hands certificates, keys and roots on whenever their files change. */
  async #watchTls(): Promise<void> {
    const { config } = this.#options;
    await this.#tlsFiles.watch(this.#tls, {
      changed: (files) => {
        this.#tls = files;
        this.#thread.renewTls(routesOf(config, files.texts));
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
    return this.#ended ??= this.#end(this.#thread.drain(this.#options.config.drainTimeoutMs));
  }

  async stopNow(): Promise<ServiceEnd> {
    const stopped = this.#thread.stopNow();
    return await (this.#ended ??= this.#end(stopped));
  }

  /** Takes down what a failed start had brought up. */
  async abandon(): Promise<void> {
    this.#watching.abort();
    await this.#thread.close();
    await this.#listener?.stop(0);
    this.#sink.close();
  }

  async #end(summary: Promise<AgentSummary>): Promise<ServiceEnd> {
    let error = "";
    this.#watching.abort();
    const done = await summary;
    await this.#thread.close();
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

  #createThread(start: AgentStart, agent: SpawnedAgent): AgentThread {
    return new AgentThread({
      agent,
      start,
      permissions: this.permissions,
      sandbox: this.#options.config.sandbox,
      log: this.log,
      hooks: {
        onRecords: (records) => this.#sink.write(records),
        onEntries: (entries) => entries.forEach((entry) => this.#timeline.add(entry)),
        onStatus: (status) => {
          this.#status = status;
          this.#statusAt = performance.now();
        },
        onMetrics: (snapshot) => this.#exposition.update(snapshot),
        onReplaced: (lost, unseen) => {
          this.#exposition.agentReplaced();
          this.#own.count("commands_received_total", undefined, unseen.received);
          for (const [outcome, count] of Object.entries(unseen.outcomes)) {
            if (count > 0) this.#own.count("commands_outcome_total", { outcome }, count);
          }
          if (lost > 0) this.#own.count("commands_outcome_total", { outcome: "undeliverable" }, lost);
        },
        onCrashed: (error) => this.#crash.resolve(error),
      },
    });
  }

  /** What the agent said last, made older by the time since, and whether it still answers. */
  #currentStatus(): AgentStatus | undefined {
    if (!this.#status) return undefined;
    const aged = agedStatus(this.#status, performance.now() - this.#statusAt);
    return this.#thread.responsive ? aged : { ...aged, agentAlive: false };
  }
}

function factsOf(config: RunConfig, instanceId: string, permissions: PermissionSet) {
  const { baseUrl, tunnelId, maxInflight, pollTimeoutMs, pollDeadlineGuardrailMs } = config.controlPlane;
  return {
    version: VERSION,
    clientInstanceId: instanceId,
    startedAtMs: Date.now(),
    controlPlane: {
      baseUrl: new URL(baseUrl).origin,
      tunnelId,
      maxInflight,
      pollTimeoutMs,
      pollDeadlineGuardrailMs,
    },
    sandbox: {
      mode: config.sandbox,
      permissions: [
        ...permissions.net.map((peer) => `net ${peer}`),
        ...permissions.run.map((path) => `run ${path}`),
      ],
    },
  };
}

/** 16 random bytes in hex (P-17). */
function newInstanceId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
