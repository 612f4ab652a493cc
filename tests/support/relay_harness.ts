/** A relay on a port of its own, with the hands of an agent and of a connector. */
import type { Log, LogFields } from "../../src/ops/mod.ts";
import { createRelay, type Relay, type RelayCounts, type RelayOptions } from "../../src/relay/mod.ts";

export const TUNNEL = "tunnel_22222222222222222222222222222222";
export const OTHER_TUNNEL = "tunnel_33333333333333333333333333333333";
export const KEY = "agent-key-1";
export const OTHER_KEY = "agent-key-2";

/** What a relay says that it can do. */
export const FEATURES = "poll-release,server-requests,stream-cut,cancel,more-time,asides,connector-headers";

/** The same without one. */
export function featuresWithout(feature: string): string {
  return FEATURES.split(",").filter((name) => name !== feature).join(",");
}

/** A command as a poll brings it. */
export interface PolledCommand {
  readonly request_id: string;
  readonly shard_token: string;
  readonly command_type: string;
  readonly channel: string;
  readonly created_at: string;
  readonly response_timeout?: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly jsonrpc?: Readonly<Record<string, unknown>>;
}

export interface PollResult {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly commands: readonly PolledCommand[];
}

export interface PollOptions {
  readonly limit?: number;
  readonly timeoutMs?: number;
  readonly channels?: readonly string[];
  readonly tunnel?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface CallOptions {
  readonly tunnel?: string;
  readonly channel?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>> | [string, string][];
  readonly signal?: AbortSignal;
}

export class RelayHarness {
  private constructor(
    readonly relay: Relay,
    readonly url: string,
    /** What the relay has logged. */
    readonly records: readonly { event: string; fields: LogFields }[],
  ) {}

  /** Starts a relay with two tunnels and the given options, and runs the test against it. */
  static async with(
    options: Partial<RelayOptions>,
    test: (harness: RelayHarness) => Promise<void>,
  ): Promise<void> {
    const records: { event: string; fields: LogFields }[] = [];
    const relay = createRelay({
      tunnels: [{ id: TUNNEL, name: "first", description: "for tests", apiKeys: [KEY] }, {
        id: OTHER_TUNNEL,
        apiKeys: [OTHER_KEY],
      }],
      ...options,
    }, recordingLog(records));
    const address = await relay.listen({ hostname: "127.0.0.1", port: 0 });
    if (address.transport !== "tcp") throw new Error("not a TCP address");
    const harness = new RelayHarness(relay, address.url, records);
    try {
      await test(harness);
    } finally {
      await relay.stop();
    }
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  counts(tunnel = TUNNEL): RelayCounts {
    return this.relay.counts(tunnel);
  }

  /** One poll; by default it does not wait. */
  async poll(options: PollOptions = {}): Promise<PollResult> {
    const query = new URLSearchParams();
    for (const channel of options.channels ?? []) query.append("channel", channel);
    query.set("limit", String(options.limit ?? 25));
    query.set("timeout_ms", String(options.timeoutMs ?? 1));
    const response = await fetch(`${this.url}/v1/tunnels/${options.tunnel ?? TUNNEL}/poll?${query}`, {
      headers: {
        Authorization: `Bearer ${options.key ?? KEY}`,
        Accept: "application/json",
        ...options.headers,
      },
      signal: options.signal ?? null,
    });
    const text = await response.text();
    const commands = response.status === 200
      ? (JSON.parse(text) as { commands: PolledCommand[] }).commands
      : [];
    return { status: response.status, text, headers: response.headers, commands };
  }

  /** Polls until a command comes. */
  async nextCommand(options: PollOptions = {}): Promise<PolledCommand> {
    for (;;) {
      const { commands, status, text } = await this.poll({ limit: 1, timeoutMs: 5_000, ...options });
      if (commands[0] !== undefined) return commands[0];
      if (status >= 400) throw new Error(`poll failed: ${status} ${text}`);
    }
  }

  /** Posts a response body as it is. */
  async post(
    body: BodyInit,
    shardToken: string | undefined,
    options: { tunnel?: string; key?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; json: unknown; headers: Headers }> {
    const response = await fetch(`${this.url}/v1/tunnels/${options.tunnel ?? TUNNEL}/response`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${options.key ?? KEY}`,
        "Content-Type": "application/json",
        ...(shardToken === undefined ? {} : { "X-Tunnel-Shard-Token": shardToken }),
        ...options.headers,
      },
      body,
    });
    return { status: response.status, json: await response.json(), headers: response.headers };
  }

  /** Posts one response for a command; members given replace the usual ones. */
  respond(command: PolledCommand, members: Readonly<Record<string, unknown>> = {}): Promise<
    { status: number; json: unknown; headers: Headers }
  > {
    return this.post(responseBody(command, members), command.shard_token);
  }

  /** A connector request. */
  call(body: BodyInit | undefined, options: CallOptions = {}): Promise<Response> {
    const channel = options.channel === undefined ? "" : `/${options.channel}`;
    return fetch(`${this.url}/v1/mcp/${options.tunnel ?? TUNNEL}${channel}`, {
      method: options.method ?? "POST",
      headers: options.headers ?? {},
      signal: options.signal ?? null,
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Lets the relay know that an agent is there. */
  async introduceAgent(tunnel = TUNNEL, key = KEY): Promise<void> {
    await this.poll({ tunnel, key });
  }
}

export function request(id: number | string = 1, method = "tools/list"): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method });
}

/** Body of a response POST for a command. */
export function responseBody(
  command: PolledCommand,
  members: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({
    request_id: command.request_id,
    channel: command.channel,
    resp_json: { jsonrpc: "2.0", id: command.jsonrpc?.["id"] ?? null, result: {} },
    resp_headers: { "Content-Type": ["application/json"] },
    resp_code: 200,
    resp_type: "jsonrpc_response",
    ...members,
  });
}

/** Error envelope of a reply. */
export async function errorOf(
  response: Response,
): Promise<{ message: string; type: string; param: string | null; code: string }> {
  return (await response.json() as {
    error: { message: string; type: string; param: string | null; code: string };
  })
    .error;
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean, what: string, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A connection on which bytes are written by hand. */
export class RawConnection {
  private constructor(readonly conn: Deno.TcpConn) {}

  static async to(port: number, head: string): Promise<RawConnection> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const raw = new RawConnection(conn);
    await raw.write(head);
    return raw;
  }

  async write(text: string): Promise<void> {
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) rest = rest.subarray(await this.conn.write(rest));
  }

  /** Reads until the other side closes, or until the text is there. */
  async readUntil(end?: string): Promise<string> {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(65536);
    let text = "";
    while (end === undefined || !text.includes(end)) {
      let count: number | null;
      try {
        count = await this.conn.read(chunk);
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionReset) return text;
        throw error;
      }
      if (count === null) return text;
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
    }
    return text;
  }

  close(): void {
    this.conn.close();
  }
}

/** Head of a poll request. */
export function pollHead(limit = 25, timeoutMs = 5_000): string {
  return `GET /v1/tunnels/${TUNNEL}/poll?limit=${limit}&timeout_ms=${timeoutMs} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
    `Authorization: Bearer ${KEY}\r\n\r\n`;
}

/** Head and body of a connector's POST. */
export function callText(body: string, headers = ""): string {
  return `POST /v1/mcp/${TUNNEL} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}` +
    `Content-Length: ${new TextEncoder().encode(body).length}\r\n\r\n${body}`;
}

/** A log that only remembers. */
export function recordingLog(records: { event: string; fields: LogFields }[]): Log {
  const put = (event: string, fields: LogFields = {}) => void records.push({ event, fields });
  const log: Log = { debug: put, info: put, warn: put, error: put, enabled: () => true, with: () => log };
  return log;
}
