/** `tunnel-client health`: is a running agent well? (spec 04 §8) */
import process from "node:process";
import type { LeafCommand } from "./command.ts";
import { EXIT_OK } from "./exit.ts";
import { type HealthAddress, LocatorError, resolveLocator, withoutUserInfo } from "./health_address.ts";
import { HEALTH_FLAGS, type HealthOptions, healthOptions, type Locator } from "./health_options.ts";
import { probe } from "./health_probe.ts";
import {
  type HealthReport,
  healthText,
  type PollReport,
  type ProbeReport,
  type ProcessReport,
} from "./health_report.ts";
import { commandLines } from "./help_text.ts";
import type { CliIo } from "./io.ts";

/** The answer is: not well (H-4). */
const EXIT_NOT_WELL = 2;
const PROBE_LIMITS = { timeoutMs: 500, bodyBytes: 4096 };
const METRICS_LIMITS = { timeoutMs: 2_000, bodyBytes: 4 * 1024 * 1024 };
const POLL_METRIC = "commands_poll_last_successful_timestamp_seconds";
/** Pause between two questions of `--wait`. */
const PAUSE_MS = 200;

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Asks a running agent whether it lives (/healthz) and whether it is ready to serve (/readyz). Exits with 0 when " +
    "both say yes, with 2 when not, with 1 for a wrong command line.",
  usage: ["--url URL [flags]", "--url-file PATH [flags]", "--port N [flags]", "--unix-socket PATH [flags]"],
  flags: () => HEALTH_FLAGS,
  sections: () => [{
    heading: "Examples",
    text: commandLines(
      "tunnel-client health --port 8080",
      'tunnel-client health --url-file "$health_url_file" --json',
      "tunnel-client health --port 8080 --require-control-plane-poll --wait 30s",
    ),
  }],
  run: ({ flags }, io) => health(healthOptions(flags), io),
};

async function health(options: HealthOptions, io: CliIo): Promise<number> {
  const endAt = performance.now() + options.waitMs;
  let report = await examine(options);
  while (report.result === "fail" && performance.now() + PAUSE_MS < endAt) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    report = await examine(options);
  }
  io.stdout(options.json ? `${JSON.stringify(report, null, 2)}\n` : healthText(report));
  return report.result === "ok" ? EXIT_OK : EXIT_NOT_WELL;
}

async function examine(options: HealthOptions): Promise<HealthReport> {
  const running = await examineProcess(options);
  const located = await locate(options.locator);
  if (typeof located === "string") {
    return {
      locator: { ...described(options.locator), error: located },
      ...(running === undefined ? {} : { process: running }),
      healthz: { ok: false },
      readyz: { ok: false },
      ...(options.requirePoll ? { control_plane_poll: { ok: false, error: "the agent was not found" } } : {}),
      result: "fail",
    };
  }
  const { baseUrl } = located;
  const healthz = await examineRoute(located, "/healthz");
  const readyz = await examineRoute(located, "/readyz");
  const poll = options.requirePoll ? await examinePoll(located, options.maxPollAgeMs) : undefined;
  const isWell = healthz.ok && readyz.ok && (running?.running ?? true) && (poll?.ok ?? true);
  return {
    locator: { ...described(options.locator), resolved_base_url: baseUrl },
    ...(running === undefined ? {} : { process: running }),
    base_url: baseUrl,
    ui_url: `${baseUrl}/ui`,
    healthz,
    readyz,
    ...(poll === undefined ? {} : { control_plane_poll: poll }),
    result: isWell ? "ok" : "fail",
  };
}

/** @returns the address, or why there is none */
async function locate(locator: Locator): Promise<HealthAddress | string> {
  try {
    return await resolveLocator(locator);
  } catch (error) {
    if (!(error instanceof LocatorError)) throw error;
    return error.message;
  }
}

/** The locator as given, a URL without user info. */
function described(locator: Locator): HealthReport["locator"] {
  switch (locator.kind) {
    case "url":
      return {
        kind: "url",
        ...(locator.url.trim() === "" ? {} : { url: withoutUserInfo(locator.url.trim()) }),
      };
    case "url_file":
      return { kind: "url_file", url_file: locator.urlFile };
    case "port":
      return { kind: "port", port: locator.port };
    case "unix_socket":
      return { kind: "unix_socket", unix_socket: locator.unixSocket };
  }
}

async function examineRoute(address: HealthAddress, path: string): Promise<ProbeReport> {
  const url = address.baseUrl + path;
  try {
    const { status, body } = await probe(address, path, PROBE_LIMITS);
    return { url, ok: status >= 200 && status <= 299, status, ...(body === "" ? {} : { body }) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { url, ok: false, error: error.message };
  }
}

/** H-6, HC-6. */
async function examinePoll(address: HealthAddress, maxAgeMs: number): Promise<PollReport> {
  const url = `${address.baseUrl}/metrics`;
  const failed = (error: string, value?: number) => ({
    url,
    ...(value === undefined ? {} : { value }),
    ok: false,
    error,
  });
  try {
    const { status, body } = await probe(address, "/metrics", METRICS_LIMITS);
    if (status !== 200) return failed(`HTTP ${status}`);
    const value = sampleOf(body, POLL_METRIC);
    if (value === undefined) return failed(`metric ${POLL_METRIC} is missing`);
    if (!(value > 0)) return failed("no successful control-plane poll observed");
    const ageMs = Date.now() - value * 1000;
    if (maxAgeMs > 0 && ageMs > maxAgeMs) {
      return failed(`the last successful poll was ${Math.round(ageMs / 1000)} s ago`, value);
    }
    return { url, value, ok: true };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return failed(error.message);
  }
}

/** The first sample of a metric in the Prometheus text format. */
function sampleOf(text: string, metric: string): number | undefined {
  const line = text.split("\n").find((line) =>
    line.startsWith(`${metric} `) || line.startsWith(`${metric}{`)
  );
  const value = line?.trim().split(/\s+/).at(-1);
  return value === undefined ? undefined : Number(value);
}

/** H-7. */
async function examineProcess({ pid, pidFile }: HealthOptions): Promise<ProcessReport | undefined> {
  if (pid !== undefined) return { pid, running: isRunning(pid) };
  if (pidFile === undefined) return undefined;
  try {
    const found = Number((await Deno.readTextFile(pidFile)).trim().split(/\s+/)[0]);
    if (!Number.isSafeInteger(found) || found <= 0) {
      return { pid_file: pidFile, running: false, error: "the file holds no process id" };
    }
    return { pid: found, pid_file: pidFile, running: isRunning(found) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const why = error instanceof Deno.errors.NotFound ? "the file does not exist" : error.message;
    return { pid_file: pidFile, running: false, error: why };
  }
}

/** Signal 0 asks without harming; a process of another user answers with a refusal, and runs. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "code" in error && error.code === "EPERM";
  }
}
