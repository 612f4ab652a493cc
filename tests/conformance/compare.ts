/** What a tunnel loses of what its target passes directly, and which of that is known. */
import type { Check, Revision } from "./suite.ts";

/** The binding behind the tunnel. */
export const BINDINGS = ["http", "stdio"] as const;
export type Binding = (typeof BINDINGS)[number];

/** A check that passes directly and not, or not as often, through the tunnel. */
export interface Loss {
  readonly check: string;
  /** How many of its occurrences are lost. */
  readonly times: number;
  /** What the suite says instead. */
  readonly instead: string;
}

/** Checks of one scenario, each with how often it occurs. */
export interface ListedChecks {
  readonly revision: Revision;
  readonly bindings: readonly Binding[];
  readonly scenario: string;
  readonly checks: Readonly<Record<string, number>>;
}

/** Losses that are expected today. */
export interface KnownLoss extends ListedChecks {
  /** Name of the cause, explained once for all of its losses. */
  readonly cause: string;
}

/** Checks that this kind of target cannot be asked for, whatever the tunnel does. */
export interface OutOfScope extends ListedChecks {
  readonly reason: string;
}

/** Where something was measured. */
export interface Place {
  readonly revision: Revision;
  readonly binding: Binding;
  readonly scenario: string;
}

/** One scenario through one tunnel, judged. */
export interface Judgement {
  readonly scenario: string;
  /** Checks that pass directly. */
  readonly direct: number;
  /** Those of them that this kind of target can be asked for. */
  readonly asked: number;
  /** Those of them that pass through the tunnel. */
  readonly kept: number;
  readonly known: readonly (Loss & { readonly cause: string })[];
  readonly unexpected: readonly Loss[];
  /** Known losses that are none any more: names of checks. */
  readonly recovered: readonly string[];
}

/** How many checks have passed. */
export function passedCount(checks: readonly Check[]): number {
  return checks.filter(({ status }) => status === "SUCCESS").length;
}

/** Checks of a direct run that neither passed nor were skipped by the suite itself. */
export function shortcomings(checks: readonly Check[]): Check[] {
  return checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
}

/** What passes directly and not through the tunnel. */
export function losses(direct: readonly Check[], tunnel: readonly Check[]): Loss[] {
  const kept = countPassed(tunnel);
  const lost: Loss[] = [];
  for (const [check, passed] of countPassed(direct)) {
    const times = passed - (kept.get(check) ?? 0);
    if (times > 0) lost.push({ check, times, instead: instead(check, tunnel) });
  }
  return lost;
}

/** Compares one scenario and sets aside what is known, and what this target cannot be asked for. */
export function judge(
  place: Place,
  direct: readonly Check[],
  tunnel: readonly Check[],
  known: readonly KnownLoss[],
  outOfScope: readonly OutOfScope[],
): Judgement {
  const excused = listed(place, outOfScope);
  const expected = listed(place, known);
  const causes = new Map(
    known.filter((entry) => applies(place, entry)).flatMap(({ checks, cause }) =>
      Object.keys(checks).map((check) => [check, cause])
    ),
  );
  const passed = countPassed(direct);
  let asked = passedCount(direct);
  for (const [check, times] of excused) asked -= Math.min(times, passed.get(check) ?? 0);
  const judgement = { known: [] as (Loss & { cause: string })[], unexpected: [] as Loss[] };
  let lost = 0;
  for (const loss of losses(direct, tunnel)) {
    const times = loss.times - (excused.get(loss.check) ?? 0);
    if (times <= 0) continue;
    lost += times;
    const cause = causes.get(loss.check);
    if (cause !== undefined && times <= (expected.get(loss.check) ?? 0)) {
      judgement.known.push({ ...loss, times, cause });
    } else judgement.unexpected.push({ ...loss, times });
  }
  const recovered = [...expected].filter(([check, times]) =>
    times > (judgement.known.find((loss) => loss.check === check)?.times ?? 0) &&
    !judgement.unexpected.some((loss) => loss.check === check)
  ).map(([check]) => check);
  return {
    scenario: place.scenario,
    direct: passedCount(direct),
    asked,
    kept: asked - lost,
    ...judgement,
    recovered,
  };
}

function applies(place: Place, entry: ListedChecks): boolean {
  return entry.revision === place.revision && entry.scenario === place.scenario &&
    entry.bindings.includes(place.binding);
}

function listed(place: Place, entries: readonly ListedChecks[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of entries.filter((entry) => applies(place, entry))) {
    for (const [check, times] of Object.entries(entry.checks)) {
      counts.set(check, (counts.get(check) ?? 0) + times);
    }
  }
  return counts;
}

function countPassed(checks: readonly Check[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { id, status } of checks) {
    if (status === "SUCCESS") counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** The suite's own words; a scenario that breaks off reports the reason under another name. */
function instead(check: string, tunnel: readonly Check[]): string {
  const bad = tunnel.filter(({ status }) => status !== "SUCCESS");
  const own = bad.find(({ id }) => id === check);
  if (own !== undefined) return words(own);
  const other = bad.find(({ status }) => status === "FAILURE") ??
    bad.find(({ status }) => status === "WARNING");
  return other === undefined ? "not reported" : `not reached; ${other.id}: ${words(other)}`;
}

function words({ status, errorMessage }: Check): string {
  return errorMessage === undefined ? status : `${status}: ${errorMessage}`;
}
