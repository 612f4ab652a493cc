/** Commands, observers and clocks for channel tests. */
import { createHttpChannel, type HttpChannel, type HttpChannelOptions } from "../../src/channels/mod.ts";
import { createTargetClient } from "../../src/net/mod.ts";
import type {
  CallObserver,
  ChannelCall,
  ChannelRequest,
  Clock,
  HeaderMap,
  JsonText,
  ResponseHead,
} from "../../src/channels/mod.ts";

import { type RecordingLog, recordingLog } from "./channels_log.ts";
import { type ScriptedTarget, startTarget, type TargetHandler } from "./channels_target.ts";

/** A call whose text is exactly this. */
export function callFrom(text: string, headers: HeaderMap = {}): ChannelCall {
  const message = JSON.parse(text);
  return { text, message, id: message.id, method: message.method, headers };
}

export function toolCall(id: string | number = 1, headers: HeaderMap = {}): ChannelCall {
  return callFrom(
    JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo" } }),
    headers,
  );
}

export function notification(headers: HeaderMap = {}): ChannelRequest {
  const text = `{"jsonrpc":"2.0","method":"notifications/initialized"}`;
  return { text, message: JSON.parse(text), method: "notifications/initialized", headers };
}

/** An answer for a call, as text. */
export function answer(id: string | number = 1, result: unknown = { ok: true }): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

export function progress(n: number): string {
  return JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: { progress: n } });
}

export function textOf(text: JsonText): string {
  return typeof text === "string" ? text : new TextDecoder().decode(text);
}

/** What a call reports, in order. */
export class Collector implements CallObserver {
  readonly events: string[] = [];
  readonly heads: ResponseHead[] = [];
  sentCount = 0;
  /** Awaited before a notification counts as delivered. */
  hold: (text: string) => Promise<void> = () => Promise.resolve();

  sent(): void {
    this.sentCount++;
    this.events.push("sent");
  }

  async notification(text: JsonText, head: ResponseHead): Promise<void> {
    await this.hold(textOf(text));
    this.heads.push(head);
    this.events.push(textOf(text));
  }
}

/** The same, and what happens to the target's stream. */
export class StreamCollector extends Collector {
  /** Awaited before a sign counts as delivered. */
  holdSign: Promise<void> = Promise.resolve();

  streamOpened(head: ResponseHead): Promise<void> {
    return this.#sign("opened", head);
  }

  streamCut(head: ResponseHead): Promise<void> {
    return this.#sign("cut", head);
  }

  async #sign(word: string, head: ResponseHead): Promise<void> {
    this.events.push(word);
    await this.holdSign;
    this.heads.push(head);
  }
}

export interface TestClock extends Clock {
  /** All pauses that were asked for, in ms. */
  readonly pauses: number[];
  /** All limits that were set, in ms. */
  readonly limits: number[];
}

/**
 * A clock on which pauses pass at once and limits never run out, but for the first few if the test wants.
 * `now()` runs on by what was not waited for.
 */
export function testClock(
  { random = 0, holdsPauses = false, expiringLimits = 0 }: {
    readonly random?: number;
    readonly holdsPauses?: boolean;
    readonly expiringLimits?: number;
  } = {},
): TestClock {
  const pauses: number[] = [];
  const limits: number[] = [];
  let skippedMs = 0;
  const wait = (passes: boolean, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (passes) queueMicrotask(resolve);
    });
  return {
    pauses,
    limits,
    now: () => performance.now() + skippedMs,
    random: () => random,
    sleep: (durationMs, signal) => {
      pauses.push(durationMs);
      if (!holdsPauses) skippedMs += durationMs;
      return wait(!holdsPauses, signal);
    },
    limit: (durationMs, signal) => {
      const runsOut = limits.push(durationMs) <= expiringLimits;
      if (runsOut) skippedMs += durationMs;
      return wait(runsOut, signal);
    },
  };
}

export interface Bench {
  readonly target: ScriptedTarget;
  readonly channel: HttpChannel;
  readonly log: RecordingLog;
  readonly observer: Collector;
  /** Never aborted. */
  readonly signal: AbortSignal;
}

/** Runs a test with one scripted target behind one channel, and checks that nothing is left. */
export async function withTarget(
  handler: TargetHandler,
  test: (bench: Bench) => Promise<void>,
  options: Partial<HttpChannelOptions> & { readonly path?: string; readonly clock?: Clock } = {},
): Promise<void> {
  await using target = startTarget(handler);
  const log = recordingLog();
  const url = options.url ?? `${target.origin}${options.path ?? "/mcp"}`;
  const channel = createHttpChannel(
    { name: "main", extraHeaders: [], discoveryExtraHeaders: [], ...options, url },
    createTargetClient(),
    log,
    options.clock,
  );
  await channel.start();
  try {
    await test({ target, channel, log, observer: new Collector(), signal: new AbortController().signal });
  } finally {
    await channel.stop(0);
  }
}

/** Waits until a condition holds. @throws after the deadline, with what was waited for */
export async function until(condition: () => boolean, what: string, deadlineMs = 5_000): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Lets everything that is ready happen: some turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}
