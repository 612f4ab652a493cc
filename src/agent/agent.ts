/** The agent: poller, queue, dispatcher, channels and responder put together, with one life cycle. */
import type { Channel } from "../channels/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import type { HttpClient } from "../net/mod.ts";
import type { Log, Metrics, Timeline } from "../ops/mod.ts";
import type { DiscoveryResult } from "./command_run.ts";
import { ControlPlane } from "./control_plane.ts";
import { ControlPlaneStatusError } from "./control_plane_error.ts";
import type { TunnelMetadata } from "./tunnel_metadata.ts";
import { Deadlines } from "./deadlines.ts";
import { Dispatcher, type OutcomeCounts } from "./dispatcher.ts";
import { describeError } from "./error_text.ts";
import type { PollState } from "./poll_state.ts";
import { Poller } from "./poller.ts";
import { CommandQueue } from "./queue.ts";
import { Responder, UNDATED_LIMIT_MS } from "./responder.ts";
import { SeenCommands } from "./seen_commands.ts";
import { serverInfoValue } from "./server_info.ts";
import { isTraceHeader } from "./trace_context.ts";
import { FEATURE_SERVER_REQUESTS, FEATURE_STREAM_CUT } from "./wire.ts";

/** How long answers may still be posted once the drain limit has been reached. */
const LAST_ANSWERS_MS = 5_000;
/** How long a channel may take to end what was aborted, before it is given up. */
const ABORTED_GRACE_MS = 2_000;
/** How long a stdio child may take to end by itself after its stdin was closed. */
const CHILD_GRACE_MS = 2_000;

export interface AgentDeps {
  /** Client for the control plane. */
  readonly client: HttpClient;
  /** Every bound channel, in configuration order. */
  readonly channels: readonly Channel[];
  /** Metadata discovery of the main target; undefined where that is not HTTP. */
  readonly discover: ((signal: AbortSignal, dated: boolean) => Promise<DiscoveryResult>) | undefined;
  /** The first poll waits for it (P-146); it must settle without error. */
  readonly startGate: Promise<void> | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly timeline: Timeline;
  /** 32 hex digits, one per process start (P-17). */
  readonly instanceId: string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called for every poll that the control plane refuses with 401. */
  readonly onKeyRefused?: () => void;
}

/** What an agent is to work with from now on. */
export interface AgentChanges {
  readonly config: RunConfig;
  /** Every bound channel; one that is among those of before goes on undisturbed. */
  readonly channels: readonly Channel[];
  readonly discover: AgentDeps["discover"];
}

/** What an agent has done, in numbers that add up: `received` is the sum over `outcomes`. */
export interface AgentSummary {
  readonly received: number;
  readonly outcomes: OutcomeCounts;
}

export class Agent {
  #config: RunConfig;
  readonly #deps: AgentDeps;
  /** Those that the allowlist leaves; the others are neither started nor routed (P-83, CH-9). */
  #channels: readonly Channel[];
  #serverInfo: string;
  #retiring: Promise<unknown> = Promise.resolve();
  readonly #deadlines = new Deadlines();
  readonly #queue: CommandQueue;
  readonly #controlPlane: ControlPlane;
  readonly #dispatcher: Dispatcher;
  readonly #poller: Poller;
  readonly #background = new AbortController();
  readonly #lastLimit = new AbortController();
  readonly #seen = new SeenCommands();
  #received = 0;
  #metadata: TunnelMetadata | undefined;
  #metadataAt: number | undefined;
  #draining = false;
  #atOnce = false;
  #starting: Promise<unknown> = Promise.resolve();
  #metadataFetch: Promise<void> = Promise.resolve();
  #summary: Promise<AgentSummary> | undefined;

  /** @throws {Error} when the server-info header cannot be built for these channels (P-26), or the key is malformed */
  constructor(config: RunConfig, deps: AgentDeps) {
    this.#config = config;
    this.#deps = deps;
    const { controlPlane, mcp } = config;
    const { log, metrics, random } = deps;
    const { pollChannels } = controlPlane;
    this.#channels = servedChannels(deps.channels, pollChannels);
    this.#serverInfo = serverInfoValue(this.#channels, pollChannels);
    const controlPlaneLog = log.with({ component: "controlplane" });
    const dispatcherLog = log.with({ component: "dispatcher" });
    this.#queue = new CommandQueue(Math.max(1, controlPlane.maxInflight));
    this.#controlPlane = new ControlPlane(controlPlane, {
      client: deps.client,
      deadlines: this.#deadlines,
      log: controlPlaneLog,
      metrics,
      instanceId: deps.instanceId,
      serverInfo: () => this.#serverInfo,
      onKeyRefused: deps.onKeyRefused,
    });
    this.#dispatcher = new Dispatcher({
      queue: this.#queue,
      channels: new Map(this.#channels.map((channel) => [channel.name, channel])),
      workers: mcp.maxConcurrentRequests,
      discover: deps.discover,
      carriesServerRequests: () => this.#controlPlane.hasFeature(FEATURE_SERVER_REQUESTS),
      followsStreams: () => this.#controlPlane.hasFeature(FEATURE_STREAM_CUT),
      responder: this.#responder(config),
      deadlines: this.#deadlines,
      tunnelId: controlPlane.tunnelId,
      connectionMaxTtlMs: mcp.connectionMaxTtlMs,
      forwardTraceContext: forwardsTraceContext(mcp),
      log: dispatcherLog,
      metrics,
      timeline: deps.timeline,
      lastLimit: this.#lastLimit.signal,
      onEnded: (command) => this.#seen.ended(command),
    });
    this.#poller = new Poller(pollerOptions(config), {
      controlPlane: this.#controlPlane,
      queue: this.#queue,
      log: controlPlaneLog,
      receipts: log,
      metrics,
      random,
      onQueued: () => this.#dispatcher.pump(),
      onCancelled: (requestId) => this.#dispatcher.cancel(requestId),
      onKeyRefused: () => deps.onKeyRefused?.(),
      admit: (command) => {
        if (!this.#seen.admit(command)) return false;
        this.#received++;
        metrics.count("commands_received_total");
        return true;
      },
    });
    this.#registerGauges();
  }

  get pollState(): Readonly<PollState> {
    return this.#poller.state;
  }

  get metadata(): TunnelMetadata | undefined {
    return this.#metadata;
  }

  /** Settles when the metadata call of the start has ended, whatever came of it. */
  get metadataFetched(): Promise<void> {
    return this.#metadataFetch;
  }

  /** Instant of the monotonic clock at which the metadata arrived. */
  get metadataAt(): number | undefined {
    return this.#metadataAt;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get channels(): readonly Channel[] {
    return this.#channels;
  }

  /** The numbers so far; while commands run, `received` is ahead of the sum of outcomes by their number. */
  get summary(): AgentSummary {
    return { received: this.#received, outcomes: { ...this.#dispatcher.outcomes } };
  }

  /**
   * Brings the channels up, then starts to poll, unless a stop came first.
   * @throws whatever made a channel unable to start (ST-4); channels that had started are stopped again
   */
  async start(): Promise<void> {
    const { log } = this.#deps;
    const channels = this.#channels;
    const starting = Promise.allSettled(channels.map(async (channel) => await channel.start()));
    this.#starting = starting;
    const failed = (await starting).find((result) => result.status === "rejected");
    if (failed || this.#draining) await this.#stopChannels(channels, 0);
    if (failed) throw failed.reason;
    if (this.#draining) return;
    const { tunnelId, pollTimeoutMs, pollDeadlineGuardrailMs } = this.#config.controlPlane;
    log.info("control-plane client ready", {
      component: "controlplane",
      control_plane: this.#controlPlane.origin,
      tunnel_id: tunnelId,
      poll_timeout_ms: pollTimeoutMs,
      poll_deadline_guardrail_ms: pollDeadlineGuardrailMs,
      poll_deadline_ms: this.#controlPlane.limitMs,
    });
    log.info("channels registered", {
      component: "dispatcher",
      channels: channels.map(({ name, transport }) => ({ name, transport })),
    });
    this.#metadataFetch = this.#fetchMetadata();
    void this.#startPolling();
  }

  /**
   * Puts another configuration in force. Commands that have started end as they were started, on the channel that they
   * were given to; a channel that is bound no more is stopped when its last one has ended, or has been answered with a
   * failure at the drain limit. Control plane, tunnel and the way to them stay.
   * @throws whatever kept a new channel from starting, or made the configuration unusable; then nothing has changed
   */
  async reconfigure({ config, channels: all, discover }: AgentChanges): Promise<void> {
    if (this.#draining) throw new Error("a stop was requested");
    const { controlPlane, mcp } = config;
    const channels = servedChannels(all, controlPlane.pollChannels);
    const serverInfo = serverInfoValue(channels, controlPlane.pollChannels);
    const before = this.#channels;
    const added = channels.filter((channel) => !before.includes(channel));
    const results = await Promise.allSettled(added.map(async (channel) => await channel.start()));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined || this.#draining) {
      await this.#stopChannels(added, 0);
      throw failed?.reason ?? new Error("a stop was requested");
    }
    this.#controlPlane.reconfigure(controlPlane);
    this.#config = config;
    this.#channels = channels;
    this.#serverInfo = serverInfo;
    this.#queue.resize(Math.max(1, controlPlane.maxInflight));
    this.#dispatcher.reconfigure({
      channels: new Map(channels.map((channel) => [channel.name, channel])),
      workers: mcp.maxConcurrentRequests,
      connectionMaxTtlMs: mcp.connectionMaxTtlMs,
      forwardTraceContext: forwardsTraceContext(mcp),
      discover,
      responder: this.#responder(config),
    });
    const retired = new Set(before.filter((channel) => !channels.includes(channel)));
    if (retired.size > 0) {
      this.#retiring = Promise.allSettled([this.#retiring, this.#retire(retired, config.drainTimeoutMs)]);
    }
    void this.#poller.reconfigure(pollerOptions(config));
  }

  /** Stops channels as soon as nothing runs on them. */
  async #retire(channels: ReadonlySet<Channel>, limitMs: number): Promise<void> {
    const over = new AbortController();
    const limit = this.#deadlines.set(performance.now() + limitMs, () => over.abort());
    await this.#dispatcher.retire(channels, over.signal);
    this.#deadlines.lift(limit);
    await this.#stopChannels([...channels], this.#atOnce ? 0 : CHILD_GRACE_MS);
    this.#deps.log.info("channels retired", {
      component: "dispatcher",
      channels: [...channels].map(({ name, transport }) => ({ name, transport })),
    });
  }

  #responder({ controlPlane }: RunConfig): Responder {
    const { log, metrics, random } = this.#deps;
    return new Responder({
      controlPlane: this.#controlPlane,
      deadlines: this.#deadlines,
      backoff: backoffOf(controlPlane),
      undatedLimitMs: UNDATED_LIMIT_MS,
      log: log.with({ component: "dispatcher" }),
      metrics,
      random,
    });
  }

  /**
   * Stops without losing anything: no new work is asked for, what is here is finished and answered.
   * @param limitMs what still runs after this long is answered with a failure
   */
  drain(limitMs: number): Promise<AgentSummary> {
    return this.#summary ??= this.#drain(limitMs);
  }

  /** Stops at once: what runs is given up, and counted. */
  async stopNow(): Promise<AgentSummary> {
    this.#atOnce = true;
    const stopped = this.#summary ??= this.#drain(0);
    // In this order, so that a command whose answer is given up makes no room for one that would only be started.
    this.#dispatcher.abortAll();
    this.#lastLimit.abort(new Error("stopped at once"));
    await this.#poller.stopNow();
    return await stopped;
  }

  async #startPolling(): Promise<void> {
    if (this.#deps.startGate) {
      this.#deps.log.info("waiting for the MCP startup probe before the first poll", {
        component: "controlplane",
        timeout: `${this.#config.mcp.startupWaitTimeoutMs}ms`,
      });
      await this.#deps.startGate;
    }
    if (!this.#draining) this.#poller.start();
  }

  async #drain(limitMs: number): Promise<AgentSummary> {
    this.#draining = true;
    const { log } = this.#deps;
    log.info("draining", {
      running: this.#dispatcher.running,
      queued: this.#queue.length,
      limit_ms: limitMs,
    });
    const finished = this.#starting.then(() => this.#poller.drain()).then(() => this.#dispatcher.drained());
    if (!await this.#within(finished, limitMs)) await this.#drainLimitReached(limitMs);
    this.#background.abort(new Error("agent stopped"));
    await this.#metadataFetch;
    await this.#stopChannels(this.#channels, this.#atOnce ? 0 : CHILD_GRACE_MS);
    await this.#within(this.#dispatcher.idle(), ABORTED_GRACE_MS);
    this.#dispatcher.abandon();
    await this.#retiring;
    this.#controlPlane.close();
    this.#deps.client.close();
    const { received, outcomes } = this.summary;
    log.info("agent stopped", { received, ...outcomes });
    return { received, outcomes };
  }

  async #drainLimitReached(limitMs: number): Promise<void> {
    const { log } = this.#deps;
    const left = { running: this.#dispatcher.running, queued: this.#queue.length, limit_ms: limitMs };
    if (left.running + left.queued > 0) {
      log.warn("drain limit reached; answering what still runs with a failure", left);
    } else {
      log.info("drain limit reached; giving up the open poll", left);
    }
    this.#dispatcher.abortAll();
    await this.#poller.stopNow();
    if (await this.#within(this.#dispatcher.idle(), this.#atOnce ? 0 : LAST_ANSWERS_MS)) return;
    this.#lastLimit.abort(new Error("the stop's last limit was reached"));
    await this.#within(this.#dispatcher.idle(), ABORTED_GRACE_MS);
  }

  /** True when the work ended before the limit, false when the limit came first. */
  async #within(work: Promise<unknown>, limitMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<false>();
    const limit = this.#deadlines.set(performance.now() + limitMs, () => resolve(false));
    try {
      return await Promise.race([work.then(() => true), promise]);
    } finally {
      this.#deadlines.lift(limit);
    }
  }

  async #stopChannels(channels: readonly Channel[], graceMs: number): Promise<void> {
    const results = await Promise.allSettled(channels.map((channel) => channel.stop(graceMs)));
    for (const result of results) {
      if (result.status === "rejected") {
        this.#deps.log.error("channel could not be stopped", { error: describeError(result.reason) });
      }
    }
  }

  async #fetchMetadata(): Promise<void> {
    const log = this.#deps.log.with({ component: "controlplane" });
    try {
      this.#metadata = await this.#controlPlane.metadata(this.#background.signal);
      this.#metadataAt = performance.now();
      const { name, description } = this.#metadata;
      log.info("tunnel metadata fetched", {
        tunnel_id: this.#config.controlPlane.tunnelId,
        name,
        description,
      });
    } catch (error) {
      if (this.#background.signal.aborted) return;
      const refused = error instanceof ControlPlaneStatusError ? error : undefined;
      log.warn("tunnel metadata fetch failed", {
        error: describeError(error, this.#controlPlane.origin),
        status_code: refused?.status,
        error_code: refused?.detail.code || undefined,
        error_message: refused?.detail.message || undefined,
        mitigation: refused?.mitigation,
      });
    }
  }

  #registerGauges(): void {
    const { metrics } = this.#deps;
    metrics.gauge("commands_queue_capacity", () => this.#queue.capacity);
    metrics.gauge("commands_queue_length", () => this.#queue.length);
    metrics.gauge("commands_in_flight", () => this.#received - this.#dispatcher.ended);
    metrics.gauge("dispatcher_worker_pool_capacity", () => this.#config.mcp.maxConcurrentRequests);
    metrics.gauge("dispatcher_worker_pool_occupancy", () => this.#dispatcher.busyWorkers);
    metrics.gauge(
      "commands_poll_last_successful_timestamp_seconds",
      () => this.#poller.state.lastSuccessUnixSeconds,
    );
    metrics.gauge("control_plane_consecutive_poll_failures", () => this.#poller.state.consecutiveFailures);
  }
}

/** Those that the allowlist leaves (P-83, CH-9). */
function servedChannels(
  channels: readonly Channel[],
  pollChannels: readonly string[] | undefined,
): readonly Channel[] {
  return channels.filter(({ name }) => pollChannels === undefined || pollChannels.includes(name));
}

/** Whoever sets these headers for every request traces by himself. */
function forwardsTraceContext({ forwardTraceContext, extraHeaders }: RunConfig["mcp"]): boolean {
  return forwardTraceContext && !extraHeaders.some(([name]) => isTraceHeader(name));
}

function backoffOf({ backoffMinMs, backoffMaxMs }: RunConfig["controlPlane"]) {
  return { minMs: backoffMinMs, maxMs: backoffMaxMs };
}

function pollerOptions({ controlPlane }: RunConfig) {
  const { pollTimeoutMs: waitMs, initialPollTimeoutMs: initialWaitMs } = controlPlane;
  return { waitMs, initialWaitMs, backoff: backoffOf(controlPlane) };
}
