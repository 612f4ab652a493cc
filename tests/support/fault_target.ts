/** A private MCP server over HTTP that misbehaves as each call tells it to, and counts how often it executed each. */
import { resume, RESUMED, rightAnswer, TARGET_FAULTS } from "./fault_answers.ts";
import { JSON_TYPE } from "./fault_control_plane.ts";
import { type Exchange, FaultServer } from "./fault_server.ts";

/** Name of the fault that breaks a stream off so that it can be resumed. */
export const RESUMED_FAULT = "a stream that is resumed";

const CHALLENGE = { "WWW-Authenticate": "Bearer" };

export class FaultTarget implements AsyncDisposable {
  readonly server: FaultServer;
  /** How often each call arrived whole, by its id as JSON. */
  readonly executions = new Map<string, number>();
  /** Answers to the requests of this server that came back. */
  replies = 0;
  /** Takes the startup probe's first message; undefined answers it well. */
  onProbe: ((exchange: Exchange) => Promise<void>) | undefined;
  /** Calls that wait for {@link FaultTarget.release}. */
  holding = 0;
  #released = Promise.withResolvers<void>();

  private constructor(server: FaultServer) {
    this.server = server;
  }

  static async start(port = 0): Promise<FaultTarget> {
    const server = await FaultServer.start((exchange) => target.#handle(exchange), port);
    const target: FaultTarget = new FaultTarget(server);
    return target;
  }

  get url(): string {
    return `${this.server.url}/mcp`;
  }

  /** Lets the calls go that are held now. */
  release(): void {
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }

  /** Calls that were executed more than once; empty in every good test. */
  executedTwice(): string[] {
    return [...this.executions].filter(([, times]) => times > 1).map(([id]) => id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.server[Symbol.asyncDispose]();
  }

  async #handle(exchange: Exchange): Promise<void> {
    const { method, target } = exchange.request;
    if (method === "DELETE") return void await exchange.reply(204);
    if (method === "GET" && target.includes("oauth-protected-resource")) {
      return void await exchange.reply(
        200,
        `{"resource":"${this.url}","authorization_servers":[]}`,
        JSON_TYPE,
      );
    }
    if (method === "GET" && exchange.request.headers.has("last-event-id")) return await resume(exchange);
    // What OAuth discovery looks for a challenge with.
    if (exchange.request.bodyText === "") return void await exchange.reply(401, "", CHALLENGE);
    const message = JSON.parse(exchange.request.bodyText);
    if (message.method === "initialize" && this.onProbe === undefined) {
      const result = {
        protocolVersion: "2025-06-18",
        capabilities: {},
        serverInfo: { name: "fault", version: "1" },
      };
      const answer = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
      return void await exchange.reply(200, answer, JSON_TYPE);
    }
    if (message.method === undefined) this.replies++;
    if (message.id === undefined || message.method === undefined) return void await exchange.reply(202);
    if (message.method === "initialize" && this.onProbe !== undefined) return await this.onProbe(exchange);
    if (message.method !== "work") {
      const error = { code: -32601, message: "no such method" };
      const answer = JSON.stringify({ jsonrpc: "2.0", id: message.id, error });
      return void await exchange.reply(200, answer, JSON_TYPE);
    }
    await this.#execute(exchange, JSON.stringify(message.id), message.params ?? {});
  }

  async #execute(exchange: Exchange, idText: string, params: Record<string, unknown>): Promise<void> {
    this.executions.set(idText, (this.executions.get(idText) ?? 0) + 1);
    const answer = rightAnswer(idText);
    if (params.hold === true) {
      this.holding++;
      await Promise.race([this.#released.promise, exchange.gone]);
      this.holding--;
    }
    const fault = params.fault === RESUMED_FAULT ? RESUMED : TARGET_FAULTS[String(params.fault)];
    if (fault === undefined) await exchange.reply(200, answer, JSON_TYPE);
    else await fault.run({ exchange, idText, answer });
  }
}
