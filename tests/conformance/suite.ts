/** The official conformance suite as a child process: which scenarios a revision asks for, and what they find. */
import { CHECKOUT } from "../support/e2e_program.ts";
import { Folder } from "../support/e2e_folder.ts";
import { lines } from "./lines.ts";

/** The suite with its version; the first ones that know `--requirements` are pre-releases. */
export const SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";

/** Revisions of MCP for which the suite has a frozen set of scenarios. */
export const REVISIONS = ["2025-11-25", "2026-07-28"] as const;
export type Revision = (typeof REVISIONS)[number];

/** One finding of a scenario. */
export interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly errorMessage?: string;
}

/** What each scenario has found, in the order of the set. */
export type Findings = ReadonlyMap<string, readonly Check[]>;

export interface SuiteRun {
  readonly url: string;
  readonly revision: Revision;
  /** Called when a scenario begins. */
  readonly onScenario: (name: string) => void;
}

/** No scenario takes longer than 30 s; the suite says when each begins. */
const SILENCE_LIMIT_MS = 90_000;
/** Time for the suite to be fetched from the registry and to begin. */
const BEGIN_LIMIT_MS = 60_000;
const MAX_BEGINNINGS = 3;
const RESULT_FOLDER = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/;

/** The suite could not be run, which says nothing about the server. */
export class SuiteError extends Error {
  override readonly name = "SuiteError";
}

/**
 * Names of the server scenarios that belong to a revision: required ones, and those that are run and reported only.
 * @throws {SuiteError}
 */
export async function listScenarios(revision: Revision): Promise<string[]> {
  const names: string[] = [];
  let inServerPart = false;
  await suite(["list", "--requirements", revision], (line) => {
    if (/^\S/.test(line)) inServerPart = line.startsWith("Server scenarios");
    const name = /^ +- (\S+)(?: \[(\w+)\])?$/.exec(line);
    if (name?.[1] !== undefined && (name[2] === "server" || (inServerPart && name[2] === undefined))) {
      names.push(name[1]);
    }
  });
  if (names.length === 0) throw new SuiteError(`the suite lists no server scenarios for ${revision}`);
  return names;
}

/**
 * Runs scenarios of a revision against a server, at the wire version of that revision.
 * @param scenarios which; undefined: all of the revision's set, in one process
 * @throws {SuiteError}
 */
export async function runSuite(run: SuiteRun, scenarios?: readonly string[]): Promise<Findings> {
  await using folder = new Folder();
  const begun = (line: string) => {
    const name = /^=== Running scenario: (\S+) ===$/.exec(line)?.[1] ??
      /^Running client scenario '([^']+)'/.exec(line)?.[1];
    if (name !== undefined) run.onScenario(name);
  };
  const server = ["server", "--url", run.url, "--output-dir", folder.path];
  if (scenarios === undefined) await suite([...server, "--requirements", run.revision], begun);
  for (const scenario of scenarios ?? []) {
    await suite([...server, "--scenario", scenario, "--spec-version", run.revision, "--force"], begun);
  }
  return await findings(folder.path);
}

async function findings(path: string): Promise<Findings> {
  const found = new Map<string, readonly Check[]>();
  for await (const { name } of Deno.readDir(path)) {
    const scenario = RESULT_FOLDER.exec(name)?.[1];
    if (scenario === undefined) throw new SuiteError(`the suite left a result under a strange name: ${name}`);
    found.set(scenario, JSON.parse(await Deno.readTextFile(`${path}/${name}/checks.json`)));
  }
  return found;
}

/** Runs the suite's program to its end. Failed checks are in its results and are no failure here. */
async function suite(args: readonly string[], onLine: (line: string) => void): Promise<void> {
  for (let beginning = 1;; beginning++) {
    const outcome = await attempt(args, onLine);
    if (outcome === "ended") return;
    // Seen on machines under load: the process never gets as far as its first line.
    if (outcome === "silent" || beginning === MAX_BEGINNINGS) {
      throw new SuiteError(`the conformance suite (${args[0]}) hung without a word`);
    }
  }
}

async function attempt(
  args: readonly string[],
  onLine: (line: string) => void,
): Promise<"ended" | "never begun" | "silent"> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--quiet", SUITE, ...args],
    cwd: CHECKOUT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let last = "";
  let killed = false;
  const giveUp = () => {
    killed = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(giveUp, BEGIN_LIMIT_MS);
  for await (const line of lines(child.stdout)) {
    clearTimeout(timer);
    timer = setTimeout(giveUp, SILENCE_LIMIT_MS);
    if (line !== "") last = line;
    onLine(line);
  }
  clearTimeout(timer);
  const { code } = await child.status;
  const stderr = await errors;
  if (killed) return last === "" ? "never begun" : "silent";
  // 1 also stands for failed checks; then there has been something to say.
  if (code > 1 || last === "") {
    throw new SuiteError(`the conformance suite ended with code ${code}: ${stderr.trim()}`);
  }
  return "ended";
}
