/** The doctor in the test's own process, asked as the command asks it. */
import assert from "node:assert/strict";
import { doctorFlags } from "../../src/cli/doctor_options.ts";
import { connectorNote, SETUP_PAGES } from "../../src/cli/setup_pages.ts";
import { parseFlags } from "../../src/config/mod.ts";
import { type Check, type CheckId, type DoctorReport, examine } from "../../src/doctor/mod.ts";

export const TUNNEL = `tunnel_${"d".repeat(32)}`;
export const KEY = "heron-ladder-61";
/** A small stdio server; its arguments say how it misbehaves. */
const SERVER = new URL("./doctor_stdio_server.ts", import.meta.url).pathname;

/** The command line of the small server. */
export function smallServer(...args: readonly string[]): string {
  return [Deno.execPath(), "run", "--allow-env", "--no-check", SERVER, ...args].join(" ");
}

export interface AskOptions {
  /** Undefined takes a variable away that is set otherwise. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (running: readonly CheckId[]) => void;
}

/** Asks with these flags and a key; nothing of this process's environment but what finds programs comes along. */
export async function ask(args: readonly string[], options: AskOptions = {}): Promise<DoctorReport> {
  const { env = {}, signal = new AbortController().signal, onProgress } = options;
  const all: Record<string, string | undefined> = {
    PATH: Deno.env.get("PATH") ?? "",
    HOME: Deno.env.get("HOME"),
    CONTROL_PLANE_API_KEY: KEY,
    CONTROL_PLANE_TUNNEL_ID: TUNNEL,
    HEALTH_LISTEN_ADDR: "127.0.0.1:0",
    ...env,
  };
  const set = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return await examine({
    flags: parseFlags(doctorFlags(), args).flags,
    env: Object.fromEntries(set),
    pages: SETUP_PAGES,
    connectorNote,
    signal,
    ...onProgress === undefined ? {} : { onProgress },
  });
}

/** The one check with this id. */
export function checkOf({ checks }: DoctorReport, id: CheckId): Check {
  const found = checks.filter((check) => check.id === id);
  assert.equal(found.length, 1, `${id}: ${checks.map(({ id }) => id).join(" ")}`);
  return found[0]!;
}

/** Status and summary of a check, to compare. */
export function told(report: DoctorReport, id: CheckId): string {
  const { status, summary } = checkOf(report, id);
  return `${status} ${summary}`;
}

/** Every failure and every warning says why it matters and ends with what to type next. */
export function assertExplained({ checks }: DoctorReport): void {
  for (const { id, status, why, next = [] } of checks) {
    if (status !== "FAIL" && status !== "WARN") continue;
    assert.ok((why ?? "").length > 20, `${id}: why`);
    assert.ok(next.some((step) => /tunnel-client [a-z]/.test(step)), `${id}: ${next.join(" / ")}`);
  }
}
