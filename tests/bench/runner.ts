/** Starts the processes of a measurement and reads what they cost. */
import type { Log } from "../../src/ops/mod.ts";
import { createRelay } from "../../src/relay/mod.ts";
import { cpuSeconds, residentMiB, type Started, startProcess, startProgram } from "./processes.ts";

export interface Scenario {
  readonly name: string;
  readonly query: string;
  readonly outstanding: number;
  readonly accept: "json" | "sse";
  readonly transport: "http" | "stdio";
}

export interface Measurement {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the process between control plane and target; absent for direct calls. */
  readonly cpuSecondsPer1000?: number;
  readonly residentMiB?: number;
}

export const TUNNEL_ID = "tunnel_benchbenchbenchbenchbenchbench12";
export const API_KEY = "bench-key";
/** A log that keeps nothing. */
export const QUIET: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  enabled: () => false,
  with: () => QUIET,
};
const HERE = new URL("./", import.meta.url);

/** How `tunnel-client` is called, up to its own arguments. */
export type Program = readonly string[];

export const FROM_SOURCE: Program = [
  Deno.execPath(),
  "run",
  "-A",
  new URL("../../main.ts", import.meta.url).href,
];

export class Bench {
  private constructor(
    private readonly seconds: number,
    private readonly target: Started,
    private readonly relay: Started,
  ) {}

  static async start(seconds: number): Promise<Bench> {
    const target = await startProcess(["run", "-A", new URL("target.ts", HERE).href]);
    const relay = await startProcess(["run", "-A", new URL("relay.ts", HERE).href]);
    return new Bench(seconds, target, relay);
  }

  async direct(scenario: Scenario): Promise<Measurement> {
    return await this.#load(this.#targetUrl(scenario), scenario);
  }

  async bare(scenario: Scenario): Promise<Measurement> {
    const args = [
      this.relay.line,
      TUNNEL_ID,
      API_KEY,
      this.#targetUrl(scenario),
      String(scenario.outstanding),
    ];
    const loop = await startProcess(["run", "-A", new URL("bare_loop.ts", HERE).href, ...args]);
    return await this.#through(loop, scenario);
  }

  async agent(scenario: Scenario, program: Program): Promise<Measurement> {
    const binding = scenario.transport === "http" ? ["--mcp.server-url", this.#targetUrl(scenario)] : [
      "--mcp.command",
      `${Deno.execPath()} run -A ${new URL("stdio_target.ts", HERE).pathname}`,
      "--mcp.stdio-concurrency",
      String(scenario.outstanding),
    ];
    const agent = await startAgent(program, this.relay.line, binding);
    return await this.#through(agent, scenario);
  }

  async stop(): Promise<void> {
    await this.relay.stop();
    await this.target.stop();
  }

  #targetUrl(scenario: Scenario): string {
    return `${this.target.line}/mcp?${scenario.query}`;
  }

  async #through(middle: Started, scenario: Scenario): Promise<Measurement> {
    try {
      const url = `${this.relay.line}/v1/mcp/${TUNNEL_ID}`;
      let cpuBefore = 0;
      const measured = await this.#load(url, scenario, () => cpuBefore = cpuSeconds(middle.pid));
      const cpu = cpuSeconds(middle.pid) - cpuBefore;
      return {
        ...measured,
        cpuSecondsPer1000: cpu / measured.calls * 1000,
        residentMiB: residentMiB(middle.pid),
      };
    } finally {
      await middle.stop();
    }
  }

  async #load(url: string, { outstanding, accept }: Scenario, onWarm: () => void = () => {}) {
    const load = new URL("load.ts", HERE).href;
    const process = await startProcess([
      "run",
      "-A",
      load,
      url,
      String(outstanding),
      String(this.seconds),
      accept,
    ]);
    onWarm();
    const line = await process.nextLine();
    await process.stop();
    if (line === undefined) throw new Error("the load process failed; see above");
    return JSON.parse(line) as Measurement & { calls: number };
  }
}

/** Starts `run` against the bench's relay; resolves when it polls. */
export async function startAgent(
  program: Program,
  relayUrl: string,
  binding: readonly string[],
): Promise<Started> {
  return await startProgram(
    [
      ...program,
      "run",
      "--control-plane.base-url",
      relayUrl,
      "--control-plane.tunnel-id",
      TUNNEL_ID,
      "--control-plane.max-inflight",
      "256",
      "--mcp.max-concurrent-requests",
      "64",
      "--health.listen-addr",
      "127.0.0.1:0",
      "--log.format",
      "json",
      ...binding,
    ],
    { CONTROL_PLANE_API_KEY: API_KEY },
    '"poller started"',
  );
}

/** The relay of a measurement, in a process of its own; also the entry of that process. */
export async function serveRelay(): Promise<void> {
  const relay = createRelay({ tunnels: [{ id: TUNNEL_ID, apiKeys: [API_KEY] }] }, QUIET);
  const address = await relay.listen({ hostname: "127.0.0.1", port: 0 });
  if (address.transport === "tcp") console.log(address.url);
}
