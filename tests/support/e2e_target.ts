/** A private MCP server in the test's own process: it keeps what it gets byte for byte and answers what it is told. */
import { Gate } from "./e2e_wait.ts";

/** One request that has arrived. */
export interface Arrival {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Headers;
  /** The body exactly as it was received. */
  readonly text: string;
  // deno-lint-ignore no-explicit-any -- the parsed body; what it holds is up to the test
  readonly message: any;
}

export type Script = (arrival: Arrival) => Response | undefined | Promise<Response | undefined>;

/** A JSON-RPC result as plain JSON. */
export function result(arrival: Arrival, value: unknown): Response {
  return Response.json({ jsonrpc: "2.0", id: arrival.message.id, result: value });
}

/** Exact bytes as JSON. */
export function json(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "content-type": "application/json" } });
}

/** A server on a port of its own; the start-up probe, notifications and DELETE are answered without a script. */
export class Target implements AsyncDisposable {
  /** Everything but the start-up probe, in order of arrival. */
  readonly arrivals: Arrival[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closing = new AbortController();

  /** @param script answers calls; what it leaves out is answered with an empty result */
  constructor(script: Script = () => undefined, port = 0) {
    const { signal } = this.#closing;
    const options = { hostname: "127.0.0.1", port, signal, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await request.arrayBuffer());
      const { method, headers } = request;
      const path = request.url.slice(new URL(request.url).origin.length);
      if (method === "DELETE") return new Response(null, { status: 204 });
      if (method !== "POST") return new Response("not here\n", { status: 405 });
      // The search for OAuth metadata asks with an empty message.
      if (text === "") return new Response("empty\n", { status: 400 });
      const arrival = { method, path, headers, text, message: JSON.parse(text) };
      const probe = probeAnswer(arrival);
      if (probe !== undefined) return probe;
      this.arrivals.push(arrival);
      if (arrival.message.id === undefined) return new Response(null, { status: 202 });
      return await script(arrival) ?? result(arrival, {});
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#server.finished;
  }
}

function probeAnswer(arrival: Arrival): Response | undefined {
  const { method, id } = arrival.message;
  if (method === "server/discover") {
    return json(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } }));
  }
  if (method === "notifications/initialized") return new Response(null, { status: 202 });
  if (method !== "initialize") return undefined;
  return result(arrival, {
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "target", version: "1" },
  });
}

/** A target whose calls wait until the test lets them go; each answers with its own id. */
export class SlowTarget extends Target {
  readonly gate: Gate;

  constructor() {
    const gate = new Gate();
    super(async (arrival) => {
      await gate.pass();
      return result(arrival, { worked: arrival.message.id });
    });
    this.gate = gate;
  }

  /** How often each call was executed, by its id. */
  executions(): Map<unknown, number> {
    const counts = new Map<unknown, number>();
    for (const { message } of this.arrivals) counts.set(message.id, (counts.get(message.id) ?? 0) + 1);
    return counts;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.gate.open();
    await super[Symbol.asyncDispose]();
  }
}
