/**
 * Runs a real agent against a scripted control plane and scripted channels, and checks at the end of every test what
 * must always hold: the outcome law, one terminal response per answered command, no secret in any record.
 */
import assert from "node:assert/strict";
import { Agent, type AgentDeps } from "../../src/agent/mod.ts";
import type { Channel } from "../../src/channels/mod.ts";
import type { ControlPlaneConfig, McpConfig, RunConfig } from "../../src/config/mod.ts";
import { createTargetClient, type HttpClient } from "../../src/net/mod.ts";
import { STANDARD_PARTS } from "./config_parts.ts";
import { Changes } from "./agent_changes.ts";
import { API_KEY, INSTANCE_ID, SECRET, TUNNEL_ID } from "./agent_commands.ts";
import { RecordedLog, RecordedMetrics, RecordedTimeline } from "./agent_recorders.ts";
import { answering, ScriptedChannel } from "./agent_scripted_channel.ts";
import { ScriptedControlPlane, type ScriptedControlPlaneOptions } from "./agent_scripted_control_plane.ts";

export interface AgentTestOptions extends ScriptedControlPlaneOptions {
  /** By default one channel `main` that answers every call at once. */
  readonly channels?: readonly Channel[];
  readonly controlPlane?: Partial<ControlPlaneConfig>;
  /** The base URL to configure, made from the real one. */
  readonly baseUrl?: (url: string) => string;
  readonly mcp?: Partial<McpConfig>;
  readonly deps?: Partial<AgentDeps>;
  /** False leaves it to the test to start the agent. */
  readonly start?: boolean;
}

export interface AgentTest {
  readonly agent: Agent;
  readonly controlPlane: ScriptedControlPlane;
  readonly log: RecordedLog;
  readonly metrics: RecordedMetrics;
  readonly timeline: RecordedTimeline;
  readonly changes: Changes;
  readonly client: HttpClient;
}

/** Bounds that keep retries quick. */
export const QUICK = { backoffMinMs: 2, backoffMaxMs: 10 } as const;

export function agentConfig(
  baseUrl: string,
  controlPlane: Partial<ControlPlaneConfig> = {},
  mcp: Partial<McpConfig> = {},
): RunConfig {
  return {
    controlPlane: {
      baseUrl,
      urlPath: "",
      tunnelId: TUNNEL_ID,
      organizationId: "",
      apiKey: API_KEY,
      maxInflight: 20,
      pollTimeoutMs: 30_000,
      initialPollTimeoutMs: 30_000,
      pollDeadlineGuardrailMs: 5_000,
      pollChannels: undefined,
      extraHeaders: [],
      proxy: { kind: "environment" },
      ...QUICK,
      ...controlPlane,
    },
    mcp: {
      bindings: [],
      extraHeaders: [],
      discoveryExtraHeaders: [],
      startupWaitTimeoutMs: 0,
      connectionMaxTtlMs: 600_000,
      maxConcurrentRequests: 10,
      stdioConcurrency: 1,
      stdioSendInitializedNotification: false,
      forwardTraceContext: false,
      oauthTrustedOrigins: [],
      ...mcp,
    },
    ...STANDARD_PARTS,
    log: { level: "debug", format: "json", file: "", httpRawUnsafe: false },
    health: { listenAddr: "", unixSocket: "", urlFile: "", showDetails: false },
    pidFile: "",
    drainTimeoutMs: 25_000,
    reloadWatch: false,
    sandbox: "off",
    sandboxLearn: "ask-config",
  };
}

/** Runs one test with an agent. Whatever the test leaves running is drained before the checks. */
export async function withAgent(
  options: AgentTestOptions,
  test: (parts: AgentTest) => Promise<void>,
): Promise<void> {
  const changes = new Changes();
  const log = new RecordedLog(changes);
  const metrics = new RecordedMetrics(changes);
  const timeline = new RecordedTimeline(changes);
  const controlPlane = new ScriptedControlPlane(changes, options);
  const client = options.deps?.client ?? createTargetClient();
  const channels = options.channels ?? [new ScriptedChannel({ onCall: answering })];
  const prefix = options.prefix === undefined ? {} : { urlPath: options.prefix };
  const baseUrl = options.baseUrl?.(controlPlane.url) ?? controlPlane.url;
  const config = agentConfig(baseUrl, { ...prefix, ...options.controlPlane }, options.mcp);
  const agent = new Agent(config, {
    client,
    channels,
    discover: undefined,
    startGate: undefined,
    log: log.log,
    metrics,
    timeline,
    instanceId: INSTANCE_ID,
    random: Math.random,
    ...options.deps,
  });
  const parts = { agent, controlPlane, log, metrics, timeline, changes, client };
  try {
    if (options.start !== false) await agent.start();
    await test(parts);
    controlPlane.finish();
    await agent.drain(10_000);
    checkOutcomeLaw(parts);
    checkNoSecrets(parts);
  } catch (error) {
    controlPlane.finish();
    await agent.stopNow();
    await controlPlane.close().catch(() => {});
    throw error;
  }
  await controlPlane.close();
}

/** Commands received = sum of outcomes, in every place where they are counted. */
export function checkOutcomeLaw({ agent, controlPlane, log, metrics, timeline }: AgentTest): void {
  const { received, outcomes } = agent.summary;
  const sum = Object.values(outcomes).reduce((total, count) => total + count, 0);
  assert.equal(sum, received, `outcome law: ${received} received, ${JSON.stringify(outcomes)}`);
  assert.equal(metrics.total("commands_received_total"), received, "received, as a metric");
  for (const [outcome, count] of Object.entries(outcomes)) {
    assert.equal(metrics.total("commands_outcome_total", { outcome }), count, `${outcome}, as a metric`);
    assert.equal(
      timeline.entries.filter((entry) => entry.outcome === outcome).length,
      count,
      `${outcome}, in the timeline`,
    );
  }
  assert.equal(metrics.read("commands_in_flight"), 0);
  assert.equal(metrics.read("dispatcher_worker_pool_occupancy"), 0);
  assert.equal(metrics.read("commands_queue_length"), 0);
  assert.deepEqual(log.one("agent stopped").fields, { received, ...outcomes }, "the law as a log at stop");
  for (const requestId of new Set(timeline.entries.map((entry) => entry.requestId))) {
    const entries = timeline.entries.filter((entry) => entry.requestId === requestId);
    const answered = entries.filter((entry) => entry.statusCode !== 0).length;
    const accepted = controlPlane.acceptedFor(requestId).length;
    assert(accepted >= answered, `${accepted} of ${answered} terminal responses to ${requestId}`);
    // A response whose 200 was on its way when the agent hung up is accepted, but the agent cannot know.
    const most = controlPlane.mayLoseReplies ? entries.length : answered;
    assert(accepted <= most, `${accepted} terminal responses to ${requestId}, and ${most} ends`);
  }
}

/** No API key, payload, header value or target URL may reach a log, a metric or the timeline (P-120, P-156). */
export function checkNoSecrets({ log, metrics, timeline }: AgentTest): void {
  const kept = [...log.records, ...metrics.counts, ...metrics.observations, ...timeline.entries];
  for (const one of kept) {
    const text = JSON.stringify(one);
    assert(!text.includes(SECRET), `a secret leaks: ${text}`);
    assert(!/https?:\/\/[^"]*\//.test(text), `a URL beyond its origin leaks: ${text}`);
  }
}
