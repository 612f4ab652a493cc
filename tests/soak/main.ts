/**
 * `deno task soak`: relay, agent, an HTTP server and a stdio server as processes of their own, and connectors of every kind.
 * Prints a line a minute. Ends with code 1 and says why when memory, sockets, file descriptors, threads or child processes of
 * agent or relay grow, when timers are left behind, when an answer is not what it must be, or when one of them does not
 * stop with code 0.
 *
 * `--minutes N` (default 10) and `--calls N` (default 200,000): it ends when both are reached. `--rate N` calls a second
 * (default: evenly, so that both are reached together; 0: as many as it can). `--json` prints the result as JSON.
 */
import { parseArgs } from "node:util";
import { runSoak, type SoakReport } from "./run.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string" },
    calls: { type: "string" },
    rate: { type: "string" },
    json: { type: "boolean" },
  },
});
const minutes = positive("minutes", values.minutes, 10);
const calls = positive("calls", values.calls, 200_000);
const rate = values.rate === undefined ? undefined : Number(values.rate) || Infinity;
// With --json, standard output holds nothing but the result.
const say = values.json ? console.error : console.log;

say(`soak: at least ${minutes} min and ${calls} calls`);
const report = await runSoak({ minutes, calls, callsPerSecond: rate, onMinute: say });
if (values.json) console.log(JSON.stringify(report, undefined, 2));
else tell(report);
for (const fault of report.faults) console.error(`FAILED: ${fault}`);
if (report.faults.length > 0) Deno.exit(1);
say("everything stayed flat, and every answer was what it must be");

function tell({ calls, callsPerSecond, cpuMsPer1000Calls, trends, idle, exitCodes }: SoakReport): void {
  say(`${calls} calls, ${callsPerSecond.toFixed(0)}/s; behind the warm-up:`);
  for (const name of ["agent", "relay"] as const) {
    for (const [measure, { median, max, rise }] of Object.entries(trends[name])) {
      say(
        `  ${name} ${measure}: median ${median.toFixed(1)}, highest ${max.toFixed(1)}, trend ${
          rise.toFixed(1)
        }`,
      );
    }
    const { before, after } = idle[name];
    say(
      `  ${name} idle before and after: ${before.wakesPerSecond.toFixed(1)} and ${
        after.wakesPerSecond.toFixed(1)
      } wake-ups a second, ${before.residentMiB.toFixed(0)} and ${
        after.residentMiB.toFixed(0)
      } MiB, ${before.sockets} and ${after.sockets} sockets`,
    );
    say(
      `  ${name}: ${cpuMsPer1000Calls[name].toFixed(0)} ms CPU per 1000 calls, exit code ${exitCodes[name]}`,
    );
  }
}

function positive(name: string, text: string | undefined, standard: number): number {
  const value = text === undefined ? standard : Number(text);
  if (value > 0) return value;
  console.error(`--${name} must be a number above 0`);
  Deno.exit(2);
}
