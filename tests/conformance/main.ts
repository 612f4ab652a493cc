/**
 * `deno task conformance`: what MCP loses on its way through the tunnel. Runs the official conformance suite against the
 * everything server, once directly and once each through relay and agent with an HTTP and a stdio binding, for every
 * revision that the suite has a set of requirements for, and compares the checks scenario by scenario.
 * Exits 1 when the tunnel loses a check that passes directly and is not in `known_losses.json`, and when something in
 * there is no loss any more.
 */
import { parseArgs } from "node:util";
import { readKnownLosses } from "./known_losses.ts";
import { measure } from "./measure.ts";
import { isGood, jsonReport, type ScenarioRow, textReport } from "./report.ts";
import { listScenarios, REVISIONS } from "./suite.ts";

const USAGE = `Usage: deno task conformance [--only TEXT] [--json] [--stdio-concurrency N]

  --only TEXT            only scenarios whose name holds this text
  --json                 print the comparison as JSON
  --stdio-concurrency N  calls that run at once over the stdio server (default: 16; the agent's own default is 1)
`;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    "stdio-concurrency": { type: "string", default: "16" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  Deno.exit(0);
}

const known = await readKnownLosses();
const rows: ScenarioRow[] = [];
for (const revision of REVISIONS) {
  const all = await listScenarios(revision);
  const scenarios = all.filter((name) => name.includes(values.only));
  if (scenarios.length === 0) continue;
  const isWholeSet = scenarios.length === all.length;
  const stdioConcurrency = Number(values["stdio-concurrency"]);
  rows.push(...await measure({ revision, scenarios, isWholeSet, known: known.losses, stdioConcurrency }));
}
if (rows.length === 0) {
  console.error(`No scenario has "${values.only}" in its name.`);
  Deno.exit(2);
}
console.log(values.json ? jsonReport(rows, known) : textReport(rows, known));
Deno.exit(isGood(rows) ? 0 : 1);
