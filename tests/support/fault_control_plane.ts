/**
 * A control plane of the published wire that keeps book of every command: how often it was delivered, what was answered,
 * and whether the law held. It misbehaves at single polls and posts where the test says so. A command counts as delivered
 * only when its whole poll reply was written to an agent that was still there; else it goes back to the queue.
 */
import assert from "node:assert/strict";
import { Changes } from "./agent_changes.ts";
import { type Exchange, FaultServer } from "./fault_server.ts";

/** One command and what became of it. */
export interface Order {
  readonly requestId: string;
  readonly shardToken: string;
  readonly kind: "call" | "notification" | "session_termination" | "oauth_discovery";
  /** JSON-RPC id of a call; also what its result must name. */
  readonly rpcId: string | undefined;
  /** The command as it stands in a poll reply. */
  readonly text: string;
  /** `response_timeout`; undefined when there is none. */
  readonly timeoutMs: number | undefined;
  state: "queued" | "delivered" | "answered";
  /** Poll replies that brought it. */
  deliveries: number;
  deliveredAtMs: number;
  /** The terminal response that was accepted. */
  answer: Answer | undefined;
  /** Terminal responses that came when it had one already. */
  repeats: number;
  /** Texts of the events that were accepted. */
  readonly events: string[];
}

/** A response as it was posted. */
export interface Answer {
  readonly respType: string;
  readonly respCode: number;
  // deno-lint-ignore no-explicit-any -- what a payload holds is up to the test
  readonly json: any;
  readonly atMs: number;
}

export interface OrderParts {
  readonly kind?: Order["kind"];
  readonly channel?: string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
}

/** One poll in the hands of a fault. */
export class Poll {
  readonly #orders: Order[] = [];
  #settled = false;

  constructor(
    readonly exchange: Exchange,
    /** From 0. */
    readonly number: number,
    readonly limit: number,
    readonly waitMs: number,
    private readonly controlPlane: FaultControlPlane,
  ) {}

  /** Takes commands for the reply, waiting for some as long as the agent asked; the body that brings them. */
  async body(limit = this.limit): Promise<string> {
    const orders = await this.controlPlane.take(limit, this.waitMs, this.exchange);
    this.#orders.push(...orders);
    return bodyOf(orders.map(({ text }) => text));
  }

  /** Texts of the commands that {@link Poll.body} took. */
  get texts(): readonly string[] {
    return this.#orders.map(({ text }) => text);
  }

  /** Texts of the last commands that earlier polls brought, answered or not. */
  earlier(count: number): string[] {
    return this.controlPlane.deliveredOrders.slice(-count).map(({ text }) => text);
  }

  /** The agent has them, if the write went through. */
  delivered(written: boolean): void {
    this.#settled = true;
    if (written) this.controlPlane.noteDelivered(this.#orders);
    else this.controlPlane.putBack(this.#orders);
  }

  /** What was not said to be delivered was not. */
  settle(): void {
    if (!this.#settled) this.delivered(false);
  }
}

export function bodyOf(texts: readonly string[]): string {
  return `{"commands":[${texts.join(",")}]}`;
}

/** One response POST in the hands of a fault. */
export interface Post {
  readonly exchange: Exchange;
  /** From 0. */
  readonly number: number;
  readonly order: Order | undefined;
  readonly respType: string;
  /** From 0: which attempt for this order and type it is. */
  readonly attempt: number;
  /** Takes the response in. @returns the status that is owed for it */
  accept(): 200 | 404;
}

export type PollFault = (poll: Poll) => Promise<void>;
export type PostFault = (post: Post) => Promise<void>;

/** The well-behaved reply to a poll. */
export async function servePoll(poll: Poll): Promise<void> {
  const body = await poll.body();
  if (poll.texts.length === 0) await poll.exchange.reply(204);
  else poll.delivered(await poll.exchange.reply(200, body, JSON_TYPE));
}

/** The well-behaved reply to a response. */
export async function servePost(post: Post): Promise<void> {
  const status = post.accept();
  await post.exchange.reply(status, status === 200 ? '{"status":"ok"}' : NOT_PENDING, JSON_TYPE);
}

export const JSON_TYPE = { "Content-Type": "application/json" };
const NOT_PENDING =
  '{"error":{"message":"over","type":"invalid_request_error","param":null,"code":"pending_request_not_found"}}';

export class FaultControlPlane implements AsyncDisposable {
  readonly changes = new Changes();
  readonly orders: Order[] = [];
  readonly server: FaultServer;
  /** Decides over each poll, post and metadata call; undefined lets it go well. */
  onPoll: (poll: Poll) => PollFault | undefined = () => undefined;
  onPost: (post: Post) => PostFault | undefined = () => undefined;
  onMetadata: ((exchange: Exchange) => Promise<void>) | undefined;
  /** Answers what is no route of the published wire. */
  onOther: ((exchange: Exchange) => Promise<void>) | undefined;
  polls = 0;
  posts = 0;
  metadataCalls = 0;
  openPolls = 0;
  /** Commands with an accepted answer. */
  answered = 0;
  /** What broke the rules of the wire; empty in every good test. */
  readonly problems: string[] = [];
  readonly #byId = new Map<string, Order>();
  readonly #attempts = new Map<string, number>();
  readonly #handshakes = new Set<Order>();
  #queue: Order[] = [];
  #wakes = new Set<() => void>();
  #serial = 0;

  private constructor(server: FaultServer) {
    this.server = server;
  }

  static async start(): Promise<FaultControlPlane> {
    const server = await FaultServer.start((exchange) => controlPlane.#handle(exchange));
    const controlPlane: FaultControlPlane = new FaultControlPlane(server);
    return controlPlane;
  }

  get url(): string {
    return this.server.url;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Delivered and not answered. */
  get inFlight(): number {
    return this.orders.reduce((sum, { state }) => sum + (state === "delivered" ? 1 : 0), 0);
  }

  /** Puts a command at the end of the queue. */
  add(parts: OrderParts = {}): Order {
    const order = makeOrder(++this.#serial, parts);
    this.orders.push(order);
    this.#byId.set(order.requestId, order);
    this.#queue.push(order);
    this.#wake();
    return order;
  }

  /** The accepted answer. */
  async answerTo(order: Order, limitMs?: number): Promise<Answer> {
    return await this.changes.until(
      `the answer to ${order.requestId} (${order.state})`,
      () => order.answer,
      limitMs,
    );
  }

  /** A connector's handshake, without which a stdio server is not called. */
  async shakeHands(channel = "main"): Promise<void> {
    const params = {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "fault", version: "1" },
    };
    const initialize = this.add({ channel, method: "initialize", params });
    assert.equal((await this.answerTo(initialize)).respCode, 200);
    const initialized = this.add({ channel, kind: "notification", method: "notifications/initialized" });
    assert.ok((await this.answerTo(initialized)).respCode < 300);
    this.#handshakes.add(initialize).add(initialized);
  }

  /** Commands that are no part of a handshake. */
  get work(): Order[] {
    return this.orders.filter((order) => !this.#handshakes.has(order));
  }

  /** Commands for a poll: at once when there are some, else when one comes, or none when the wait is over. */
  async take(limit: number, waitMs: number, exchange: Exchange): Promise<Order[]> {
    const untilMs = performance.now() + waitMs;
    while (this.#queue.length === 0 && exchange.open) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) return [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, leftMs);
      this.#wakes.add(resolve);
      await Promise.race([promise, exchange.gone]);
      clearTimeout(timer);
      this.#wakes.delete(resolve);
    }
    return this.#queue.splice(0, limit);
  }

  putBack(orders: readonly Order[]): void {
    this.#queue = [...orders, ...this.#queue];
    if (orders.length > 0) this.#wake();
  }

  noteDelivered(orders: readonly Order[]): void {
    for (const order of orders) {
      order.deliveries++;
      if (order.state === "queued") order.state = "delivered";
      order.deliveredAtMs = performance.now();
    }
    this.changes.notify();
  }

  /** Commands that were delivered. */
  get deliveredOrders(): Order[] {
    return this.orders.filter(({ deliveries }) => deliveries > 0);
  }

  /**
   * The law: every command that was delivered has one accepted answer, or had a deadline, which has passed; and the answer
   * is its own. To be asked when no agent runs any more.
   * @returns commands without an answer, whose deadlines have passed
   */
  checkLaw(): number {
    assert.deepEqual(this.problems, [], "what the agent sent breaks the rules of the wire");
    let expired = 0;
    for (const order of this.deliveredOrders) {
      if (order.answer !== undefined) checkAnswer(order, order.answer);
      else {
        const hadDeadline = order.timeoutMs !== undefined &&
          performance.now() >= order.deliveredAtMs + order.timeoutMs;
        assert(hadDeadline, `${order.requestId} was delivered and never answered: ${order.text}`);
        expired++;
      }
      const steps = order.events.map((text) => JSON.parse(text).params.progress);
      const wrong = steps.findIndex((step, index) => index > 0 && step <= steps[index - 1]);
      assert.equal(wrong, -1, `event ${steps[wrong]} of ${order.requestId} came behind ${steps[wrong - 1]}`);
    }
    return expired;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }

  async #handle(exchange: Exchange): Promise<void> {
    const { method, target } = exchange.request;
    const url = new URL(target, "http://control-plane");
    const route = `${method} ${url.pathname.replace(/^\/v1\/tunnels\/[^/]+/, "")}`;
    if (route === "GET /poll") await this.#poll(exchange, url.searchParams);
    else if (route === "POST /response") await this.#post(exchange);
    else if (route === "GET ") await this.#metadata(exchange);
    else if (this.onOther !== undefined) await this.onOther(exchange);
    else {
      this.problems.push(`unexpected ${route}`);
      await exchange.reply(404);
    }
    this.changes.notify();
  }

  async #poll(exchange: Exchange, query: URLSearchParams): Promise<void> {
    const limit = Number(query.get("limit"));
    if (!(limit >= 1 && limit <= 25)) this.problems.push(`limit=${query.get("limit")}`);
    const poll = new Poll(exchange, this.polls++, limit, Number(query.get("timeout_ms")), this);
    this.openPolls++;
    this.changes.notify();
    try {
      await (this.onPoll(poll) ?? servePoll)(poll);
    } finally {
      this.openPolls--;
      poll.settle();
    }
  }

  async #post(exchange: Exchange): Promise<void> {
    const { bodyText, headers } = exchange.request;
    let body: Record<string, unknown>;
    try {
      body = JSON.parse(bodyText);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.problems.push(`a response is not JSON: ${bodyText.slice(0, 200)}`);
      return void await exchange.reply(400);
    }
    const requestId = String(body.request_id);
    const order = this.#byId.get(requestId);
    const respType = String(body.resp_type);
    if (order === undefined) this.problems.push(`a response to an unknown command ${requestId}`);
    else if (headers.get("x-tunnel-shard-token") !== order.shardToken) {
      this.problems.push(`a response to ${requestId} with the wrong shard token`);
    }
    const name = `${requestId} ${respType}`;
    const attempt = this.#attempts.get(name) ?? 0;
    this.#attempts.set(name, attempt + 1);
    const accept = () => this.#accept(order, respType, body);
    const post = { exchange, number: this.posts++, order, respType, attempt, accept };
    this.changes.notify();
    await (this.onPost(post) ?? servePost)(post);
  }

  #accept(order: Order | undefined, respType: string, body: Record<string, unknown>): 200 | 404 {
    if (order === undefined) return 404;
    if (respType !== "jsonrpc_notify" && order.answer !== undefined) order.repeats++;
    if (order.answer !== undefined) return 404;
    if (respType === "jsonrpc_notify") {
      order.events.push(JSON.stringify(body.resp_json));
      return 200;
    }
    order.answer = {
      respType,
      respCode: Number(body.resp_code),
      json: body.resp_json,
      atMs: performance.now(),
    };
    order.state = "answered";
    this.answered++;
    this.changes.notify();
    return 200;
  }

  async #metadata(exchange: Exchange): Promise<void> {
    this.metadataCalls++;
    if (this.onMetadata !== undefined) return await this.onMetadata(exchange);
    const metadata = { id: "tunnel", name: "scripted", description: "a test" };
    await exchange.reply(200, JSON.stringify(metadata), JSON_TYPE);
  }
}

const RESPONSE_TYPES: Readonly<Record<Order["kind"], string>> = {
  call: "jsonrpc_response",
  notification: "notify_ack",
  session_termination: "session_termination_response",
  oauth_discovery: "oauth_discovery_response",
};

/** An answer is of the right kind and belongs to its command and to no other. */
function checkAnswer(order: Order, { respType, json }: Answer): void {
  assert.equal(respType, RESPONSE_TYPES[order.kind], order.requestId);
  if (order.kind !== "call") return;
  assert.equal(json?.id, order.rpcId, `the answer to ${order.requestId} has another id`);
  assert.notEqual(json.result === undefined, json.error === undefined, order.requestId);
  if (json.result !== undefined) assert.equal(json.result.worked, order.rpcId, order.requestId);
}

function makeOrder(serial: number, parts: OrderParts): Order {
  const { kind = "call", channel = "main", method = "work", params = {}, timeoutMs } = parts;
  const requestId = `req-${serial}`;
  const shardToken = `shard-${serial}`;
  const rpcId = kind === "call" ? `call-${serial}` : undefined;
  const isJsonRpc = kind === "call" || kind === "notification";
  const command = {
    request_id: requestId,
    shard_token: shardToken,
    command_type: isJsonRpc ? "jsonrpc" : kind,
    channel,
    created_at: new Date().toISOString(),
    headers: { "Mcp-Session-Id": [`session-${serial}`], "X-Request-Id": [`connector-${serial}`] },
    response_timeout: timeoutMs === undefined ? undefined : `${timeoutMs}ms`,
    jsonrpc: isJsonRpc
      ? { jsonrpc: "2.0", id: rpcId, method, params: { nonce: rpcId, ...params } }
      : undefined,
  };
  return {
    requestId,
    shardToken,
    kind,
    rpcId,
    text: JSON.stringify(command),
    timeoutMs,
    state: "queued",
    deliveries: 0,
    deliveredAtMs: 0,
    answer: undefined,
    repeats: 0,
    events: [],
  };
}
