/**
 * The service in one thread, whose wall clock jumps: each line on standard input is the number of ms that the clock is off
 * from then on, an empty line drains. Arguments: flags as JSON. Ends with the exit code of an orderly stop.
 */
import { loadRunConfig, type ParsedFlags } from "../../src/config/mod.ts";
import { startService } from "../../src/sandbox/mod.ts";

let offsetMs = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...values: [number]) {
    // Without a value it is now, and now has jumped.
    super(...values.length > 0 ? values : [RealDate.now() + offsetMs] as [number]);
  }
  static override now(): number {
    return RealDate.now() + offsetMs;
  }
} as DateConstructor;

const flags: ParsedFlags = JSON.parse(Deno.args[0] ?? "");
const environment = { ...Deno.env.toObject(), CONTROL_PLANE_API_KEY: "key" };
const config = await loadRunConfig({ flags, env: environment, readTextFile: Deno.readTextFileSync });
const streams = { stdout: Deno.stdout, stderr: Deno.stderr };
const service = await startService({ config, environment, secretNames: [], confineMain: false, streams });
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
for await (const line of lines) {
  if (line === "\n") break;
  offsetMs = Number(line);
}
const { summary, error } = await service.drain();
Deno.exit(error === "" && summary.outcomes.undeliverable === 0 ? 0 : 1);
