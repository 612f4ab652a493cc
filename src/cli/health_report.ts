/** What `health` has found out, in the shape of its JSON (H-8); absent members are left out. */
export interface HealthReport {
  readonly locator: {
    readonly kind: "url" | "url_file" | "port" | "unix_socket";
    readonly url?: string;
    readonly url_file?: string;
    readonly port?: number;
    readonly unix_socket?: string;
    readonly resolved_base_url?: string;
    readonly error?: string;
  };
  readonly process?: ProcessReport;
  readonly base_url?: string;
  readonly ui_url?: string;
  readonly healthz: ProbeReport;
  readonly readyz: ProbeReport;
  readonly control_plane_poll?: PollReport;
  readonly result: "ok" | "fail";
}

export interface ProcessReport {
  readonly pid?: number;
  readonly pid_file?: string;
  readonly running: boolean;
  readonly error?: string;
}

export interface ProbeReport {
  readonly url?: string;
  readonly ok: boolean;
  readonly status?: number;
  readonly body?: string;
  readonly error?: string;
}

export interface PollReport {
  readonly url?: string;
  readonly value?: number;
  readonly ok: boolean;
  readonly error?: string;
}

/** The lines for people (H-9, HC-8). */
export function healthText(report: HealthReport): string {
  const { locator, process, control_plane_poll: poll } = report;
  const where = locator.url ?? locator.url_file ?? locator.port ?? locator.unix_socket ?? "";
  const lines = [
    `Locator: ${locator.kind}=${where}`,
    locator.error === undefined ? "" : `Locator error: ${locator.error}`,
    report.base_url === undefined ? "" : `Base URL: ${report.base_url}`,
    report.ui_url === undefined ? "" : `UI URL: ${report.ui_url}`,
    probeLine("Healthz", report.healthz),
    probeLine("Readyz", report.readyz),
    poll === undefined ? "" : pollLine(poll),
    process === undefined ? "" : processLine(process),
    `Result: ${report.result.toUpperCase()}`,
  ];
  return `${lines.filter((line) => line !== "").join("\n")}\n`;
}

function probeLine(name: string, { ok, url, status, error, body }: ProbeReport): string {
  return joinLine(name, ok, [url, status === undefined ? "" : `HTTP ${status}`, error ?? body]);
}

function pollLine({ ok, url, value, error }: PollReport): string {
  const seen = value === undefined ? "" : `last_success_unix_seconds=${Math.trunc(value)}`;
  return joinLine("Control-plane poll", ok, [url, ok ? seen : error ?? seen]);
}

function processLine({ running, pid, pid_file: file, error }: ProcessReport): string {
  return joinLine("Process", running, [
    pid === undefined ? "" : `pid=${pid}`,
    file === undefined ? "" : `pid_file=${file}`,
    error,
  ]);
}

function joinLine(name: string, ok: boolean, parts: readonly (string | undefined)[]): string {
  const said = parts.filter((part) => part !== undefined && part !== "");
  // A body may have several lines; the report has one line per check.
  return [`${name}: ${ok ? "PASS" : "FAIL"}`, ...said].join(" | ").replace(/\s*\n\s*/g, "; ");
}
