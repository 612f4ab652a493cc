/**
 * `deno task bench`: what the tunnel costs. Relay, agent, target and load are processes of their own; each scenario is
 * measured directly at the target, through a bare poll–fetch–post loop, and through the agent, in one run, so that the
 * ratios hold on a noisy machine. Arguments: `--seconds N` per measurement, `--only TEXT` for matching scenarios (`start` for
 * start and idle), `--binary PATH` measures a compiled `tunnel-client` beside the one from source.
 */
import { parseArgs } from "node:util";
import { measureStart } from "./start_time.ts";
import { Bench, FROM_SOURCE, type Measurement, type Program, type Scenario } from "./runner.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    binary: { type: "string" },
  },
});

const JSON_KIB = "bytes=1024";
const SCENARIOS: readonly Scenario[] = [
  { name: "JSON 1 KiB × 1", query: JSON_KIB, outstanding: 1, accept: "json", transport: "http" },
  { name: "JSON 1 KiB × 16", query: JSON_KIB, outstanding: 16, accept: "json", transport: "http" },
  { name: "JSON 1 KiB × 64", query: JSON_KIB, outstanding: 64, accept: "json", transport: "http" },
  { name: "SSE 5 events × 16", query: "events=5", outstanding: 16, accept: "sse", transport: "http" },
  { name: "JSON 256 KiB × 16", query: "bytes=262144", outstanding: 16, accept: "json", transport: "http" },
  { name: "stdio × 1", query: "", outstanding: 1, accept: "json", transport: "stdio" },
  { name: "stdio × 16", query: "", outstanding: 16, accept: "json", transport: "stdio" },
];

const bench = await Bench.start(Number(values.seconds));
const rows: string[][] = [[
  "",
  "",
  "calls/s",
  "p50 ms",
  "p99 ms",
  "CPU s/1000",
  "MiB",
  "of direct",
  "of bare",
]];
try {
  for (const scenario of SCENARIOS.filter(({ name }) => name.includes(values.only))) {
    console.error(`measuring ${scenario.name} …`);
    const direct = scenario.transport === "http" ? await bench.direct(scenario) : undefined;
    const bare = scenario.transport === "http" ? await bench.bare(scenario) : undefined;
    const agent = await bench.agent(scenario, FROM_SOURCE);
    const compiled = values.binary === undefined ? undefined : await bench.agent(scenario, [values.binary]);
    if (direct) rows.push(row(scenario.name, "direct", direct));
    if (bare) rows.push(row("", "bare loop", bare, direct));
    rows.push(row(direct ? "" : scenario.name, "agent", agent, direct, bare));
    if (compiled) rows.push(row("", "agent, compiled", compiled, direct, bare));
  }
} finally {
  await bench.stop();
}
if (rows.length > 1) console.log(`${table(rows)}\n`);
if (values.only === "" || values.only === "start") {
  await tellStart("start", FROM_SOURCE);
  if (values.binary !== undefined) {
    const { size } = await Deno.stat(values.binary);
    await tellStart("start, compiled", [values.binary], ` · binary: ${(size / 2 ** 20).toFixed(0)} MiB`);
  }
}

async function tellStart(what: string, program: Program, more = ""): Promise<void> {
  const { readyMs, idleMiB, idleCpuMsPerMinute } = await measureStart(program);
  console.log(
    `${what}: ready after ${readyMs.toFixed(0)} ms (median of 5) · idle: ${idleMiB.toFixed(0)} MiB, ` +
      `${idleCpuMsPerMinute.toFixed(0)} ms CPU a minute${more}`,
  );
}

function row(name: string, what: string, m: Measurement, direct?: Measurement, bare?: Measurement): string[] {
  const ratio = (other?: Measurement) => other ? (m.callsPerSecond / other.callsPerSecond).toFixed(2) : "";
  return [
    name,
    what,
    m.callsPerSecond.toFixed(0),
    m.p50Ms.toFixed(2),
    m.p99Ms.toFixed(2),
    m.cpuSecondsPer1000?.toFixed(3) ?? "",
    m.residentMiB?.toFixed(0) ?? "",
    ratio(direct),
    ratio(bare),
  ];
}

function table(lines: readonly string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  );
  return lines.map((line) =>
    line.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
    )
      .join("  ")
  ).join("\n");
}
