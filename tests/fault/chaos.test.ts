import assert from "node:assert/strict";
import { runChaos } from "../support/fault_chaos.ts";

/** CHAOS_SEED repeats a run. */
const seed = Number(Deno.env.get("CHAOS_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);

Deno.test(`2,000 commands through chaos and a SIGTERM under load: none lost, none executed twice (seed ${seed})`, async () => {
  const report = await runChaos({ commands: 2_000, seed });
  assert.ok(report.answered >= 2_000);
  assert.ok(report.differentFaults > 60, `only ${report.differentFaults} faults were met`);
  assert.ok(report.duplicatingPolls > 0, "nothing was delivered twice");
  assert.ok(report.broughtAtStop > 0, "no poll was open at the stop");
  assert.ok(report.serverDeaths > 1, `the stdio server ended ${report.serverDeaths} times only`);
  assert.ok(report.good > report.answered * 0.7, `only ${report.good} of ${report.answered} went well`);
});
