import { createMetricStore } from "./metric_store.ts";
import type { Log, MetricLabels, MetricSnapshot } from "./observe.ts";
import type { Redactor } from "./redactor.ts";
import { besideEachOther, EMPTY_SNAPSHOT, lastingPart, sumSnapshots } from "./snapshot_sum.ts";

const REFRESH_LIMIT_MS = 250;
/** Stands for the agent where there is never more than one. */
const ONLY_AGENT = {};

/** Settings of {@link createExposition}. */
export interface ExpositionOptions {
  /** Labels of `tunnel_client_info`. */
  readonly info: MetricLabels;
  /** The metrics that the main thread counts itself. */
  readonly own: ReturnType<typeof createMetricStore>;
  /** True when `/readyz` would answer 200. */
  readonly isReady: () => boolean;
  /** Makes the agent send a snapshot; settles after {@link Exposition.update} has taken it. Waited for at most 250 ms. */
  readonly refresh: () => Promise<void>;
  readonly redactor: Redactor;
  readonly log: Log;
}

/** Everything that was counted, by all threads and by every agent since the start. */
export interface Exposition {
  /**
   * Takes the newest snapshot of a running agent.
   * @param agent stands for it where several run
   */
  update(snapshot: MetricSnapshot, agent?: object): void;
  /** The agent was replaced: its counts stay, its gauges go, and `agent_restarts_total` rises. */
  agentReplaced(agent?: object): void;
  /** The agent has come to its end: its counts stay, its gauges go. */
  agentEnded(agent: object): void;
  /** Asks the agent for a snapshot; resolves when it came, or after 250 ms without it. Never rejects. */
  refresh(): Promise<void>;
  /** A counter by the values of one of its labels, as of the last refresh. */
  counts(name: string, label: string): Record<string, number>;
  /** A counter over all its label sets, as of the last refresh. */
  total(name: string): number;
  /** Prometheus text 0.0.4 (M-1), after a {@link Exposition.refresh}. */
  text(): Promise<string>;
}

/** Content type of {@link Exposition.text}. */
export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Makes the exposition of one process. prom-client is loaded at the first scrape, not before. */
export function createExposition(options: ExpositionOptions): Exposition {
  const { own, redactor, log } = options;
  let before = EMPTY_SNAPSHOT;
  const running = new Map<object, MetricSnapshot>();
  let refreshing: Promise<void> | undefined;
  let scrape: (() => Promise<string>) | undefined;

  own.gauge("liveness", () => 1);
  own.gauge("readiness", () => options.isReady() ? 1 : 0);

  const everything = () => sumSnapshots(before, besideEachOther([...running.values()]), own.snapshot());

  function ended(agent: object): void {
    before = sumSnapshots(before, lastingPart(running.get(agent) ?? EMPTY_SNAPSHOT));
    running.delete(agent);
  }

  async function ask(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, REFRESH_LIMIT_MS);
    });
    try {
      await Promise.race([options.refresh(), limit]);
    } catch (error) {
      // Whatever keeps the agent from answering, a scrape shows what is known.
      log.debug("agent sent no metrics", { error: String(error) });
    } finally {
      clearTimeout(timer);
      refreshing = undefined;
    }
  }

  const refresh = () => refreshing ??= ask();

  return {
    update(snapshot, agent = ONLY_AGENT) {
      running.set(agent, snapshot);
    },
    agentReplaced(agent = ONLY_AGENT) {
      ended(agent);
      own.count("agent_restarts_total");
    },
    agentEnded: ended,
    refresh,
    counts(name, label) {
      const counts: Record<string, number> = {};
      for (const { labels, name: seriesName, value } of everything().counters) {
        const key = labels[label];
        if (seriesName === name && key !== undefined) counts[key] = (counts[key] ?? 0) + value;
      }
      return counts;
    },
    total: (name) =>
      everything().counters.reduce((sum, series) => series.name === name ? sum + series.value : sum, 0),
    async text() {
      await refresh();
      if (scrape === undefined) {
        // Hidden from Deno, which would otherwise walk prom-client before the first line runs.
        const path = new URL("./prometheus.ts", import.meta.url).href;
        const { createScrape }: typeof import("./prometheus.ts") = await import(path);
        scrape ??= createScrape({ info: options.info, read: everything, redactor });
      }
      return await scrape();
    },
  };
}
