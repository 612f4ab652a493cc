/** The comparison as text for people and as JSON for machines. */
import { type Binding, BINDINGS, type Judgement } from "./compare.ts";
import type { KnownLosses } from "./known_losses.ts";
import { OUT_OF_SCOPE } from "./stdio_scope.ts";
import type { Check, Revision } from "./suite.ts";
import { SUITE } from "./suite_version.ts";

/** One scenario, directly and through every tunnel. */
export interface ScenarioRow {
  readonly revision: Revision;
  readonly scenario: string;
  /** Checks that pass directly. */
  readonly direct: number;
  /** Checks that fail already there. */
  readonly shortcomings: readonly Check[];
  readonly through: Readonly<Record<Binding, Judgement>>;
}

/** Whether every check that passes directly has passed, apart from known losses, and those are still losses. */
export function isGood(rows: readonly ScenarioRow[]): boolean {
  return rows.every(({ shortcomings, through }) =>
    shortcomings.length === 0 &&
    BINDINGS.every((binding) =>
      through[binding].unexpected.length === 0 && through[binding].recovered.length === 0
    )
  );
}

/** Everything, scenario by scenario, with each lost check and its cause. */
export function jsonReport(rows: readonly ScenarioRow[], { causes }: KnownLosses): string {
  const totals = [...new Set(rows.map(({ revision }) => revision))].map((revision) => ({
    revision,
    ...total(rows.filter((row) => row.revision === revision)),
  }));
  const report = {
    suite: SUITE,
    good: isGood(rows),
    total: total(rows),
    totals,
    causes,
    notAsked: OUT_OF_SCOPE,
    scenarios: rows,
  };
  return JSON.stringify(report, undefined, 2);
}

/** A table of the scenarios, totals, and what was lost and why. */
export function textReport(rows: readonly ScenarioRow[], { causes }: KnownLosses): string {
  const parts: string[] = [];
  for (const revision of new Set(rows.map((row) => row.revision))) {
    const own = rows.filter((row) => row.revision === revision);
    parts.push(table([
      [`MCP ${revision}`, "direct", ...BINDINGS.map((binding) => `${binding} tunnel`)],
      ...own.map(tableLine),
      totalLine("total", own),
    ]));
  }
  parts.push(table([totalLine("both revisions", rows)]));
  parts.push(...scopeParts(rows), ...causeParts(rows, causes));
  const wrong = rows.flatMap(wrongLines);
  parts.push(
    wrong.length === 0
      ? "The tunnel keeps every check that is not a known loss."
      : `To be looked at:\n${wrong.join("\n")}`,
  );
  return parts.join("\n\n");
}

function tableLine({ scenario, direct, through }: ScenarioRow): string[] {
  return [`  ${scenario}`, String(direct), ...BINDINGS.map((binding) => cell(through[binding]))];
}

function cell({ kept, asked, direct }: Pick<Judgement, "kept" | "asked" | "direct">): string {
  const lost = kept < asked ? `${kept} of ${asked}` : String(kept);
  return asked < direct ? `${lost} (${direct - asked} not asked)` : lost;
}

function totalLine(name: string, rows: readonly ScenarioRow[]): string[] {
  const { direct, ...through } = total(rows);
  return [name, String(direct), ...BINDINGS.map((binding) => cell({ direct, ...through[binding] }))];
}

function total(rows: readonly ScenarioRow[]) {
  const sum = (pick: (row: ScenarioRow) => number) => rows.reduce((all, row) => all + pick(row), 0);
  const through = (binding: Binding) => ({
    asked: sum((row) => row.through[binding].asked),
    kept: sum((row) => row.through[binding].kept),
  });
  return { direct: sum(({ direct }) => direct), http: through("http"), stdio: through("stdio") };
}

function causeParts(rows: readonly ScenarioRow[], causes: KnownLosses["causes"]): string[] {
  return Object.entries(causes).flatMap(([cause, explanation]) => {
    const lost = rows.flatMap((row) =>
      BINDINGS.flatMap((binding) => {
        const losses = row.through[binding].known.filter((loss) => loss.cause === cause);
        return losses.length === 0 ? [] : [`  ${where(row, binding)} · ${losses.map(times).join(", ")}`];
      })
    );
    return lost.length === 0 ? [] : [`Known loss "${cause}": ${explanation}\n${lost.join("\n")}`];
  });
}

/** Why a tunnel is not asked for some of the checks. */
function scopeParts(rows: readonly ScenarioRow[]): string[] {
  const entries = OUT_OF_SCOPE.filter(({ revision, scenario }) =>
    rows.some((row) => row.revision === revision && row.scenario === scenario)
  );
  if (entries.length === 0) return [];
  const lines = entries.map(({ revision, bindings, scenario, checks, reason }) => {
    const names = Object.entries(checks).map(([check, count]) => times({ check, times: count }));
    return `  ${revision} ${bindings.join(", ")} · ${scenario} · ${names.join(", ")}: ${reason}`;
  });
  return [`Not asked:\n${lines.join("\n")}`];
}

function wrongLines(row: ScenarioRow): string[] {
  const target = row.shortcomings.map(({ id, status, errorMessage }) =>
    `  ${row.revision} direct · ${row.scenario} · ${id}: the target itself has ${status}: ${
      errorMessage ?? ""
    }`
  );
  const tunnels = BINDINGS.flatMap((binding) => {
    const { unexpected, recovered } = row.through[binding];
    return [
      ...unexpected.map((loss) => `  ${where(row, binding)} · ${times(loss)}: lost · ${loss.instead}`),
      ...recovered.map((check) =>
        `  ${where(row, binding)} · ${check}: passes now; take it out of known_losses.json`
      ),
    ];
  });
  return [...target, ...tunnels];
}

function where({ revision, scenario }: ScenarioRow, binding: Binding): string {
  return `${revision} ${binding} · ${scenario}`;
}

function times({ check, times }: { readonly check: string; readonly times: number }): string {
  return times === 1 ? check : `${check} ×${times}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((text, column) => column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0))
      .join("  ")
  ).join("\n");
}
