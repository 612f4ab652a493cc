/**
 * The long chaos run: `deno task chaos`. `--calls N` commands to answer (default 10,000), `--seed N` repeats a run,
 * `--runs N` that many runs, each with its own seed. Ends with code 1 when a command was lost or executed twice.
 */
import { parseArgs } from "node:util";
import { runChaos } from "../support/fault_chaos.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { calls: { type: "string" }, seed: { type: "string" }, runs: { type: "string" } },
});
const commands = Number(values.calls ?? 10_000);
const firstSeed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
for (let run = 0; run < Number(values.runs ?? 1); run++) {
  const seed = firstSeed + run;
  console.log(`chaos: ${commands} commands, --seed ${seed}`);
  try {
    const report = await runChaos({ commands, seed, onProgress: (line) => console.log(`  ${line}`) });
    console.log(JSON.stringify({ seed, ...report, elapsedMs: Math.round(report.elapsedMs) }, undefined, 2));
    console.log("no command was lost, none was executed twice, exit code 0");
  } catch (error) {
    console.error(`chaos failed; repeat it with --calls ${commands} --seed ${seed}`);
    console.error(error);
    Deno.exit(1);
  }
}
