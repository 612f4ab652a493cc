/** One fuzz run: which input comes when, and how long. */
import { Finding, FuzzBench } from "./bench.ts";
import { type Case, makeCase } from "./cases.ts";

export interface FuzzOptions {
  readonly seed: number;
  /** It ends when either is reached. */
  readonly seconds: number;
  readonly inputs?: number;
  /** Feeds this case only. */
  readonly only?: number;
  /** Hears now and then how far it is. */
  readonly onProgress?: (progress: FuzzProgress) => void;
}

export interface FuzzProgress {
  /** Cases that the agent was fed. */
  readonly inputs: number;
  readonly commands: number;
  readonly answers: number;
  readonly residentMiB: number;
}

/** How long a command may be unanswered; every one has ended by its time limit. */
const LIMIT_MS = 15_000;
/** Answers of targets that one poll asks for. */
const ANSWERS_AT_ONCE = 12;
/** Memory that an agent may gain after the first third of the run. */
const GROWTH_LIMIT_MIB = 100;
const LOOK_EVERY_MS = 50;
const PROGRESS_EVERY_MS = 10_000;

/** @throws {Finding} when something happens that must not */
export async function runFuzz(options: FuzzOptions): Promise<FuzzProgress> {
  const endMs = performance.now() + options.seconds * 1000;
  const cases = casesOf(options);
  await using bench = await FuzzBench.start(() => performance.now() > endMs ? [] : cases.next().value ?? []);
  const memory: number[] = [];
  let tellAtMs = performance.now() + PROGRESS_EVERY_MS;
  const progress = () => {
    const { delivered, commands, answers } = bench;
    return { inputs: delivered, commands, answers, residentMiB: memory.at(-1) ?? 0 };
  };
  const wanted = options.only === undefined ? options.inputs ?? Infinity : 1;
  while (performance.now() < endMs && bench.delivered < wanted || bench.open > 0) {
    bench.check(LIMIT_MS);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    memory.push(residentMiB(bench.agent.program.pid));
    if (performance.now() < tellAtMs) continue;
    tellAtMs += PROGRESS_EVERY_MS;
    options.onProgress?.(progress());
  }
  bench.check(LIMIT_MS);
  await bench.stop();
  const third = Math.floor(memory.length / 3);
  const early = Math.max(...memory.slice(0, third + 1));
  const late = Math.max(...memory.slice(third));
  if (late - early > GROWTH_LIMIT_MIB) {
    throw new Finding("growth", `memory grew from ${early.toFixed(0)} to ${late.toFixed(0)} MiB`, []);
  }
  return progress();
}

/** What one poll after the other brings: a damaged poll body, then damaged answers to good polls, and again. */
function* casesOf({ seed, inputs = Infinity, only }: FuzzOptions): Generator<Case[], undefined> {
  if (only !== undefined) return yield [makeCase(seed, only)], undefined;
  for (let polls = 0, answers = 0; polls + answers < inputs;) {
    yield [makeCase(seed, 2 * polls++)];
    yield Array.from({ length: ANSWERS_AT_ONCE }, () => makeCase(seed, 2 * answers++ + 1));
  }
}

function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  } catch (error) {
    // It has ended, which the next look notices.
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
