/** What main thread and agent thread say to each other; plain data only. */
import type { AgentSummary } from "../agent/mod.ts";
import type { HandshakeTexts } from "../channels/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import type { Routes } from "./routes.ts";
import type { AgentStatus, LogLevel, LogRecord, MetricSnapshot, TimelineEntry } from "../ops/mod.ts";

/** Everything the agent needs to start; it can read nothing by itself. */
export interface AgentStart {
  readonly config: RunConfig;
  readonly instanceId: string;
  /** Absolute path of the program that is started for each stdio binding, by channel. */
  readonly executables: Readonly<Record<string, string>>;
  /** Environment of each stdio binding's child, by channel. */
  readonly childEnvironments: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** How its requests leave, with the texts of certificates, keys and roots. Secret. */
  readonly routes: Routes;
  /** Program that signals process groups, if the machine has one. */
  readonly killProgram: string | undefined;
  /** Handshakes that connectors made with the agent before this one, by stdio channel. */
  readonly handshakes?: Handshakes;
}

export type Handshakes = Readonly<Record<string, HandshakeTexts>>;

export type ToAgent =
  /** `counts` is memory of {@link SharedCounts}. */
  | { readonly type: "start"; readonly start: AgentStart; readonly counts: SharedArrayBuffer }
  /** Answered by `snapshot` with the same number. */
  | { readonly type: "ask"; readonly number: number }
  | { readonly type: "log_level"; readonly level: LogLevel }
  /** Certificates, keys or roots have changed; nothing else about the routes has. */
  | { readonly type: "renew_tls"; readonly routes: Routes }
  /** Everything may have changed that the rights of this thread are enough for. Answered with the same number. */
  /** Answered by `handshakes` with the same number. */
  | { readonly type: "ask_handshakes"; readonly number: number }
  | { readonly type: "reconfigure"; readonly number: number; readonly start: AgentStart }
  /** `refusal` is undefined when the origin may be contacted; otherwise it says what would allow it. */
  | { readonly type: "origin_judged"; readonly number: number; readonly refusal: string | undefined }
  | { readonly type: "drain"; readonly limitMs: number }
  | { readonly type: "stop" };

export type FromAgent =
  /** The channels are up and polling begins. */
  | { readonly type: "started" }
  | { readonly type: "start_failed"; readonly error: string }
  /** What happened since the last report; never one message per command. */
  | {
    readonly type: "report";
    readonly records: readonly LogRecord[];
    readonly entries: readonly TimelineEntry[];
    readonly status: AgentStatus | undefined;
  }
  | {
    readonly type: "snapshot";
    readonly number: number;
    readonly status: AgentStatus | undefined;
    readonly metrics: MetricSnapshot;
    readonly summary: AgentSummary;
  }
  /** Process groups of stdio children that live now, so that main can end them if this thread cannot. */
  | { readonly type: "process_groups"; readonly groups: readonly number[] }
  /** `error` is empty when the new configuration is in force; otherwise nothing has changed. */
  | { readonly type: "reconfigured"; readonly number: number; readonly error: string }
  /** OAuth metadata is said to be at an origin that is not configured; answered by `origin_judged`. */
  | { readonly type: "judge_origin"; readonly number: number; readonly origin: string }
  | { readonly type: "handshakes"; readonly number: number; readonly handshakes: Handshakes }
  /** The control plane refuses the API key: it may have been replaced by another one. */
  | { readonly type: "key_refused" }
  | { readonly type: "stopped"; readonly summary: AgentSummary; readonly metrics: MetricSnapshot };
