/** A running agent between a control plane and targets that say what the cases hold; it notices what must not happen. */
import { Buffer } from "node:buffer";
import { AgentProgram } from "../support/e2e_agent.ts";
import { type Exchange, FaultServer } from "../support/fault_server.ts";
import { type Case, caseNumberOf, HANDSHAKE_NUMBER, handshakeCase, owedFor, pollBodyOf } from "./cases.ts";
import { Random } from "./mutate.ts";
import { type Owed, RESPONSE_TYPE } from "./oracle.ts";

/** Longer than the longest pause after a failed poll. */
const SILENCE_LIMIT_MS = 20_000;
/** No command may hold its target longer. */
const TTL_MS = 500;
/** How long after its deadline a command is still waited for. */
const GRACE_MS = 1_000;
/** Poll bodies, and cases, that are kept to compare with. */
const KEPT = 4_000;
const SUSPECTS = 40;
const CHILD = new URL("./child.ts", import.meta.url).pathname;
/** Records of level "error" that the cases deserve. Every other one says that something broke which must not. */
const DESERVED = new Set([
  "command for an unsupported channel",
  "control plane sent more commands than asked for",
  "control plane sent more commands than there is room for",
]);
const UNDELIVERABLE = "response could not be delivered";
const LAST_WORD = /^stop tunnel-client: \d+ of \d+ commands could not be answered; see the log\n$/;

/** What must not happen. */
export type FindingKind =
  | "crash"
  | "silence"
  | "unanswered"
  | "wrong answer"
  | "wrong numbers"
  | "broken"
  | "growth";

/** Something that must not happen has happened; the cases may have caused it. */
export class Finding extends Error {
  override readonly name = "Finding";
  constructor(readonly kind: FindingKind, message: string, readonly suspects: readonly Case[]) {
    super(message);
  }
}

/** A command that the agent was given, by both its ids. */
interface Book {
  readonly owed: Owed;
  readonly case: Case;
  readonly sinceMs: number;
  /** The agent remembers some: whether it answers one that comes again depends on when. */
  deliveries: number;
  answers: number;
}

export class FuzzBench implements AsyncDisposable {
  readonly #controlPlane: FaultServer;
  readonly #target: FaultServer;
  readonly #next: () => readonly Case[];
  readonly #childReport = Deno.makeTempFileSync({ prefix: "fuzz-child-" });
  #agent: AgentProgram | undefined;
  /** Cases that the agent took; the last ones are kept as suspects. */
  delivered = 0;
  commands = 0;
  answers = 0;
  readonly #recent: Case[] = [];
  readonly #cases = new Map<number, Case>();
  readonly #polls = new Map<number, string>();
  readonly #books = new Map<string, Book>();
  readonly #open = new Map<string, Book>();
  /** The stdio server is called only behind a handshake. */
  #handshake: "initialize" | "initialized" | "over" = "initialize";
  #handshakes = 0;
  #undeliverable = 0;
  #logRead = 0;
  #lastSignOfLifeMs = performance.now();
  #finding: Finding | undefined;

  private constructor(controlPlane: FaultServer, target: FaultServer, next: () => readonly Case[]) {
    this.#controlPlane = controlPlane;
    this.#target = target;
    this.#next = next;
  }

  /** @param next what the next poll brings: one poll case, or several others, or nothing now */
  static async start(next: () => readonly Case[]): Promise<FuzzBench> {
    const controlPlane = await FaultServer.start((exchange) => bench.#serveAgent(exchange));
    const target = await FaultServer.start((exchange) => bench.#serveTarget(exchange));
    const bench: FuzzBench = new FuzzBench(controlPlane, target, next);
    const child = `${Deno.execPath()} run -A --no-check --quiet ${CHILD} ${bench.#childReport}`;
    bench.#agent = await AgentProgram.listening({
      controlPlaneUrl: controlPlane.url,
      args: [
        `--mcp.server-url=${target.url}/mcp`,
        `--mcp.command=channel=stdio,command=${child}`,
        "--mcp.stdio-concurrency=16",
        "--mcp.max-concurrent-requests=64",
        "--control-plane.max-inflight=100",
        "--control-plane.poll-timeout=300ms",
        `--mcp.connection-max-ttl=${TTL_MS}ms`,
        "--log.level=error",
      ],
    });
    return bench;
  }

  get agent(): AgentProgram {
    if (!this.#agent) throw new Error("the bench has not started");
    return this.#agent;
  }

  /** Commands that are still to be answered. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * Looks whether everything is as it must be.
   * @param limitMs how long a command may be unanswered
   * @throws {Finding} when not
   */
  check(limitMs: number): void {
    if (this.#finding) throw this.#finding;
    this.#checkLog();
    if (!this.agent.program.running) {
      const said = this.agent.program.stderr.slice(-2_000);
      throw new Finding("crash", `the agent has ended\n${said}`, this.#suspects());
    }
    const nowMs = performance.now();
    if (nowMs - this.#lastSignOfLifeMs > SILENCE_LIMIT_MS) {
      const message = `the agent has neither polled nor answered for ${SILENCE_LIMIT_MS} ms`;
      throw new Finding("silence", message, this.#suspects());
    }
    for (const [key, { owed, case: source, sinceMs }] of this.#open) {
      if (sinceMs + owed.timeoutMs + GRACE_MS < nowMs) this.#open.delete(key);
      else if (nowMs - sinceMs > limitMs) {
        const message = `command ${JSON.stringify(owed.requestId)} was not answered in ${limitMs} ms`;
        throw new Finding("unanswered", message, [source]);
      }
    }
    this.#checkChild();
  }

  /** Stops the agent when it has nothing left to do. @throws {Finding} when that does not go in order */
  async stop(): Promise<void> {
    await this.#checkNumbers();
    const { code, stderr } = await this.agent.stopped();
    this.#checkLog();
    const expected = this.#undeliverable > 0 ? 1 : 0;
    const isExpected = this.#undeliverable > 0 ? LAST_WORD.test(stderr) : stderr === "";
    if (code === expected && isExpected) return;
    throw new Finding(
      "crash",
      `exit code ${code} for ${expected}\n${stderr.slice(-2_000)}`,
      this.#suspects(),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    await this.#controlPlane[Symbol.asyncDispose]();
    await this.#target[Symbol.asyncDispose]();
    Deno.removeSync(this.#childReport);
  }

  #suspects(): Case[] {
    return [...new Set([...this.#open.values()].map((book) => book.case).concat(this.#recent))];
  }

  #found(message: string, ...suspects: readonly Case[]): void {
    this.#finding ??= new Finding("wrong answer", message, suspects.length > 0 ? suspects : this.#suspects());
  }

  /** Whatever was caught only by the last net has left a record. */
  #checkLog(): void {
    const { stdout } = this.agent.program;
    for (let end; (end = stdout.indexOf("\n", this.#logRead)) >= 0; this.#logRead = end + 1) {
      const line = stdout.slice(this.#logRead, end);
      const record = JSON.parse(line);
      const deserved = DESERVED.has(record.msg) || record.msg === UNDELIVERABLE && this.#undeliverable > 0;
      if (deserved) continue;
      this.#logRead = end + 1;
      const source = this.#cases.get(caseNumberOf(String(record.request_id)));
      throw new Finding("broken", line, source === undefined ? this.#suspects() : [source]);
    }
  }

  #checkChild(): void {
    const [line] = Deno.readTextFileSync(this.#childReport).split("\n");
    if (line) {
      throw new Finding("broken", `the stdio server was sent no JSON-RPC message: ${line}`, this.#suspects());
    }
  }

  /** The agent's own numbers, against each other and against what was seen here. */
  async #checkNumbers(): Promise<void> {
    const { body } = await this.agent.get("/metrics");
    const sum = (name: string, label = "") =>
      [...body.matchAll(new RegExp(`^${name}(?:\\{([^}]*)\\})? (\\S+)$`, "gm"))]
        .filter(([, labels = ""]) => labels.includes(label))
        .reduce((total, match) => total + Number(match[2]), 0);
    const received = sum("commands_received_total");
    const ended = sum("commands_outcome_total");
    const expired = sum("commands_outcome_total", 'outcome="expired"');
    const undeliverable = sum("commands_outcome_total", 'outcome="undeliverable"');
    const owedAnswers = ended - undeliverable;
    const wrong = received !== ended || received < this.commands || undeliverable !== this.#undeliverable ||
      // An answer may have been on its way when its time was over.
      this.answers > owedAnswers || this.answers < owedAnswers - expired ||
      sum("agent_restarts_total") > 0 || sum("metrics_rejected_total") > 0;
    if (!wrong) return;
    const ours =
      `here ${this.commands} delivered, ${this.answers} answered, ${this.#undeliverable} undeliverable`;
    const theirs =
      `the agent counts ${received} received, ${ended} ended, ${expired} expired, ${undeliverable} undeliverable, ` +
      `${sum("agent_restarts_total")} restarts, ${sum("metrics_rejected_total")} rejected values`;
    throw new Finding("wrong numbers", `${ours}; ${theirs}`, this.#suspects());
  }

  async #serveAgent(exchange: Exchange): Promise<void> {
    this.#lastSignOfLifeMs = performance.now();
    const { method, target } = exchange.request;
    if (target.includes("/poll?")) await this.#poll(exchange);
    else if (method === "POST") await this.#response(exchange);
    else await exchange.reply(200, '{"id":"t","name":"fuzz","description":""}');
  }

  async #poll(exchange: Exchange): Promise<void> {
    let cases = this.#nextCases();
    for (let waits = 0; cases.length === 0 && waits < 25 && exchange.open; waits++) {
      await exchange.pause(10);
      cases = this.#nextCases();
    }
    if (cases.length === 0) return void await exchange.reply(204);
    const body = pollBodyOf(cases);
    this.#expect(cases, body);
    await exchange.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    await exchange.write(body);
  }

  /** Before everything else the handshake, of which each message waits for the answer to the one before. */
  #nextCases(): readonly Case[] {
    if (this.#handshake === "over") return this.#next();
    if (this.open > 0) return [];
    const method = this.#handshake === "initialize" ? "initialize" : "notifications/initialized";
    return [handshakeCase(method, this.#handshakes++)];
  }

  /** A server that has just been started may be too slow for its first `initialize`, which is then repeated. */
  #onHandshake(type: unknown, code: unknown): void {
    if (code !== 200 && code !== 202) return;
    this.#handshake = type === RESPONSE_TYPE.call ? "initialized" : "over";
  }

  #expect(cases: readonly Case[], body: Uint8Array): void {
    this.delivered += cases.filter(({ number }) => number !== HANDSHAKE_NUMBER).length;
    const text = new TextDecoder().decode(body);
    for (const input of cases) {
      this.#recent.push(input);
      if (this.#recent.length > SUSPECTS) this.#recent.shift();
      this.#cases.set(input.number, input);
      this.#cases.delete(input.number - KEPT);
      this.#polls.set(input.number, text);
      this.#polls.delete(input.number - KEPT);
    }
    for (const owed of owedFor(body)) {
      const [first] = cases;
      const input = cases.find(({ number }) => number === caseNumberOf(owed.requestId)) ?? first;
      if (input === undefined) return;
      const key = keyOf(owed.requestId, owed.shardToken);
      const known = this.#books.get(key);
      if (known !== undefined) {
        known.deliveries++;
        continue;
      }
      const book = { owed, case: input, sinceMs: performance.now(), deliveries: 1, answers: 0 };
      this.#books.set(key, book);
      this.commands++;
      if (!isFieldValue(owed.shardToken)) this.#undeliverable++;
      else this.#open.set(key, book);
    }
  }

  async #response(exchange: Exchange): Promise<void> {
    await exchange.reply(200, '{"status":"ok"}');
    const { bodyText, headers } = exchange.request;
    const body = parsed(bodyText);
    if (!isRecord(body)) return this.#found(`a response is no JSON object: ${bodyText.slice(0, 500)}`);
    const { request_id: requestId, resp_type: type, resp_code: code, resp_json: json } = body;
    const token = Buffer.from(headers.get("x-tunnel-shard-token") ?? "", "latin1").toString("utf8");
    const key = keyOf(String(requestId), token);
    const book = this.#books.get(key);
    const isEvent = type === "jsonrpc_notify";
    if (!isEvent) this.answers++;
    if (book === undefined) return this.#found(`an answer for nobody: ${bodyText.slice(0, 500)}`);
    const wrong = (what: string) => this.#found(`${what}: ${bodyText.slice(0, 500)}`, book.case);
    // A target's status counts as it is, also one that HTTP does not know (P-122).
    const isStatus = typeof code === "number" && Number.isInteger(code) && code >= 200 && code <= 999;
    if (!isStatus) return wrong("resp_code");
    if (isEvent) {
      if (!isRecord(json) || typeof json.method !== "string") wrong("an event that is no notification");
      return;
    }
    this.#open.delete(key);
    if (book.case.number === HANDSHAKE_NUMBER) this.#onHandshake(type, code);
    // Two commands with the same ids may be of different kinds.
    if (book.deliveries > 1) {
      return ++book.answers > book.deliveries ? wrong("answered too often") : undefined;
    }
    if (++book.answers > 1) return wrong("answered twice");
    if (type !== RESPONSE_TYPE[book.owed.kind]) return wrong(`resp_type for a ${book.owed.kind}`);
    if (book.owed.kind !== "call") return;
    if (!isRecord(json) || json.id !== book.owed.id) {
      wrong(`the answer to id ${JSON.stringify(book.owed.id)}`);
    } else if (json.result === undefined && !isRecord(json.error)) wrong("neither result nor error");
  }

  async #serveTarget(exchange: Exchange): Promise<void> {
    const { method, bodyText, headers } = exchange.request;
    if (headers.has("x-smuggled")) {
      const body = bodyText.slice(0, 300);
      // Only a header of that very name may arrive, never a value that became a header of its own.
      if (headers.get("x-smuggled") !== "1") this.#found(`a header was smuggled: ${body}`);
    }
    if (method === "GET") return void await exchange.reply(405);
    if (method === "DELETE") return void await exchange.reply(204);
    const message = bodyText === "" ? {} : parsed(bodyText);
    if (!isRecord(message)) {
      return this.#found(`the target was sent no JSON object: ${bodyText.slice(0, 500)}`);
    }
    // Not what the agent itself says to a request of the target, whose id may be a call's.
    const isCall = typeof message.id === "string" && message.method !== undefined;
    const number = isCall ? caseNumberOf(String(message.id)) : -1;
    const poll = this.#polls.get(number);
    if (poll?.includes(bodyText) === false) {
      this.#found(`forwarded otherwise than received: ${bodyText.slice(0, 500)}`);
    }
    const id = /"id":\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)/.exec(bodyText)?.[1];
    if (id === undefined) return void await exchange.reply(202);
    const input = message.id === `call-case-${number}` ? this.#cases.get(number) : undefined;
    if (input?.surface === "http-raw") {
      await writeInPieces(exchange, input);
      exchange.end();
    } else if (input?.surface === "http-body") {
      await exchange.write(
        `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: ${input.bytes.length}\r\n\r\n`,
      );
      await writeInPieces(exchange, input);
    } else {
      const answer = `{"jsonrpc":"2.0","id":${id},"result":{}}`;
      await exchange.reply(200, answer, { "Content-Type": "application/json" });
    }
  }
}

/** Half of the inputs arrive in several reads, cut anywhere. */
async function writeInPieces(exchange: Exchange, { number, bytes }: Case): Promise<void> {
  const random = new Random(number);
  let from = 0;
  for (let cuts = random.oneIn(2) ? 1 + random.below(4) : 0; cuts > 0; cuts--) {
    const to = from + random.below(bytes.length - from + 1);
    await exchange.write(bytes.subarray(from, to));
    await exchange.pause(1);
    from = to;
  }
  await exchange.write(bytes.subarray(from));
}

/** Undefined when the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a shard token can be sent back at all. */
function isFieldValue(text: string): boolean {
  return !/[^\t\P{Cc}]/u.test(text) && text.isWellFormed();
}

/** What is left of both ids on their way through a JSON text and a header field. */
function keyOf(requestId: string, shardToken: string): string {
  return `${requestId}\u0000${shardToken.toWellFormed().replace(/^[ \t]+|[ \t]+$/g, "")}`;
}
