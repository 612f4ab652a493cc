/** Measures one revision: every scenario directly, and through a tunnel with each binding. */
import { type Binding, BINDINGS, judge, type Judgement, passedCount, shortcomings } from "./compare.ts";
import type { KnownLoss } from "./compare.ts";
import { Progress } from "./progress.ts";
import type { ScenarioRow } from "./report.ts";
import { OUT_OF_SCOPE } from "./stdio_scope.ts";
import { type Check, type Findings, type Revision, runSuite } from "./suite.ts";
import { openTunnel, startTarget } from "./tunnel.ts";

export interface MeasureOptions {
  readonly revision: Revision;
  /** All of the revision's set, or some of it. */
  readonly scenarios: readonly string[];
  /** Whether these are all. */
  readonly isWholeSet: boolean;
  readonly known: readonly KnownLoss[];
  /** Calls that may run at once over a stdio target. */
  readonly stdioConcurrency: number;
}

/** @throws {SuiteError} and errors of the processes that take part */
export async function measure(options: MeasureOptions): Promise<ScenarioRow[]> {
  const { revision, scenarios } = options;
  await using target = await startTarget();
  const direct = new Map(await findings(options, "direct", target.url));
  const weak = scenarios.filter((scenario) => shortcomings(checksOf(direct, scenario)).length > 0);
  for (const [scenario, checks] of await findings(options, "direct, again", target.url, weak)) {
    direct.set(scenario, checks);
  }
  const through = {
    http: await measureTunnel(options, "http", target.url, direct),
    stdio: await measureTunnel(options, "stdio", target.url, direct),
  };
  return scenarios.map((scenario) => {
    const checks = checksOf(direct, scenario);
    const judgement = (binding: Binding) => found(through[binding], scenario);
    return {
      revision,
      scenario,
      direct: passedCount(checks),
      shortcomings: shortcomings(checks),
      through: Object.fromEntries(BINDINGS.map((binding) => [binding, judgement(binding)])) as Record<
        Binding,
        Judgement
      >,
    };
  });
}

/** Some scenarios count milliseconds, so a loss counts when it shows twice. */
async function measureTunnel(
  options: MeasureOptions,
  binding: Binding,
  targetUrl: string,
  direct: Findings,
): Promise<Map<string, Judgement>> {
  const { revision, scenarios, known, stdioConcurrency } = options;
  await using tunnel = await openTunnel({ binding, targetUrl, stdioConcurrency });
  const judged = (findings: Findings, names: readonly string[]) =>
    names.map((scenario) =>
      judge(
        { revision, binding, scenario },
        checksOf(direct, scenario),
        checksOf(findings, scenario),
        known,
        OUT_OF_SCOPE,
      )
    );
  const first = judged(await findings(options, `${binding} tunnel`, tunnel.url), scenarios);
  const result = new Map(first.map((judgement) => [judgement.scenario, judgement]));
  const lost = first.filter(({ unexpected }) => unexpected.length > 0).map(({ scenario }) => scenario);
  const again = await findings(options, `${binding} tunnel, again`, tunnel.url, lost);
  for (const judgement of judged(again, lost)) result.set(judgement.scenario, judgement);
  return result;
}

/** Runs the suite and shows how far it is. @param some only these scenarios */
async function findings(
  { revision, scenarios, isWholeSet }: MeasureOptions,
  what: string,
  url: string,
  some?: readonly string[],
): Promise<Findings> {
  if (some?.length === 0) return new Map();
  const progress = new Progress();
  progress.begin(`MCP ${revision}, ${what}`, (some ?? scenarios).length);
  const result = await runSuite(
    { url, revision, onScenario: progress.scenario },
    some ?? (isWholeSet ? undefined : scenarios),
  );
  progress.end([...result.values()].reduce((sum, checks) => sum + passedCount(checks), 0));
  return result;
}

/** A scenario that broke off leaves nothing, which is a loss of all its checks. */
function checksOf(findings: Findings, scenario: string): readonly Check[] {
  return findings.get(scenario) ?? [];
}

function found<T>(map: ReadonlyMap<string, T>, key: string): T {
  const value = map.get(key);
  if (value === undefined) throw new Error(`nothing was measured for ${key}`);
  return value;
}
