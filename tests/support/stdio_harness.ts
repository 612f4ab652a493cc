import assert from "node:assert/strict";
import type {
  CallObserver,
  CallResult,
  ChannelCall,
  ChannelRequest,
  JsonText,
} from "../../src/channels/channel.ts";
import {
  createStdioChannel,
  type StdioChannel,
  type StdioChannelOptions,
} from "../../src/channels/stdio/mod.ts";
import type { Log, LogFields, LogLevel, Metrics } from "../../src/ops/mod.ts";

export interface Logged {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

/** A log that keeps its records. */
export class KeptLog implements Log {
  constructor(readonly records: Logged[] = [], readonly extra: LogFields = {}) {}
  debug = (event: string, fields?: LogFields) => this.#keep("debug", event, fields);
  info = (event: string, fields?: LogFields) => this.#keep("info", event, fields);
  warn = (event: string, fields?: LogFields) => this.#keep("warn", event, fields);
  error = (event: string, fields?: LogFields) => this.#keep("error", event, fields);
  enabled = () => true;
  with(fields: LogFields): Log {
    return new KeptLog(this.records, { ...this.extra, ...fields });
  }
  of(event: string): Logged[] {
    return this.records.filter((record) => record.event === event);
  }
  #keep(level: LogLevel, event: string, fields?: LogFields): void {
    this.records.push({ level, event, fields: { ...this.extra, ...fields } });
  }
}

export const QUIET: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  enabled: () => false,
  with: () => QUIET,
};

/** Metrics that only count. */
export class KeptMetrics implements Metrics {
  readonly counters = new Map<string, number>();
  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    const key = `${name}${JSON.stringify(labels)}`;
    this.counters.set(key, (this.counters.get(key) ?? 0) + by);
  }
  observe(): void {}
  gauge(): void {}
}

const CHILD = new URL("./stdio_child.ts", import.meta.url).pathname;
export const KILL = "/usr/bin/kill";
export const SH = "/bin/sh";

/** The words that start the scripted child. */
export function childArgv(...flags: string[]): string[] {
  return [Deno.execPath(), "run", "-A", "--quiet", "--no-lock", "--no-config", CHILD, ...flags];
}

export interface Opened extends AsyncDisposable {
  readonly channel: StdioChannel;
  readonly log: KeptLog;
  readonly metrics: KeptMetrics;
  call(method: string, params?: unknown, options?: CallOptions): Promise<CallResult>;
  /** Like `call`, and gives back the parsed result. */
  ask(method: string, params?: unknown, options?: CallOptions): Promise<unknown>;
  notify(method: string, params?: unknown): Promise<void>;
  /** Pid of the running child. */
  pid(): number;
}

export interface CallOptions {
  readonly id?: string | number;
  /** The message's text; default is made of method, params and id. */
  readonly text?: string;
  readonly observer?: Partial<CallObserver>;
  readonly signal?: AbortSignal;
}

/** Starts a channel over the scripted child; leaving the scope stops it and checks that no process is left. */
export async function open(options: Partial<StdioChannelOptions> = {}): Promise<Opened> {
  const log = new KeptLog();
  const metrics = new KeptMetrics();
  const groups: number[] = [];
  const channel = createStdioChannel(
    {
      name: "main",
      argv: childArgv(),
      command: "scripted --token secret",
      env: { HOME: "/nonexistent", PATH: Deno.env.get("PATH") ?? "" },
      killProgram: KILL,
      backoffMinMs: 20,
      // Most tests are about something else; those of the handshake say so.
      requireHandshake: false,
      ...options,
      onProcessGroup: (event) => {
        if (event.type === "started") groups.push(event.groupId);
        options.onProcessGroup?.(event);
      },
    },
    log,
    metrics,
  );
  await channel.start();
  let nextId = 1;
  const call = (method: string, params?: unknown, more: CallOptions = {}) =>
    channel.call(
      callOf(method, params, more.id ?? nextId++, more.text),
      { sent: () => undefined, notification: () => Promise.resolve(), ...more.observer },
      more.signal ?? NEVER,
    );
  return {
    channel,
    log,
    metrics,
    call,
    ask: async (method, params, more) => resultOf(await call(method, params, more)),
    notify: async (method, params) => {
      const outcome = await channel.notify(requestOf({ jsonrpc: "2.0", method, params }), NEVER);
      assert.equal(outcome.type, "accepted");
    },
    pid: () => channel.processInfo().pid!,
    [Symbol.asyncDispose]: async () => {
      await channel.stop(0);
      for (const group of groups) {
        assert.deepEqual(membersOf(group), [], `process group ${group} is not empty`);
      }
      assert.deepEqual(channel.processGroups(), []);
    },
  };
}

export const NEVER = new AbortController().signal;

export function callOf(method: string, params: unknown, id: string | number, text?: string): ChannelCall {
  const request = requestOf(text ?? { jsonrpc: "2.0", id, method, params });
  return { ...request, id: request.message.id as string | number };
}

export function requestOf(message: unknown): ChannelRequest {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  const parsed = JSON.parse(text) as Record<string, unknown>;
  return { text, message: parsed, method: String(parsed.method), headers: {} };
}

export function textOf(text: JsonText): string {
  return typeof text === "string" ? text : new TextDecoder("utf-8", { fatal: true }).decode(text);
}

/** Text of the answer; anything but an answer fails the test. */
export function answerOf(result: CallResult): string {
  if (result.type !== "response") assert.fail(JSON.stringify(result));
  return textOf(result.text);
}

export function resultOf(result: CallResult): unknown {
  return JSON.parse(answerOf(result)).result;
}

/** Live processes of a process group, as `pid command`; zombies do not count. */
export function membersOf(groupId: number): string[] {
  const members: string[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    let stat: string;
    try {
      stat = Deno.readTextFileSync(`/proc/${entry.name}/stat`);
    } catch {
      continue; // ended meanwhile
    }
    const end = stat.lastIndexOf(")");
    const [state, , group] = stat.slice(end + 2).split(" ");
    if (Number(group) === groupId && state !== "Z") {
      members.push(`${entry.name} ${stat.slice(stat.indexOf("(") + 1, end)}`);
    }
  }
  return members;
}

/** Waits until the condition holds; fails the test when it does not within the limit. */
export async function eventually(what: string, condition: () => boolean, limitMs = 10_000): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > untilMs) assert.fail(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
