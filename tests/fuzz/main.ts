/**
 * `deno task fuzz`: feeds damaged poll bodies, event streams, HTTP answers and stdio lines into a running agent for a
 * bounded time. Ends with code 1, the seed and the smallest input that it can find when the agent crashes, hangs, leaves a
 * decodable command unanswered, answers wrongly or twice, catches something only with its last net, or grows.
 *
 * `--seconds N` (default 60), `--seed N` repeats a run, `--case N` feeds this one case of it.
 */
import { parseArgs } from "node:util";
import { Finding } from "./bench.ts";
import type { Case } from "./cases.ts";
import { type FuzzProgress, runFuzz } from "./run.ts";
import { smallest } from "./shrink.ts";

const SHRINK_LIMIT_MS = 90_000;

const { values } = parseArgs({
  args: Deno.args,
  options: { seconds: { type: "string" }, seed: { type: "string" }, case: { type: "string" } },
});
const seconds = Number(values.seconds ?? 60);
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const only = values.case === undefined ? undefined : Number(values.case);

console.log(`fuzz: ${seconds} s, --seed ${seed}`);
try {
  tellProgress(await runFuzz({ seed, seconds, only, onProgress: tellProgress }));
  console.log("nothing found: no crash, no hang, every decodable command answered once, memory flat");
} catch (error) {
  if (!(error instanceof Finding)) throw error;
  console.error(`FOUND (${error.kind}), --seed ${seed}: ${error.message}`);
  console.error(`looking for the smallest input among ${error.suspects.length} …`);
  const input = await smallest(error, SHRINK_LIMIT_MS);
  if (input === undefined) {
    const numbers = error.suspects.map(({ number }) => number).join(" ");
    console.error(`no case fails alone; --seed ${seed}, cases ${numbers}`);
  } else tell(input);
  Deno.exit(1);
}

function tellProgress({ inputs, commands, answers, residentMiB }: FuzzProgress): void {
  console.log(`  ${inputs} inputs, ${commands} commands, ${answers} answers, ${residentMiB.toFixed(0)} MiB`);
}

function tell({ number, surface, bytes }: Case): void {
  console.error(
    `smallest input found (${surface}, ${bytes.length} bytes), from --seed ${seed} --case ${number}:`,
  );
  console.error(`  as text:   ${JSON.stringify(new TextDecoder().decode(bytes))}`);
  console.error(`  as base64: ${btoa(String.fromCharCode(...bytes))}`);
}
