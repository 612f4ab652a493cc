/** Work beside the calls of a channel, so that stopping the channel ends it, too: answers to server requests. */
export class Background {
  readonly #stops = new Set<() => void>();
  #stopped = false;

  /** Registers how some work is ended. @returns takes the registration back */
  onStop(stop: () => void): () => void {
    this.#stops.add(stop);
    if (this.#stopped) queueMicrotask(stop);
    return () => this.#stops.delete(stop);
  }

  /** Ends everything that is still under way, now and later. */
  stop(): void {
    this.#stopped = true;
    for (const stop of [...this.#stops]) stop();
  }
}
