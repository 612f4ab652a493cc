import assert from "node:assert/strict";
import { runSoak } from "../soak/run.ts";

Deno.test("a short soak: connectors of every kind at once, every answer what it must be, nothing left behind", async () => {
  const lines: string[] = [];
  const report = await runSoak({
    minutes: 0.05,
    calls: 1_000,
    callsPerSecond: Infinity,
    onMinute: (line) => lines.push(line),
  });
  assert.deepEqual(report.faults, []);
  assert.ok(report.calls >= 1_000, `${report.calls} calls`);
  assert.ok(report.refused > 20 && report.hungUp > 0, JSON.stringify(lines));
  assert.deepEqual(report.exitCodes, { agent: 0, relay: 0 });
});
