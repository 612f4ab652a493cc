/** The official conformance suite as a child process: which scenarios a revision asks for, and what they find. */
import { CHECKOUT } from "../support/e2e_program.ts";
import { Folder } from "../support/e2e_folder.ts";
import { lines } from "./lines.ts";

const PROGRAM = new URL("./suite_program.ts", import.meta.url).pathname;

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

/** No scenario takes longer than 30 s, and the suite says when each begins; the first line may wait for a download. */
const SILENCE_LIMIT_MS = 120_000;
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
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--frozen", "--no-check", "--quiet", PROGRAM, ...args],
    cwd: CHECKOUT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let isSilent = false;
  const giveUp = () => {
    isSilent = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(giveUp, SILENCE_LIMIT_MS);
  let hasSpoken = false;
  for await (const line of lines(child.stdout)) {
    clearTimeout(timer);
    timer = setTimeout(giveUp, SILENCE_LIMIT_MS);
    hasSpoken = true;
    onLine(line);
  }
  clearTimeout(timer);
  const { code } = await child.status;
  const stderr = (await errors).trim();
  if (isSilent) {
    throw new SuiteError(
      `the conformance suite (${args[0]}) said nothing for ${SILENCE_LIMIT_MS} ms: ${stderr}`,
    );
  }
  // 1 also stands for failed checks; then there has been something to say.
  if (code > 1 || !hasSpoken) {
    throw new SuiteError(`the conformance suite (${args[0]}) ended with code ${code}: ${stderr}`);
  }
}
