import { waited } from "../net/ways.ts";

/** How often the files are looked at; a change counts once it has lasted from one look to the next. */
const LOOK_EVERY_MS = 500;

/** What a watch is made of. */
export interface ReloadWatchParts {
  /** The files that the configuration was read from last. */
  readonly files: () => Iterable<string>;
  /** Whether they are to be watched now. */
  readonly isOn: () => boolean;
  readonly reload: () => Promise<unknown>;
}

/**
 * Reads the configuration again whenever one of its files has changed (`reload.watch`): written to, put in the place of
 * another, or behind a link that leads elsewhere now, as Kubernetes has it.
 */
export class ReloadWatch {
  readonly #parts: ReloadWatchParts;
  readonly #ended = new AbortController();
  #watching: Promise<void> | undefined;

  constructor(parts: ReloadWatchParts) {
    this.#parts = parts;
  }

  /** Begins to watch where that is wanted and not being done; to be called when the configuration may have changed. */
  update(): void {
    if (this.#watching !== undefined || !this.#parts.isOn()) return;
    this.#watching = this.#watch().finally(() => this.#watching = undefined);
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ended;
    const { files, isOn, reload } = this.#parts;
    let known = await look(files());
    let before = known;
    for (;;) {
      await waited(LOOK_EVERY_MS, signal);
      if (signal.aborted || !isOn()) return;
      const now = await look(files());
      const hasChanged = differs(known, now);
      // Whoever writes a file in several steps is given the time to end.
      const isSettled = !differs(before, now);
      before = now;
      if (hasChanged && !isSettled) continue;
      known = now;
      if (hasChanged) await reload();
    }
  }
}

/** What can be told of each file without reading it. */
async function look(paths: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, string>();
  for (const path of new Set(paths)) {
    try {
      const { mtime, size, ino, dev } = await Deno.stat(path);
      states.set(path, [mtime?.getTime(), size, ino, dev].join());
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      states.set(path, error.name);
    }
  }
  return states;
}

/** A file that is new to the configuration has not changed. */
function differs(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): boolean {
  return [...now].some(([path, state]) => before.has(path) && before.get(path) !== state);
}
