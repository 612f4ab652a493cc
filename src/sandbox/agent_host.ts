/**
 * The agent thread's side of the port: builds the agent from what main sends, and reports what happens. It runs in a
 * Worker, or in main's own thread when the sandbox is off.
 */
import { Agent, type AgentDeps, type AgentSummary } from "../agent/mod.ts";
import {
  type Channel,
  createHttpChannel,
  createStdioChannel,
  type HttpChannel,
  type ProcessGroupEvent,
  runStartupProbe,
  type StartupProbe,
  type StdioChannel,
} from "../channels/mod.ts";
import type { Binding, StdioBinding } from "../config/mod.ts";
import { DIRECT_ROUTE, type HttpClient, originOf } from "../net/mod.ts";
import { discoverProtectedResource, type JudgeOrigin } from "../oauth/mod.ts";
import {
  type AgentStatus,
  createBatchLog,
  createBatchTimeline,
  createMetricStore,
  type Log,
  type ProbeStatus,
  proxyIdentities,
} from "../ops/agent_side.ts";
import { VERSION } from "../version.ts";
import { childWords } from "./child_words.ts";
import type { AgentStart, FromAgent, Handshakes, ToAgent } from "./messages.ts";
import { activeBindings } from "./permissions.ts";
import { ProxyHealth } from "./proxy_health.ts";
import { withRawLog } from "./raw_http_log.ts";
import type { Refusal } from "./refusals.ts";
import { RouteClients } from "./route_clients.ts";
import { namedRoutes, routeFields } from "./route_list.ts";
import type { Routes } from "./routes.ts";
import { SharedCounts } from "./shared_counts.ts";

/**
 * Takes over a port: everything that arrives there is a {@link ToAgent}.
 * @returns what counts and logs an operation that was refused to this thread
 */
export function hostAgent(port: MessagePort): (refusal: Refusal) => void {
  const host = new AgentHost((message) => port.postMessage(message));
  port.onmessage = (event: MessageEvent<ToAgent>) => host.hear(event.data);
  return (refusal) => host.noteRefusal(refusal);
}

/** How long the started record waits for the tunnel's name. */
const METADATA_WAIT_MS = 2_000;
/** Different resources whose refusal is logged; all are counted. */
const LOGGED_REFUSALS = 100;
const NOT_FETCHED = "(tunnel metadata has not been fetched)";

/** A probe's states in the words of readiness. */
const PROBE_STATE = {
  "pending": "pending",
  "ok": "ok",
  "auth-required": "auth_required",
  "timeout": "timed_out",
  "startup-wait-timeout": "wait_failed",
  "failed": "failed",
} as const satisfies Record<ReturnType<StartupProbe["result"]>["state"], ProbeStatus["state"]>;

class AgentHost {
  readonly #metrics = createMetricStore();
  readonly #batchLog;
  readonly #batchTimeline;
  #probing = new AbortController();
  readonly #groups = new Set<number>();
  readonly #refused = new Set<string>();
  /** Questions to main that have not been answered yet. */
  readonly #judging = new Map<number, (refusal: string | undefined) => void>();
  #nextQuestion = 1;
  readonly #targets = new Map<string, string>();
  #checking = new AbortController();
  #clients: RouteClients | undefined;
  /** What is in force: the configuration, and its channels by name, each with what it was made from. */
  #start: AgentStart | undefined;
  #bound: ReadonlyMap<string, BoundChannel> = new Map();
  #proxies: ProxyHealth | undefined;
  #agent: Agent | undefined;
  #probe: StartupProbe | undefined;
  #pollWaitMs = 0;

  constructor(private readonly tell: (message: FromAgent) => void) {
    this.#batchLog = createBatchLog({
      level: "info",
      metrics: this.#metrics,
      flush: (records) => tell({ type: "report", records, entries: [], status: this.#status() }),
    });
    this.#batchTimeline = createBatchTimeline((entries) =>
      tell({ type: "report", records: [], entries, status: undefined })
    );
  }

  hear(message: ToAgent): void {
    if (message.type === "ask_handshakes") {
      this.tell({ type: "handshakes", number: message.number, handshakes: this.#handshakes() });
    } else if (message.type === "start") void this.#begin(message.start, new SharedCounts(message.counts));
    else if (message.type === "ask") this.#answer(message.number);
    else if (message.type === "log_level") this.#batchLog.setLevel(message.level);
    else if (message.type === "renew_tls") this.#renewTls(message.routes);
    else if (message.type === "origin_judged") this.#judging.get(message.number)?.(message.refusal);
    else if (message.type === "reconfigure") void this.#reconfigure(message.number, message.start);
    else if (message.type === "drain") void this.#stop((agent) => agent.drain(message.limitMs));
    else void this.#stop((agent) => agent.stopNow());
  }

  /** Every one is counted; each resource is logged once. */
  noteRefusal({ kind, resource }: Refusal): void {
    this.#metrics.count("sandbox_refusals_total", { kind });
    const key = `${kind} ${resource}`;
    if (this.#refused.has(key) || this.#refused.size >= LOGGED_REFUSALS) return;
    this.#refused.add(key);
    this.#batchLog.log.warn("refused by the sandbox", { component: "sandbox", kind, resource });
  }

  async #begin(start: AgentStart, counts: SharedCounts): Promise<void> {
    this.#batchLog.setLevel(start.config.log.level);
    try {
      this.#agent = this.#build(start, counts);
      await this.#agent.start();
      this.#batchLog.flush();
      this.tell({ type: "started" });
      void this.#proxies?.run(this.#checking.signal);
      await this.#announce(this.#agent, start);
    } catch (error) {
      this.#probing.abort(error);
      this.#batchLog.flush();
      this.tell({ type: "start_failed", error: error instanceof Error ? error.message : String(error) });
    }
  }

  /** The record that scripts wait for; it gives the metadata a moment to arrive. */
  async #announce(agent: Agent, { config }: AgentStart): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, METADATA_WAIT_MS);
    await Promise.race([agent.metadataFetched, late]);
    clearTimeout(timer);
    const { baseUrl, tunnelId } = config.controlPlane;
    this.#batchLog.log.info("🟢 tunnel-client started", {
      tunnel_url: `${originOf(baseUrl)}/v1/tunnel/${tunnelId}`,
      name: agent.metadata?.name ?? NOT_FETCHED,
      description: agent.metadata?.description ?? NOT_FETCHED,
      version: VERSION,
    });
  }

  #build(start: AgentStart, counts: SharedCounts): Agent {
    const { config } = start;
    const { log } = this.#batchLog;
    const clients = this.#clients = new RouteClients(start.routes);
    this.#watchProxies(start);
    this.#adopt(start, this.#bind(start, clients));
    const main = this.#main;
    const probe = this.#probeMain(config.mcp.startupWaitTimeoutMs);
    return new Agent(config, {
      client: this.#shown(clients.controlPlane, start, "controlplane"),
      channels: this.#channels,
      discover: main && discovery(main, this.#judgeOrigin, log.with({ component: "dispatcher" })),
      startGate: main && config.mcp.startupWaitTimeoutMs > 0 ? probe.settled : undefined,
      log,
      metrics: counts.beside(this.#metrics),
      timeline: this.#batchTimeline.timeline,
      instanceId: start.instanceId,
      random: Math.random,
      onKeyRefused: () => this.tell({ type: "key_refused" }),
    });
  }

  #handshakes(): Handshakes {
    const made = [...this.#bound].flatMap(([name, { stdio }]) => {
      const texts = stdio?.handshake();
      return texts === undefined ? [] : [[name, texts] as const];
    });
    return Object.fromEntries(made);
  }

  /** Channels of a configuration: those that are bound as they were are taken over, the others are made. */
  #bind(start: AgentStart, clients: RouteClients): Map<string, BoundChannel> {
    const bound = new Map<string, BoundChannel>();
    for (const binding of activeBindings(start.config)) {
      const name = binding.channel;
      const madeFrom = JSON.stringify(essenceOf(start, binding));
      const before = this.#bound.get(name);
      if (before?.madeFrom === madeFrom) bound.set(name, before);
      else {
        // What it was made for still uses it.
        if (before !== undefined) clients.forget(name);
        bound.set(name, { madeFrom, ...this.#makeChannel(start, binding, clients) });
      }
    }
    return bound;
  }

  #makeChannel(start: AgentStart, binding: Binding, clients: RouteClients): Omit<BoundChannel, "madeFrom"> {
    const name = binding.channel;
    if (binding.transport === "stdio") {
      const stdio = this.#stdioChannel(start, binding);
      return { channel: stdio, http: undefined, stdio };
    }
    const { extraHeaders, discoveryExtraHeaders } = start.config.mcp;
    const options = { name, url: binding.url, extraHeaders, discoveryExtraHeaders };
    const log = this.#batchLog.log.with({ component: "mcpclient" });
    const channel = createHttpChannel(options, this.#shown(clients.channel(name), start, "mcpclient"), log);
    return { channel, http: channel, stdio: undefined };
  }

  /** A client whose exchanges are dumped, where that is asked for (CFG-95). */
  #shown(client: HttpClient, { config }: AgentStart, component: string): HttpClient {
    return config.log.httpRawUnsafe ? withRawLog(client, this.#batchLog.log.with({ component })) : client;
  }

  get #channels(): Channel[] {
    return [...this.#bound.values()].map(({ channel }) => channel);
  }

  get #main(): HttpChannel | undefined {
    return this.#bound.get("main")?.http;
  }

  #adopt(start: AgentStart, bound: ReadonlyMap<string, BoundChannel>): void {
    this.#start = start;
    this.#bound = bound;
    this.#pollWaitMs = start.config.controlPlane.pollTimeoutMs;
    this.#targets.clear();
    for (const binding of activeBindings(start.config)) {
      const target = binding.transport === "stdio"
        ? start.executables[binding.channel] ?? ""
        : originOf(binding.url);
      this.#targets.set(binding.channel, target);
    }
  }

  #probeMain(startupWaitTimeoutMs: number): StartupProbe {
    const log = this.#batchLog.log.with({ component: "mcpclient" });
    const options = { target: this.#main?.target, startupWaitTimeoutMs };
    return this.#probe = runStartupProbe(options, log, this.#probing.signal);
  }

  /** One at a time; main waits for the answer before it sends the next. */
  async #reconfigure(number: number, start: AgentStart): Promise<void> {
    let error = "";
    try {
      await this.#putInForce(start);
    } catch (failure) {
      error = failure instanceof Error ? failure.message : String(failure);
    }
    this.#batchLog.flush();
    this.tell({ type: "reconfigured", number, error });
  }

  async #putInForce(start: AgentStart): Promise<void> {
    const [agent, clients, before] = [this.#agent, this.#clients, this.#start];
    if (agent === undefined || clients === undefined || before === undefined) {
      throw new Error("the agent has not started yet");
    }
    const { config } = start;
    const mainBefore = this.#main;
    const nextClients = new RouteClients(start.routes, clients);
    const bound = this.#bind(start, nextClients);
    const main = bound.get("main")?.http;
    const log = this.#batchLog.log;
    await agent.reconfigure({
      config,
      channels: [...bound.values()].map(({ channel }) => channel),
      discover: main && discovery(main, this.#judgeOrigin, log.with({ component: "dispatcher" })),
    });
    this.#batchLog.setLevel(config.log.level);
    this.#clients = nextClients;
    nextClients.renew(start.routes);
    this.#adopt(start, bound);
    if (main !== mainBefore) {
      this.#probing.abort(new Error("the binding of main has changed"));
      this.#probing = new AbortController();
      this.#probeMain(0);
    }
    const waysOf = (each: AgentStart) =>
      JSON.stringify([each.config.proxyCheckIntervalMs, namedRoutes(each.config, each.routes)]);
    if (waysOf(before) !== waysOf(start)) {
      this.#checking.abort();
      this.#checking = new AbortController();
      this.#watchProxies(start);
      void this.#proxies?.run(this.#checking.signal);
    }
  }

  /** Says of every route which way it goes, and prepares to look after the proxies among them (PX-12, PX-13). */
  #watchProxies({ config, routes }: AgentStart): void {
    const { log } = this.#batchLog;
    const named = namedRoutes(config, routes);
    for (const route of named) {
      const isControlPlane = route.summary.kind === "control_plane";
      const event = isControlPlane ? "control-plane route resolved" : "MCP route resolved";
      log.info(event, { component: isControlPlane ? "controlplane" : "mcpclient", ...routeFields(route) });
    }
    const everyMs = config.proxyCheckIntervalMs;
    const proxyLog = log.with({ component: "proxyhealth" });
    this.#proxies = new ProxyHealth(named, routes.controlPlane.tls.caPem, {
      everyMs,
      log: proxyLog,
      metrics: this.#metrics,
    });
    const records = proxyIdentities(this.#proxies.routes).map((proxy) => ({ ...proxy }));
    if (records.length > 0) proxyLog.info("proxy identity map", { records, check_interval_ms: everyMs });
  }

  #renewTls(routes: Routes): void {
    this.#clients?.renew(routes);
    this.#proxies?.trust(routes.controlPlane.tls.caPem);
  }

  #stdioChannel(start: AgentStart, binding: StdioBinding): StdioChannel {
    const executable = start.executables[binding.channel];
    if (executable === undefined) throw new Error(`no executable for channel "${binding.channel}"`);
    const before = this.#bound.get(binding.channel)?.stdio;
    const handshake = before === undefined ? start.handshakes?.[binding.channel] : before.handshake();
    return createStdioChannel(
      {
        name: binding.channel,
        argv: childWords(binding, executable),
        command: binding.command,
        env: start.childEnvironments[binding.channel] ?? {},
        concurrency: start.config.mcp.stdioConcurrency,
        sendInitialized: start.config.mcp.stdioSendInitializedNotification,
        killProgram: start.killProgram,
        onProcessGroup: (event) => this.#noteGroup(event),
        ...(handshake === undefined ? {} : { handshake }),
      },
      this.#batchLog.log.with({ component: "mcpclient" }),
      this.#metrics,
    );
  }

  /** Only main may decide, because it holds the rights; what the configuration names needs no question. */
  readonly #judgeOrigin: JudgeOrigin = async (origin) => {
    if (this.#start?.config.mcp.oauthTrustedOrigins.includes(origin)) return undefined;
    const number = this.#nextQuestion++;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#judging.set(number, resolve);
    this.tell({ type: "judge_origin", number, origin });
    try {
      return await promise;
    } finally {
      this.#judging.delete(number);
    }
  };

  /** Main has to know each group, to be able to end it if this thread hangs or crashes. */
  #noteGroup(event: ProcessGroupEvent): void {
    if (event.type === "started") this.#groups.add(event.groupId);
    else this.#groups.delete(event.groupId);
    this.tell({ type: "process_groups", groups: [...this.#groups] });
  }

  #answer(number: number): void {
    this.tell({
      type: "snapshot",
      number,
      status: this.#status(),
      metrics: this.#metrics.snapshot(),
      summary: this.#agent?.summary ?? NOTHING_DONE,
    });
  }

  async #stop(how: (agent: Agent) => Promise<AgentSummary>): Promise<void> {
    this.#probing.abort(new Error("agent stopped"));
    this.#checking.abort();
    const summary = this.#agent ? await how(this.#agent) : NOTHING_DONE;
    await this.#probe?.ended;
    this.#batchTimeline.flush();
    this.#batchLog.flush();
    this.tell({ type: "stopped", summary, metrics: this.#metrics.snapshot() });
  }

  #status(): AgentStatus | undefined {
    const agent = this.#agent;
    if (!agent || !this.#probe) return undefined;
    const { lastSuccessAt, consecutiveFailures, lastError, lastStatus, paused, shortened } = agent.pollState;
    const probe = this.#probe.result();
    return {
      agentAlive: true,
      draining: agent.draining,
      poll: {
        lastSuccessAgoMs: ago(lastSuccessAt),
        metadataAgoMs: ago(agent.metadataAt),
        consecutiveFailures,
        lastErrorCategory: lastError,
        lastStatus,
        paused,
        shortened,
      },
      pollWaitMs: this.#pollWaitMs,
      probe: { state: PROBE_STATE[probe.state], error: probe.error },
      routes: this.#proxies?.routes ?? [],
      channels: agent.channels.map((channel) => ({
        name: channel.name,
        transport: channel.transport,
        target: this.#targets.get(channel.name) ?? "",
        health: channel.health(),
      })),
    };
  }
}

/** A channel and what it was made from. */
interface BoundChannel {
  /** Secret. */
  readonly madeFrom: string;
  readonly channel: Channel;
  /** The same channel where its target is reached over HTTP. */
  readonly http: HttpChannel | undefined;
  /** The same channel where its target is a child process. */
  readonly stdio: StdioChannel | undefined;
}

/** Everything that a channel is made from and that is not handed to it later. */
function essenceOf(
  { config, executables, childEnvironments, routes }: AgentStart,
  binding: Binding,
): unknown {
  const { channel } = binding;
  const { stdioConcurrency, stdioSendInitializedNotification, extraHeaders, discoveryExtraHeaders } =
    config.mcp;
  if (binding.transport === "stdio") {
    const way = [stdioConcurrency, stdioSendInitializedNotification];
    return [binding, executables[channel], childEnvironments[channel], ...way];
  }
  // Certificates and roots are renewed in place.
  const { tls: _tls, ...way } = routes.channels[channel] ?? DIRECT_ROUTE;
  const { clientCertificate: _paths, ...bound } = binding;
  return [bound, way, extraHeaders, discoveryExtraHeaders];
}

/** Ms since an instant of the monotonic clock. */
function ago(instant: number | undefined): number | undefined {
  return instant === undefined ? undefined : performance.now() - instant;
}

function discovery({ target }: HttpChannel, judgeOrigin: JudgeOrigin, log: Log): AgentDeps["discover"] {
  return async (signal, hasDeadline) => {
    const result = await discoverProtectedResource({ target, hasDeadline, judgeOrigin }, log, signal);
    return result.type === "found" ? result : { type: "failure", statusCode: 502, detail: result.text };
  };
}

const NOTHING_DONE: AgentSummary = {
  received: 0,
  outcomes: { answered: 0, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 },
};
