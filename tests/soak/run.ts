/** One soak: starts everything, loads it, watches it, stops it, and judges what was seen. */
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { processesWith } from "../support/e2e_processes.ts";
import { type Program, tunnelClient } from "../support/e2e_program.ts";
import { TUNNEL_ID } from "../support/e2e_relay.ts";
import { startProcess } from "../bench/processes.ts";
import { notFlat, type Tolerance, type Trend, trendOf } from "./flat.ts";
import { load, type LoadCounts } from "./load.ts";
import { lookAt, type ProcessLook } from "./proc.ts";

export interface SoakOptions {
  /** It ends when both are reached. */
  readonly minutes: number;
  readonly calls: number;
  /** Undefined for an even load that reaches the calls in the time. */
  readonly callsPerSecond?: number;
  /** Hears one line a minute. */
  readonly onMinute: (line: string) => void;
}

/** What the two programs under test looked like, by name. */
export type Measure = "residentMiB" | "descriptors" | "sockets" | "threads" | "children";

export interface SoakReport extends LoadCounts {
  readonly elapsedMs: number;
  readonly callsPerSecond: number;
  readonly cpuMsPer1000Calls: Readonly<Record<ProgramName, number>>;
  /** Without load, before and after: how often a thread woke up in a second, and what else was there. */
  readonly idle: Readonly<Record<ProgramName, { readonly before: Idle; readonly after: Idle }>>;
  readonly trends: Readonly<Record<ProgramName, Readonly<Record<Measure, Trend>>>>;
  /** Undefined where a program had ended by itself. */
  readonly exitCodes: Readonly<Record<ProgramName, number | undefined>>;
  readonly serverKills: number;
  /** What must not be; empty in a good run. */
  readonly faults: readonly string[];
}

export type ProgramName = "agent" | "relay";

export interface Idle extends Pick<ProcessLook, Measure> {
  readonly wakesPerSecond: number;
}

const CONNECTORS = 24;
const WORKERS = 32;
const LOOK_EVERY_MS = 2_000;
const MINUTE_MS = 60_000;
const IDLE_MS = 3_000;
/** What is left out: caches and connection pools fill up, the heap finds its size. */
const WARM_UP_SHARE = 0.25;
/** Fewer looks say nothing of a trend. */
const MIN_LOOKS = 20;
/** The heap takes a minute to find its size, which is the warm-up of a run that has as many looks as this. */
const MIN_LOOKS_AT_MEMORY = 120;
/** An even load is this much faster than it need be, so that it is not late in the end. */
const HEADROOM = 1.1;
const SMALLEST_MEMORY_TOLERANCE_MIB = 16;
/**
 * Idle, a program may wake up this much oftener in a second than before the load: long after it, and right after it, when
 * connections are still looked through.
 */
const WAKES_TOLERANCE = { settled: 10, atOnce: 25 };
/** Idle long enough, the engine gives back what nobody holds: what is above this is held. */
const HELD_TOLERANCE_MIB = 40;

/** Connections are kept 90 s for the next request; behind that, none of the load's may be left. */
const SETTLE_LIMIT_MS = 120_000;
/**
 * A connector has one connection to the relay; each command that runs, also one whose connector has hung up, has one to the
 * target and one to the relay.
 */
const SOCKETS_OF_LOAD = CONNECTORS + 2 * WORKERS + 16;

/** How high a line may stand above what was there before the load. Connections of the load are there one day, gone the next. */
const CEILINGS: Readonly<Partial<Record<Measure, number>>> = {
  sockets: SOCKETS_OF_LOAD,
  descriptors: SOCKETS_OF_LOAD + 8,
};

const TOLERANCES: Readonly<Partial<Record<Measure, Tolerance>>> = {
  // The runtime starts some for a moment when files are opened and processes are started.
  threads: { rise: 1, peak: 32 },
  // A stdio server that is replaced may overlap with the one before.
  children: { rise: 0.5, peak: 2 },
};

/** What may be left when connections are closed, above what was there before the load. */
const LEFT: readonly (readonly [Measure, number])[] = [
  ["sockets", 2],
  ["descriptors", 2],
  ["threads", 4],
  ["children", 0],
  ["residentMiB", HELD_TOLERANCE_MIB],
];

function toleranceOf(measure: Measure, { median }: Trend): Tolerance | undefined {
  if (measure !== "residentMiB") return TOLERANCES[measure];
  const rise = Math.max(SMALLEST_MEMORY_TOLERANCE_MIB, median * 0.1);
  return { rise, peak: 2 * rise };
}

/** Runs one. Faults of the programs are in the report; what else goes wrong is thrown. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const target = await startProcess(["run", "-A", new URL("target.ts", import.meta.url).href]);
  try {
    await using relay = tunnelClient([
      "relay",
      `--tunnel-id=${TUNNEL_ID}`,
      "--api-key=env:AGENT_KEY",
      "--print-json",
      "--log-level=error",
    ], { env: { AGENT_KEY: API_KEY } });
    const [printed] = await relay.untilPrinted(/\{[^]*\n\}\n/);
    const { control_plane_base_url: controlPlaneUrl, tunnels: [{ mcp_url: mcpUrl }] } = JSON.parse(printed);
    await using agent = await AgentProgram.listening({ controlPlaneUrl, args: agentArgs(target.line) });
    await agent.untilReadyz(200, /^ready/);
    return await new Soak(options, agent, relay, mcpUrl).run();
  } finally {
    await target.stop();
  }
}

function agentArgs(targetUrl: string): string[] {
  const stdio = new URL("../bench/stdio_target.ts", import.meta.url).pathname;
  return [
    `--mcp.server-url=${targetUrl}/mcp`,
    `--mcp.server-url=channel=stream,url=${targetUrl}/stream`,
    `--mcp.command=channel=stdio,command=${Deno.execPath()} run -A --quiet ${stdio}`,
    "--mcp.stdio-concurrency=4",
    `--mcp.max-concurrent-requests=${WORKERS}`,
    "--log.level=error",
  ];
}

class Soak {
  readonly #counts: LoadCounts = { calls: 0, refused: 0, hungUp: 0, takenAlong: 0 };
  readonly #looks: Record<ProgramName, ProcessLook[]> = { agent: [], relay: [] };
  readonly #faults: string[] = [];
  readonly #pids: Readonly<Record<ProgramName, number>>;
  #startedMs = 0;
  #minuteCalls = 0;
  #minuteMs = 0;
  #serverKilledAtMs = -Infinity;
  #serverKills = 0;

  constructor(
    private readonly options: SoakOptions,
    private readonly agent: AgentProgram,
    private readonly relay: Program,
    private readonly mcpUrl: string,
  ) {
    this.#pids = { agent: agent.program.pid, relay: relay.pid };
  }

  async run(): Promise<SoakReport> {
    const before = await this.#idle();
    this.#startedMs = this.#minuteMs = performance.now();
    await this.#load();
    const elapsedMs = performance.now() - this.#startedMs;
    const loaded = { agent: this.#looks.agent.at(-1), relay: this.#looks.relay.at(-1) };
    if (this.#isLong) await this.#settle(before);
    const after = this.#alive ? await this.#idle() : before;
    if (this.#alive) await this.#checkBooks();
    const exitCodes = await this.#stop();
    const trends = { agent: this.#trends("agent"), relay: this.#trends("relay") };
    this.#judge("agent", trends.agent, before.agent, after.agent);
    this.#judge("relay", trends.relay, before.relay, after.relay);
    const cpu = (name: ProgramName) =>
      ((loaded[name]?.cpuMs ?? 0) - (this.#looks[name][0]?.cpuMs ?? 0)) / this.#counts.calls * 1_000;
    return {
      ...this.#counts,
      elapsedMs,
      callsPerSecond: this.#counts.calls / elapsedMs * 1_000,
      cpuMsPer1000Calls: { agent: cpu("agent"), relay: cpu("relay") },
      idle: {
        agent: { before: before.agent, after: after.agent },
        relay: { before: before.relay, after: after.relay },
      },
      trends,
      exitCodes,
      serverKills: this.#serverKills,
      faults: this.#faults,
    };
  }

  get #alive(): boolean {
    return this.agent.program.running && this.relay.running;
  }

  async #load(): Promise<void> {
    const { minutes, calls, callsPerSecond = calls / (minutes * 60) * HEADROOM } = this.options;
    const over = new AbortController();
    const failed = new AbortController();
    const options = {
      mcpUrl: this.mcpUrl,
      connectors: CONNECTORS,
      callsPerSecond,
      serverKilledAtMs: () => this.#serverKilledAtMs,
    };
    const loading = load(options, this.#counts, over.signal).catch((error) => {
      if (!(error instanceof Error)) throw error;
      this.#faults.push(`a call has failed: ${error.message}`);
      failed.abort();
    });
    let tellAtMs = MINUTE_MS;
    const elapsedMs = () => performance.now() - this.#startedMs;
    while (elapsedMs() < minutes * MINUTE_MS || this.#counts.calls < calls) {
      await pause(LOOK_EVERY_MS, failed.signal);
      if (failed.signal.aborted || !this.#alive) break;
      this.#look();
      if (elapsedMs() < tellAtMs) continue;
      tellAtMs += MINUTE_MS;
      this.#tell();
      this.#killStdioServer();
    }
    over.abort();
    await loading;
    this.#look();
    this.#tell();
  }

  #look(): void {
    if (!this.#alive) return;
    this.#looks.agent.push(lookAt(this.#pids.agent));
    this.#looks.relay.push(lookAt(this.#pids.relay));
  }

  #tell(): void {
    const nowMs = performance.now();
    const { calls, refused, hungUp, takenAlong } = this.#counts;
    const rate = (calls - this.#minuteCalls) / (nowMs - this.#minuteMs) * 1_000;
    const minute = ((nowMs - this.#startedMs) / MINUTE_MS).toFixed(1).padStart(5);
    [this.#minuteCalls, this.#minuteMs] = [calls, nowMs];
    const programs = (["agent", "relay"] as const).map((name) =>
      `${name} ${inWords(this.#looks[name].at(-1))}`
    );
    const aside = `${refused} refused, ${hungUp} hung up, ${takenAlong} taken along`;
    this.options.onMinute(
      `${minute} min  ${calls} calls (${aside}), ${rate.toFixed(0)}/s | ${programs.join(" | ")}`,
    );
  }

  /** It is replaced, and nothing of it may stay behind. */
  #killStdioServer(): void {
    this.#serverKills++;
    this.#serverKilledAtMs = performance.now();
    for (const { pid } of processesWith(this.agent.mark)) {
      if (pid !== this.#pids.agent) Deno.kill(pid, "SIGKILL");
    }
  }

  async #idle(): Promise<Record<ProgramName, Idle>> {
    const first = { agent: lookAt(this.#pids.agent), relay: lookAt(this.#pids.relay) };
    await pause(IDLE_MS);
    return {
      agent: idleBetween(first.agent, lookAt(this.#pids.agent)),
      relay: idleBetween(first.relay, lookAt(this.#pids.relay)),
    };
  }

  /** With no call left, nothing is queued or running, and everything that was received has ended. */
  async #checkBooks(): Promise<void> {
    const { agent } = this;
    const [received, ended, running, queued, restarts, lost] = await Promise.all([
      agent.metric("commands_received_total"),
      agent.metric("commands_outcome_total"),
      agent.metric("commands_in_flight"),
      agent.metric("commands_queue_length"),
      agent.metric("agent_restarts_total"),
      agent.metric("metrics_rejected_total"),
    ]);
    if (received !== ended) this.#faults.push(`agent: ${received} commands received, ${ended} ended`);
    if (running + queued > 0) this.#faults.push(`agent: ${running} commands still run, ${queued} still wait`);
    if (restarts > 0) this.#faults.push(`agent: its thread was replaced ${restarts} times`);
    if (lost > 0) this.#faults.push(`agent: ${lost} values for metrics that do not exist`);
    const { body } = await agent.get("/metrics");
    const undeliverable = Number(
      /^commands_outcome_total\{outcome="undeliverable"\} (\d+)$/m.exec(body)?.[1] ?? 0,
    );
    if (undeliverable > 0) this.#faults.push(`agent: ${undeliverable} commands undeliverable`);
  }

  async #stop(): Promise<Record<ProgramName, number | undefined>> {
    return { agent: await this.#stopOne("agent"), relay: await this.#stopOne("relay") };
  }

  async #stopOne(name: ProgramName): Promise<number | undefined> {
    const program = name === "agent" ? this.agent.program : this.relay;
    if (!program.running) {
      const { code, stderr } = await program.ended();
      this.#faults.push(`${name}: it has ended by itself, with code ${code}\n${stderr.slice(-2_000)}`);
      return undefined;
    }
    const { code, stderr } = await program.stopped();
    if (code !== 0) this.#faults.push(`${name}: it ended with code ${code}\n${stderr.slice(-2_000)}`);
    if (name === "agent") {
      const left = processesWith(this.agent.mark);
      if (left.length > 0) this.#faults.push(`agent: it has left ${left.length} processes behind`);
    }
    return code;
  }

  #trends(name: ProgramName): Record<Measure, Trend> {
    const all = this.#looks[name];
    const warm = all.slice(Math.floor(all.length * WARM_UP_SHARE));
    const of = (measure: Measure) => trendOf(warm.map((look) => ({ atMs: look.atMs, value: look[measure] })));
    return {
      residentMiB: of("residentMiB"),
      descriptors: of("descriptors"),
      sockets: of("sockets"),
      threads: of("threads"),
      children: of("children"),
    };
  }

  #judge(name: ProgramName, trends: Readonly<Record<Measure, Trend>>, before: Idle, after: Idle): void {
    const note = (fault: string | undefined) => {
      if (fault !== undefined) this.#faults.push(`${name}: ${fault}`);
    };
    for (const [measure, trend] of Object.entries(trends) as [Measure, Trend][]) {
      const tolerance = toleranceOf(measure, trend);
      const enough = measure === "residentMiB"
        ? this.#looks[name].length >= MIN_LOOKS_AT_MEMORY
        : this.#isLong;
      if (tolerance !== undefined && enough) note(notFlat(measure, trend, tolerance));
      const most = before[measure] + (CEILINGS[measure] ?? Infinity);
      if (trend.max > most) note(`${trend.max} ${measure}, more than the ${most} that the load explains`);
    }
    for (const [measure, more] of this.#isLong ? LEFT : []) {
      if (after[measure] > before[measure] + more) {
        const [then, now] = [before[measure].toFixed(0), after[measure].toFixed(0)];
        note(`${measure} is ${now} long after the load, and was ${then} before it`);
      }
    }
    const moreWakes = this.#isLong ? WAKES_TOLERANCE.settled : WAKES_TOLERANCE.atOnce;
    if (after.wakesPerSecond > before.wakesPerSecond + moreWakes) {
      const [then, now] = [before.wakesPerSecond.toFixed(0), after.wakesPerSecond.toFixed(0)];
      note(`idle it wakes up ${now} times a second, ${then} before the load: a timer was left behind`);
    }
  }

  /** Long enough to speak of trends, and to wait for what is kept. */
  get #isLong(): boolean {
    return this.#looks.agent.length * (1 - WARM_UP_SHARE) >= MIN_LOOKS;
  }

  /** Waits until connections that are kept for a while are closed. */
  async #settle(before: Readonly<Record<ProgramName, Idle>>): Promise<void> {
    const untilMs = performance.now() + SETTLE_LIMIT_MS;
    const isSettled = (name: ProgramName) => {
      const now = lookAt(this.#pids[name]);
      return LEFT.every(([measure, more]) => now[measure] <= before[name][measure] + more);
    };
    while (performance.now() < untilMs && this.#alive && !(isSettled("agent") && isSettled("relay"))) {
      await pause(LOOK_EVERY_MS);
    }
  }
}

function idleBetween(first: ProcessLook, last: ProcessLook): Idle {
  const { residentMiB, descriptors, sockets, threads, children } = last;
  const wakesPerSecond = Math.max(0, last.sleeps - first.sleeps) / (last.atMs - first.atMs) * 1_000;
  return { residentMiB, descriptors, sockets, threads, children, wakesPerSecond };
}

function inWords(look: ProcessLook | undefined): string {
  if (look === undefined) return "not seen";
  const { residentMiB, descriptors, sockets, threads, children } = look;
  return `${
    residentMiB.toFixed(1)
  } MiB, ${descriptors} fds, ${sockets} sockets, ${threads} threads, ${children} children`;
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => resolve());
  await promise;
  clearTimeout(timer);
}
