/** From a failure to the smallest input that still causes it. */
import { Finding, type FindingKind, FuzzBench } from "./bench.ts";
import type { Case } from "./cases.ts";
import { joined } from "./mutate.ts";

/** How long a command of one input may be unanswered. */
const SHOW_LIMIT_MS = 2_500;

/** Whether one input alone makes a fresh agent fail in the same way. */
async function fails(input: Case, kind: FindingKind): Promise<boolean> {
  const inputs = [input];
  await using bench = await FuzzBench.start(() => inputs.splice(0));
  try {
    while (bench.delivered === 0 || bench.open > 0) {
      bench.check(SHOW_LIMIT_MS);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    bench.check(SHOW_LIMIT_MS);
    // What was caught late shows in the log or in the numbers only at the end.
    await bench.stop();
    return false;
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    return error.kind === kind;
  }
}

/**
 * Tries each suspect alone, and makes the first that fails smaller as long as there is time.
 * @returns undefined when none of them fails alone
 */
export async function smallest({ kind, suspects }: Finding, limitMs: number): Promise<Case | undefined> {
  const untilMs = performance.now() + limitMs;
  for (const suspect of suspects) {
    if (performance.now() > untilMs) return undefined;
    if (await fails(suspect, kind)) return await shrunk(suspect, kind, untilMs);
  }
  return undefined;
}

async function shrunk(input: Case, kind: FindingKind, untilMs: number): Promise<Case> {
  let found = input;
  for (let progress = true; progress;) {
    progress = false;
    for (const bytes of [...withoutMembers(found), ...withoutPieces(found)]) {
      if (performance.now() > untilMs) return found;
      if (!await fails({ ...found, bytes }, kind)) continue;
      found = { ...found, bytes };
      progress = true;
      break;
    }
  }
  return found;
}

/** A poll body that is JSON, each time with one element or member less. */
function withoutMembers({ surface, bytes }: Case): Uint8Array[] {
  if (surface !== "poll") return [];
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return [...less(body)].map((smaller) => new TextEncoder().encode(JSON.stringify(smaller)));
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function* less(value: unknown): Generator<unknown> {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    const copy = Array.isArray(value) ? [...value] : { ...value };
    if (Array.isArray(copy)) copy.splice(Number(key), 1);
    else Reflect.deleteProperty(copy, key);
    yield copy;
  }
  for (const key of Object.keys(value)) {
    for (const smaller of less(Reflect.get(value, key))) {
      const copy = Array.isArray(value) ? [...value] : { ...value };
      Reflect.set(copy, key, smaller);
      yield copy;
    }
  }
}

/** The bytes, each time without a piece, large pieces first. */
function* withoutPieces({ bytes }: Case): Generator<Uint8Array> {
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < bytes.length; at += size) {
      yield joined(bytes.subarray(0, at), bytes.subarray(at + size));
    }
  }
}
