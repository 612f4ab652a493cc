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
} from "../channels/mod.ts";
import type { StdioBinding } from "../config/mod.ts";
import { originOf } from "../net/mod.ts";
import { discoverProtectedResource } from "../oauth/mod.ts";
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
import type { AgentStart, FromAgent, ToAgent } from "./messages.ts";
import { activeBindings } from "./permissions.ts";
import { ProxyHealth } from "./proxy_health.ts";
import { RouteClients } from "./route_clients.ts";
import { namedRoutes, routeFields } from "./route_list.ts";
import type { Routes } from "./routes.ts";
import { SharedCounts } from "./shared_counts.ts";

/** Takes over a port: everything that arrives there is a {@link ToAgent}. */
export function hostAgent(port: MessagePort): void {
  const host = new AgentHost((message) => port.postMessage(message));
  port.onmessage = (event: MessageEvent<ToAgent>) => host.hear(event.data);
}

/** How long the started record waits for the tunnel's name. */
const METADATA_WAIT_MS = 2_000;
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
  readonly #probing = new AbortController();
  readonly #groups = new Set<number>();
  readonly #targets = new Map<string, string>();
  readonly #checking = new AbortController();
  #clients: RouteClients | undefined;
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
    if (message.type === "start") void this.#start(message.start, new SharedCounts(message.counts));
    else if (message.type === "ask") this.#answer(message.number);
    else if (message.type === "log_level") this.#batchLog.setLevel(message.level);
    else if (message.type === "renew_tls") this.#renewTls(message.routes);
    else if (message.type === "drain") void this.#stop((agent) => agent.drain(message.limitMs));
    else void this.#stop((agent) => agent.stopNow());
  }

  async #start(start: AgentStart, counts: SharedCounts): Promise<void> {
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
    this.#pollWaitMs = config.controlPlane.pollTimeoutMs;
    const clients = this.#clients = new RouteClients(start.routes);
    this.#watchProxies(start);
    const channels: Channel[] = [];
    let main: HttpChannel | undefined;
    for (const binding of activeBindings(config)) {
      if (binding.transport === "stdio") {
        channels.push(this.#stdioChannel(start, binding));
        this.#targets.set(binding.channel, start.executables[binding.channel] ?? "");
        continue;
      }
      const { extraHeaders, discoveryExtraHeaders } = config.mcp;
      const options = { name: binding.channel, url: binding.url, extraHeaders, discoveryExtraHeaders };
      const channel = createHttpChannel(
        options,
        clients.channel(binding.channel),
        log.with({ component: "mcpclient" }),
      );
      channels.push(channel);
      this.#targets.set(binding.channel, originOf(binding.url));
      if (binding.channel === "main") main = channel;
    }
    this.#probe = runStartupProbe(
      { target: main?.target, startupWaitTimeoutMs: config.mcp.startupWaitTimeoutMs },
      log.with({ component: "mcpclient" }),
      this.#probing.signal,
    );
    return new Agent(config, {
      client: clients.controlPlane,
      channels,
      discover: main && discovery(main, log.with({ component: "dispatcher" })),
      startGate: main && config.mcp.startupWaitTimeoutMs > 0 ? this.#probe.settled : undefined,
      log,
      metrics: counts.beside(this.#metrics),
      timeline: this.#batchTimeline.timeline,
      instanceId: start.instanceId,
      random: Math.random,
    });
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

  #stdioChannel(start: AgentStart, binding: StdioBinding): Channel {
    const executable = start.executables[binding.channel];
    if (executable === undefined) throw new Error(`no executable for channel "${binding.channel}"`);
    return createStdioChannel(
      {
        name: binding.channel,
        argv: childWords(binding, executable),
        command: binding.command,
        env: start.childEnvironments[binding.channel] ?? {},
        concurrency: start.config.mcp.stdioConcurrency,
        killProgram: start.killProgram,
        onProcessGroup: (event) => this.#noteGroup(event),
      },
      this.#batchLog.log.with({ component: "mcpclient" }),
      this.#metrics,
    );
  }

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

/** Ms since an instant of the monotonic clock. */
function ago(instant: number | undefined): number | undefined {
  return instant === undefined ? undefined : performance.now() - instant;
}

function discovery({ target }: HttpChannel, log: Log): AgentDeps["discover"] {
  return async (signal, hasDeadline) => {
    const result = await discoverProtectedResource({ target, hasDeadline }, log, signal);
    return result.type === "found" ? result : { type: "failure", statusCode: 502, detail: result.text };
  };
}

const NOTHING_DONE: AgentSummary = {
  received: 0,
  outcomes: { answered: 0, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 },
};
