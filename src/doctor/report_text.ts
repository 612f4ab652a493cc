import { type Check, type DoctorReport, type Hop, isWell } from "./report.ts";

/** The report for programs (D-4); what is empty is absent (C-15). */
export function reportDocument(report: DoctorReport): object {
  const failed = report.checks.filter(({ status }) => status === "FAIL").map(({ id }) => id);
  const result = isWell(report) ? "ok" : "fail";
  return {
    result,
    ...failed.length === 0 ? {} : { failed_checks: failed },
    ...result === "ok" ? { next: report.runCommand } : {},
    checks: report.checks.map(({ id, status, summary, why = "", evidence = [], next = [], hops = [] }) => ({
      id,
      status,
      summary,
      ...why === "" ? {} : { why },
      ...evidence.length === 0 ? {} : { evidence },
      ...next.length === 0 ? {} : { next },
      ...hops.length === 0 ? {} : { hops },
    })),
    summary_line: report.summaryLine,
  };
}

/**
 * The report for people (D-5, D-6).
 * @param detail `explained` adds why, evidence and next steps of everything that did not pass
 */
export function reportText(report: DoctorReport, detail: "brief" | "explained"): string {
  const failed = report.checks.filter(({ status }) => status === "FAIL").map(({ id }) => id);
  const lines = report.checks.map(({ id, status, summary, hops = [] }) =>
    `CHECK ${id.padEnd(24)} ${status.padEnd(4)} ${summary}${timesText(hops)}`
  );
  const end = isWell(report)
    ? ["RESULT ok", `NEXT   ${report.runCommand}`]
    : ["RESULT fail", `FAILED_CHECKS ${failed.join(",")}`, "EXIT_CODE 2"];
  const isHidden = detail === "brief" &&
    report.checks.some(({ status }) => status === "FAIL" || status === "WARN");
  const explain = isHidden ? [`EXPLAIN ${report.doctorCommand}`] : [];
  const blocks = detail === "brief"
    ? []
    : report.checks.filter(({ status, why, evidence, next }) =>
      status !== "PASS" && (why ?? evidence ?? next) !== undefined
    ).map(explanation);
  return [...lines, "", ...end, ...explain, `SUMMARY ${report.summaryLine}`, ...blocks].join("\n") + "\n";
}

function timesText(hops: readonly Hop[]): string {
  return hops.length === 0 ? "" : ` (${hops.map(({ name, ms }) => `${name} ${ms} ms`).join(", ")})`;
}

function explanation({ id, status, why = "", evidence = [], next = [] }: Check): string {
  return [
    "",
    `CHECK ${id}   ${status}`,
    ...why === "" ? [] : ["Why this matters:", `  ${why}`],
    ...evidence.length === 0 ? [] : ["Evidence:", ...evidence.map((line) => `  - ${line}`)],
    ...next.length === 0 ? [] : ["What to do next:", ...next.map((step, index) => `  ${index + 1}. ${step}`)],
  ].join("\n");
}
