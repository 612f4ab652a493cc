/** Connectors of every kind, which call again and again and check each answer. */
import { createTargetClient, type HeaderPairs, type HttpClient } from "../../src/net/mod.ts";
import { Pace } from "./pace.ts";

/** What was asked of the tunnel, by what came of it. */
export interface LoadCounts {
  /** Requests that have ended as they must. */
  calls: number;
  /** Of these: answered with an error, because the target failed or there is no such channel. */
  refused: number;
  /** Of these: their connector hung up on purpose. */
  hungUp: number;
  /** Of these: calls that a stdio server took with it when it was killed. */
  takenAlong: number;
}

export interface LoadOptions {
  readonly mcpUrl: string;
  readonly connectors: number;
  /** Requests a second that all connectors together make at most; Infinity for as many as they can. */
  readonly callsPerSecond: number;
  /** Instant of the monotonic clock at which the stdio server was killed last. */
  readonly serverKilledAtMs: () => number;
}

type Kind = keyof typeof STEPS;

/** What each connector does, over and over; most calls are ordinary ones. */
const ROUND: readonly Kind[] = [
  ...Array<Kind>(30).fill("json"),
  ...Array<Kind>(10).fill("stream"),
  ...Array<Kind>(10).fill("stdio"),
  "session",
  "oauth",
  "notification",
  "unknownChannel",
  "targetFails",
  "streamBreaksOff",
  "hangUp",
];
/** A stdio server that was killed is there again within this time; only then may calls to it fail. */
const SERVER_AWAY_MS = 10_000;
/** The relay refuses more at a time. */
const METADATA_CALLERS = 8;
const HANG_UP = new Error("the connector hangs up");
const JSON_ONLY = [["Content-Type", "application/json"], ["Accept", "application/json"]] as const;
const WITH_EVENTS = [
  ["Content-Type", "application/json"],
  ["Accept", "application/json, text/event-stream"],
] as const;

/** Runs connectors until the signal is aborted. @throws {Error} at the first answer that is not what it must be */
export async function load(options: LoadOptions, counts: LoadCounts, over: AbortSignal): Promise<void> {
  const client = createTargetClient();
  const pace = new Pace(options.callsPerSecond);
  const failed = new AbortController();
  const until = AbortSignal.any([over, failed.signal]);
  // One for all: also behind a server that was killed, no call may be told that it came before the handshake.
  await new Connector(client, options, options.connectors, counts, pace).shakeHandsWithStdio();
  const connectors = Array.from({ length: options.connectors }, async (_, number) => {
    const connector = new Connector(client, options, number, counts, pace);
    try {
      // Each begins elsewhere in the round.
      for (let step = number * 7; !until.aborted; step++) {
        await connector.do(ROUND[step % ROUND.length] ?? "json");
      }
    } catch (error) {
      failed.abort();
      throw error;
    }
  });
  try {
    const ends = await Promise.allSettled(connectors);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  } finally {
    client.close();
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: HeaderPairs;
}

const STEPS = {
  json: (connector: Connector) => connector.call(""),
  stream: (connector: Connector) => connector.call("/stream"),
  stdio: (connector: Connector) => connector.callStdio(),
  session: (connector: Connector) => connector.session(),
  oauth: (connector: Connector) => connector.oauth(),
  notification: (connector: Connector) => connector.notification(),
  unknownChannel: (connector: Connector) => connector.unknownChannel(),
  targetFails: (connector: Connector) => connector.refused("", "fail"),
  streamBreaksOff: (connector: Connector) => connector.refused("/stream", "break off"),
  hangUp: (connector: Connector) => connector.hangUp(),
};

class Connector {
  #serial = 0;

  constructor(
    private readonly client: HttpClient,
    private readonly options: LoadOptions,
    private readonly number: number,
    private readonly counts: LoadCounts,
    private readonly pace: Pace,
  ) {}

  async do(kind: Kind): Promise<void> {
    try {
      await STEPS[kind](this);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new Error(`${kind}: ${error.message}`, { cause: error });
    }
  }

  async call(path: string, extra: HeaderPairs = []): Promise<void> {
    const id = this.#nextId();
    const { status, text } = await this.#ask("POST", path, message(id, "tools/call"), extra);
    if (status !== 200 || !text.includes(`"id":"${id}","result"`)) throw unexpected(id, status, text);
  }

  async shakeHandsWithStdio(): Promise<void> {
    const id = this.#nextId();
    const begun = await this.#ask("POST", "/stdio", message(id, "initialize"));
    if (begun.status !== 200) throw unexpected(id, begun.status, begun.text);
    const note = await this.#ask("POST", "/stdio", message(undefined, "notifications/initialized"));
    if (note.status !== 200) throw unexpected("notifications/initialized", note.status, note.text);
  }

  async callStdio(): Promise<void> {
    const id = this.#nextId();
    const { status, text } = await this.#ask("POST", "/stdio", message(id, "tools/call"));
    if (status === 502 && performance.now() - this.options.serverKilledAtMs() < SERVER_AWAY_MS) {
      this.counts.takenAlong++;
    } else if (status !== 200 || !text.includes(`"id":"${id}","result"`)) throw unexpected(id, status, text);
  }

  /** From the handshake to the end of the session, and behind it. */
  async session(): Promise<void> {
    const id = this.#nextId();
    const begun = await this.#ask("POST", "", message(id, "initialize"));
    const session = begun.headers.find(([name]) => name.toLowerCase() === "mcp-session-id")?.[1];
    if (begun.status !== 200 || session === undefined) throw unexpected(id, begun.status, begun.text);
    const extra = [["Mcp-Session-Id", session]] as const;
    const note = await this.#ask("POST", "", message(undefined, "notifications/initialized"), extra);
    if (note.status !== 202) throw unexpected("notifications/initialized", note.status, note.text);
    await this.call("", extra);
    await this.call("/stream");
    const ended = await this.#ask("DELETE", "", undefined, extra);
    if (ended.status !== 204) throw unexpected("DELETE", ended.status, ended.text);
    const behind = await this.#ask("POST", "", message(this.#nextId(), "tools/call"), extra);
    if (behind.status !== 404) {
      throw unexpected("a call of a session that is over", behind.status, behind.text);
    }
    this.counts.refused++;
  }

  async oauth(): Promise<void> {
    if (this.number >= METADATA_CALLERS) return await this.call("");
    const { origin, pathname } = new URL(this.options.mcpUrl);
    const url = `${origin}/.well-known/oauth-protected-resource${pathname}`;
    const { status, text } = await this.#request({ method: "GET", url, headers: [] });
    if (status !== 200 || !text.includes('"authorization_servers"')) {
      throw unexpected("metadata", status, text);
    }
  }

  async notification(): Promise<void> {
    const { status, text } = await this.#ask("POST", "", message(undefined, "notifications/progress"));
    if (status !== 202) throw unexpected("notifications/progress", status, text);
  }

  async unknownChannel(): Promise<void> {
    const id = this.#nextId();
    const { status, text } = await this.#ask("POST", "/nowhere", message(id, "tools/call"));
    if (status !== 400) throw unexpected(id, status, text);
    this.counts.refused++;
  }

  /** The target fails; what arrives is an error that belongs to the call. */
  async refused(path: string, tool: string): Promise<void> {
    const id = this.#nextId();
    const { status, text } = await this.#ask("POST", path, message(id, "tools/call", tool));
    const isError = text.includes(`"id":"${id}"`) && text.includes('"error":');
    if (!isError || text.includes('"result":')) throw unexpected(id, status, text);
    this.counts.refused++;
  }

  async hangUp(): Promise<void> {
    const hangUp = new AbortController();
    const timer = setTimeout(() => hangUp.abort(HANG_UP), this.#serial % 4);
    try {
      await this.#ask("POST", "", message(this.#nextId(), "tools/call"), [], hangUp.signal);
    } catch (error) {
      if (error !== HANG_UP) throw error;
      this.counts.hungUp++;
      this.counts.calls++;
    } finally {
      clearTimeout(timer);
    }
  }

  #nextId(): string {
    return `${this.number}-${this.#serial++}`;
  }

  async #ask(
    method: string,
    path: string,
    body: string | undefined,
    extra: HeaderPairs = [],
    signal: AbortSignal | undefined = undefined,
  ): Promise<Answer> {
    const headers = [...(path === "/stream" ? WITH_EVENTS : JSON_ONLY), ...extra];
    return await this.#request({ method, url: this.options.mcpUrl + path, headers, body, signal });
  }

  async #request(request: Parameters<HttpClient["request"]>[0]): Promise<Answer> {
    await this.pace.turn();
    const { status, headers, body } = await this.client.request(request);
    const text = await body.text();
    this.counts.calls++;
    return { status, text, headers };
  }
}

function message(id: string | undefined, method: string, name?: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params: { name } });
}

function unexpected(what: string, status: number, text: string): Error {
  return new Error(`${what} met ${status}: ${text.slice(0, 500)}`);
}
