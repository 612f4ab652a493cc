import type { AgentSummary } from "../agent/mod.ts";
import type { Metrics, Outcome } from "../ops/mod.ts";

const OUTCOMES: readonly Outcome[] = [
  "answered",
  "acknowledged",
  "failed_answered",
  "expired",
  "undeliverable",
];
const RECEIVED = OUTCOMES.length;
const SLOTS = OUTCOMES.length + 1;

/**
 * The numbers of the outcome law in memory that both threads see: main knows them to the last command, also when the
 * agent cannot be asked any more.
 */
export class SharedCounts {
  readonly #slots: Uint32Array;

  /** @param memory made by {@link SharedCounts.memory} */
  constructor(memory: SharedArrayBuffer) {
    this.#slots = new Uint32Array(memory);
  }

  /** New memory, all numbers 0. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(SLOTS * Uint32Array.BYTES_PER_ELEMENT);
  }

  get summary(): AgentSummary {
    const outcomes = { answered: 0, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 };
    OUTCOMES.forEach((outcome, slot) => outcomes[outcome] = Atomics.load(this.#slots, slot));
    return { received: Atomics.load(this.#slots, RECEIVED), outcomes };
  }

  received(): void {
    Atomics.add(this.#slots, RECEIVED, 1);
  }

  ended(outcome: string): void {
    const slot = OUTCOMES.findIndex((known) => known === outcome);
    if (slot >= 0) Atomics.add(this.#slots, slot, 1);
  }

  /** The same metrics; what of them belongs to the law is counted here, too. */
  beside(metrics: Metrics): Metrics {
    return {
      observe: (name, value, labels) => metrics.observe(name, value, labels),
      gauge: (name, read) => metrics.gauge(name, read),
      count: (name, labels, by) => {
        metrics.count(name, labels, by);
        if (name === "commands_received_total") this.received();
        else if (name === "commands_outcome_total") this.ended(labels?.outcome ?? "");
      },
    };
  }
}
