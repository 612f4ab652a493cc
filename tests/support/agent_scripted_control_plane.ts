/**
 * A control plane that does what a test says (P-182): it hands out commands in order, refuses, delays and breaks
 * replies on demand, records every request as it stood on the wire, and checks each one strictly.
 */
import assert from "node:assert/strict";
import { Changes } from "./agent_changes.ts";
import { API_KEY, TUNNEL_ID } from "./agent_commands.ts";
import { RawHttpServer, type RawReply, type RawRequest, valuesOf } from "./agent_http_server.ts";
import { checkPostedBody, type PostedBody, STREAM_SIGNS } from "./agent_posted_body.ts";

export interface Recorded {
  readonly request: RawRequest;
  /** What was sent back; undefined while the request is open, or when the peer hung up first. */
  reply: RawReply | undefined;
  /** True when the peer hung up before the reply was complete. */
  abandoned: boolean;
}

export interface RecordedPoll extends Recorded {
  readonly query: string;
  readonly limit: number;
}

export interface RecordedPost extends Recorded {
  readonly body: PostedBody;
  readonly shardToken: string;
}

/** One step of an ordered script: the next one is delivered after all responses of this one have arrived. */
export interface Step {
  /** Texts of commands that one poll reply brings, or what makes them when it is their turn. */
  readonly commands: readonly string[] | (() => readonly string[]);
  /** Responses to wait for, events included; by default one per command. */
  readonly responses?: number;
  /** The step is not delivered before this. */
  readonly after?: Promise<unknown>;
}

export interface ScriptedControlPlaneOptions {
  /** `204` with no body, or `200` with an empty list (P-161). */
  readonly emptyStatus?: 200 | 204;
  /** Path before `/v1`. */
  readonly prefix?: string;
  /** Value of `X-Tunnel-Relay-Features`; absent behaves like the published service. */
  readonly features?: string;
  /** Exact value of the server-info header on every request. */
  readonly serverInfo?: string;
  readonly tunnelId?: string;
  /** API keys that the agent may show, by default its first one. */
  readonly acceptedKeys?: readonly string[];
}

type ReplyMaker<R extends Recorded> = (
  recorded: R,
  index: number,
) => RawReply | undefined | Promise<RawReply>;

/** Any 64 kB of it cost nothing and are more than one read brings. */
export const OK_BODY = '{"status":"ok"}';

export class ScriptedControlPlane {
  readonly changes: Changes;
  /** Every request, in order of arrival. */
  readonly requests: RawRequest[] = [];
  readonly polls: RecordedPoll[] = [];
  readonly posts: RecordedPost[] = [];
  readonly metadataCalls: Recorded[] = [];
  readonly releases: Recorded[] = [];
  /** True when a test stops its agent at any moment: before the script is over, or with replies on their way. */
  mayLoseReplies = false;
  /** How many polls were ever open at the same time. */
  mostOpenPolls = 0;
  /** What broke the rules; empty at the end of every good test. */
  readonly problems: string[] = [];
  /** Decides over each response POST; undefined means 200. */
  onPost: ReplyMaker<RecordedPost> | undefined;
  /** Decides over each poll; undefined lets the script go on. */
  onPoll: ReplyMaker<RecordedPoll> | undefined;
  onRelease: ReplyMaker<Recorded> | undefined;
  metadataReply: RawReply | Promise<RawReply> = {
    status: 200,
    body: JSON.stringify({ id: TUNNEL_ID, name: "scripted", description: "a test", more: { ignored: true } }),
  };

  readonly #options: ScriptedControlPlaneOptions;
  readonly #server = new RawHttpServer((request) => this.#handle(request));
  readonly #batches: (readonly string[])[] = [];
  readonly #pollReplies: (RawReply | Promise<RawReply>)[] = [];
  readonly #steps: Step[] = [];
  #responsesOwed = 0;
  #stepOpen = true;
  #finished = false;
  #instanceId: string | undefined;

  constructor(changes: Changes, options: ScriptedControlPlaneOptions = {}) {
    this.changes = changes;
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  get connectionCount(): number {
    return this.#server.connectionCount;
  }

  /** The poll that waits for work now. */
  get openPoll(): RecordedPoll | undefined {
    return this.polls.find((poll) => poll.reply === undefined && !poll.abandoned);
  }

  /** The last `Mcp-Session-Id` that a response carried, for commands that continue its session. */
  get sessionId(): string | undefined {
    return this.posts.map((post) => post.body.resp_headers?.["Mcp-Session-Id"]?.[0]).findLast((id) =>
      id !== undefined
    );
  }

  /** The next poll brings these commands, all in one reply, whatever its limit. */
  deliver(...commands: readonly string[]): void {
    this.#batches.push(commands);
    this.changes.notify();
  }

  /** Commands in order, each step after the responses of the one before. */
  script(steps: readonly Step[]): void {
    this.#steps.push(...steps);
    this.changes.notify();
  }

  /** The next polls get exactly these replies, before anything else. */
  replyToPolls(...replies: readonly (RawReply | Promise<RawReply>)[]): void {
    this.#pollReplies.push(...replies);
    this.changes.notify();
  }

  /** From now on every poll comes back empty at once, the open one too. */
  finish(): void {
    this.#finished = true;
    this.changes.notify();
  }

  async nthPoll(index: number): Promise<RecordedPoll> {
    return await this.changes.until(`poll ${index}`, () => this.polls[index]);
  }

  async nthPost(index: number): Promise<RecordedPost> {
    return await this.changes.until(`response ${index}`, () => this.posts[index]);
  }

  /** Waits for the terminal response to a command that was accepted. */
  async responseTo(requestId: string): Promise<RecordedPost> {
    return await this.changes.until(
      `the accepted response to ${requestId}`,
      () => this.acceptedFor(requestId)[0],
    );
  }

  /** Terminal responses to a command that were answered with 200 or 404. */
  acceptedFor(requestId: string): RecordedPost[] {
    return this.posts.filter((post) =>
      post.body.request_id === requestId && post.body.resp_type !== "jsonrpc_notify" &&
      !STREAM_SIGNS.has(post.body.resp_type) && isAccepted(post)
    );
  }

  /** @throws {AssertionError} when a request broke a rule or the script has not been played to its end */
  async close(): Promise<void> {
    await this.#server.close();
    assert.deepEqual(this.problems, [], "rules broken by the agent's requests");
    if (this.mayLoseReplies) return;
    assert.equal(this.#steps.length, 0, "steps of the script were never delivered");
    assert.equal(this.#batches.length, 0, "commands were never delivered");
    assert.equal(this.#pollReplies.length, 0, "poll replies were never used");
    assert(this.#responsesOwed <= 0, `${this.#responsesOwed} expected responses never came`);
  }

  async #handle(request: RawRequest): Promise<RawReply> {
    this.requests.push(request);
    this.#check(request);
    const [path = "", query = ""] = request.target.split("?");
    const base = `${this.#options.prefix ?? ""}/v1/tunnels/${this.#options.tunnelId ?? TUNNEL_ID}`;
    const call = `${request.method} ${path.startsWith(base) ? path.slice(base.length) : path}`;
    if (call === "GET ") return await this.#record(this.metadataCalls, { request }, () => this.metadataReply);
    if (call === "GET /poll") {
      const limit = Number(new URLSearchParams(query).get("limit"));
      return await this.#record(this.polls, { request, query, limit }, (poll) => {
        const open = this.polls.filter((one) => one.reply === undefined && !one.abandoned);
        this.mostOpenPolls = Math.max(this.mostOpenPolls, open.length);
        return this.#poll(poll);
      });
    }
    if (call === "POST /response") return await this.#post(request);
    if (call === "DELETE /poll") {
      return await this.#record(this.releases, { request }, async (release) => {
        return await this.onRelease?.(release, this.releases.length - 1) ?? this.#release();
      });
    }
    this.problems.push(`unexpected request ${call}`);
    return { status: 404 };
  }

  async #record<R extends Recorded>(
    list: R[],
    parts: Omit<R, "reply" | "abandoned">,
    work: (recorded: R) => RawReply | Promise<RawReply>,
  ): Promise<RawReply> {
    const recorded = { ...parts, reply: undefined, abandoned: false } as Recorded as R;
    list.push(recorded);
    recorded.request.hungUp.then(() => {
      if (recorded.reply === undefined) recorded.abandoned = true;
      this.changes.notify();
    });
    this.changes.notify();
    const reply = withDefaults(await work(recorded), this.requests.length, this.#options.features);
    recorded.reply = reply;
    this.changes.notify();
    return reply;
  }

  async #poll(poll: RecordedPoll): Promise<RawReply> {
    const wanted = await this.onPoll?.(poll, this.polls.length - 1);
    if (wanted) return wanted;
    const waitMs = Number(new URLSearchParams(poll.query).get("timeout_ms"));
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      this.changes.notify();
    }, waitMs);
    const next = () => {
      if (poll.abandoned) return this.#empty();
      return this.#nextReply() ?? (over || this.#finished ? this.#empty() : undefined);
    };
    try {
      const found = await this.changes.until("the end of a poll", () => {
        const reply = next();
        return reply && { reply }; // not the promise itself, which may never settle
      }, waitMs + 60_000);
      return found.reply;
    } finally {
      clearTimeout(timer);
    }
  }

  #nextReply(): RawReply | Promise<RawReply> | undefined {
    const reply = this.#pollReplies.shift();
    if (reply) return reply;
    const commands = this.#batches.shift() ?? this.#nextStep();
    return commands && { status: 200, body: `{"commands":[${commands.join(",")}]}` };
  }

  #nextStep(): readonly string[] | undefined {
    const step = this.#steps[0];
    if (!step || !this.#stepOpen || this.#responsesOwed > 0) return undefined;
    if (step.after) {
      const { commands, responses } = step;
      this.#stepOpen = false;
      step.after.then(() => {
        this.#steps[0] = { commands, responses };
        this.#stepOpen = true;
        this.changes.notify();
      });
      return undefined;
    }
    this.#steps.shift();
    const commands = typeof step.commands === "function" ? step.commands() : step.commands;
    this.#responsesOwed += step.responses ?? commands.length;
    return commands;
  }

  #empty(): RawReply {
    return this.#options.emptyStatus === 200 ? { status: 200, body: '{"commands":[]}' } : { status: 204 };
  }

  #release(): RawReply {
    const open = this.polls.findLast((poll) => poll.reply === undefined && !poll.abandoned);
    if (open) this.finish();
    return { status: 204 };
  }

  async #post(request: RawRequest): Promise<RawReply> {
    const shardToken = valuesOf(request, "X-Tunnel-Shard-Token")[0] ?? "";
    let body: PostedBody;
    try {
      body = checkPostedBody(request.bodyText);
      assert(shardToken !== "", "X-Tunnel-Shard-Token is missing");
      assert.deepEqual(valuesOf(request, "Content-Type"), ["application/json"]);
      const isSign = STREAM_SIGNS.has(body.resp_type);
      assert(
        !isSign || this.#options.features?.includes("stream-cut"),
        "a sign of a stream that nobody asked for",
      );
    } catch (error) {
      this.problems.push(`bad response: ${error instanceof Error ? error.message : error}`);
      return { status: 400 };
    }
    return await this.#record(this.posts, { request, body, shardToken }, async (post) => {
      const reply = await this.onPost?.(post, this.posts.length - 1) ?? { status: 200, body: OK_BODY };
      if (reply.status === 200 || reply.status === 404) this.#responsesOwed--;
      return reply;
    });
  }

  /** Every request of an agent carries these, once, and nothing beyond the published names (section 2, P-9). */
  #check(request: RawRequest): void {
    const once: [string, RegExp][] = [
      ["Authorization", new RegExp(`^Bearer (?:${(this.#options.acceptedKeys ?? [API_KEY]).join("|")})$`)],
      ["Accept", /^application\/json$/],
      ["User-Agent", /^deno-tunnel-client\/\d+\.\d+\.\d+/],
      ["X-Tunnel-Client-Name", /^deno-tunnel-client$/],
      ["X-Tunnel-Client-Version", /^\d+\.\d+\.\d+/],
      ["X-Tunnel-Client-Wire-Protocol-Version", /^2026-08-25$/],
      ["X-Tunnel-Client-Instance-Id", /^[0-9a-f]{32}$/],
      ["X-Tunnel-MCP-Server-Info", /^\{"version":1,"channels":\[.+\]\}$/],
      ["Host", new RegExp(`^127\\.0\\.0\\.1:${this.#server.port}$`)],
    ];
    for (const [name, pattern] of once) {
      const values = valuesOf(request, name);
      if (values.length !== 1 || !pattern.test(values[0] ?? "")) {
        this.problems.push(`${request.method} ${request.target}: ${name} is ${JSON.stringify(values)}`);
      }
    }
    const info = valuesOf(request, "X-Tunnel-MCP-Server-Info")[0];
    if (this.#options.serverInfo !== undefined && info !== this.#options.serverInfo) {
      this.problems.push(`server info is ${info}`);
    }
    this.#instanceId ??= valuesOf(request, "X-Tunnel-Client-Instance-Id")[0];
    if (valuesOf(request, "X-Tunnel-Client-Instance-Id")[0] !== this.#instanceId) {
      this.problems.push("the instance id changed");
    }
    const confirmed = valuesOf(request, "X-Tunnel-Relay-Features").flatMap((value) => value.split(","));
    const offered = (this.#options.features ?? "").split(",").map((name) => name.trim());
    for (const name of confirmed) {
      if (!offered.includes(name)) this.problems.push(`feature ${name} is confirmed and was not offered`);
    }
    for (const [name] of request.headers) {
      if (/^(traceparent|tracestate|x-tunnel-id|cookie)$/i.test(name)) this.problems.push(`header ${name}`);
    }
    if (request.method === "GET" && request.body.length > 0) this.problems.push("a GET has a body");
  }
}

export function isAccepted(post: RecordedPost): boolean {
  return post.reply !== undefined && !post.abandoned &&
    (post.reply.status === 200 || post.reply.status === 404) &&
    post.reply.fault !== "drop";
}

function withDefaults(reply: RawReply, number: number, features: string | undefined): RawReply {
  const headers: [string, string][] = [];
  if (!valuesOf({ headers: reply.headers ?? [] }, "X-Request-Id").length) {
    headers.push(["X-Request-Id", `svc-${number}`]);
  }
  if (features !== undefined) headers.push(["X-Tunnel-Relay-Features", features]);
  return { ...reply, headers: [...headers, ...(reply.headers ?? [])] };
}
