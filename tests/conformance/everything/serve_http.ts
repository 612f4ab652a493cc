import {
  createMcpHandler,
  hostHeaderValidationResponse,
  InMemoryServerEventBus,
  isInitializeRequest,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { createEverythingServer } from "./create_server.ts";
import { SessionEvents } from "./event_store.ts";
import { createWorld, type World } from "./world.ts";

/** Proposed to clients whose stream was closed in the middle of a call. */
const RETRY_MS = 100;

/** Serves the everything server over Streamable HTTP at `/mcp`, on loopback, in both eras. */
export function serveHttp(port: number, onListen: (url: string) => void): Deno.HttpServer {
  const bus = new InMemoryServerEventBus();
  const world = createWorld(bus);
  const modern = (responseMode: "auto" | "sse") =>
    createMcpHandler(() => createEverythingServer(world, "modern"), { legacy: "reject", responseMode, bus });
  const plain = modern("auto");
  const streaming = modern("sse");
  const sessions = new Sessions(world);
  return Deno.serve({
    hostname: "127.0.0.1",
    port,
    onListen: (address) => onListen(`http://127.0.0.1:${address.port}/mcp`),
  }, async (request) => {
    const refused = hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
      originValidationResponse(request, localhostAllowedOrigins());
    if (refused !== undefined) return refused;
    if (new URL(request.url).pathname !== "/mcp") return new Response("not found\n", { status: 404 });
    if (await isLegacyRequest(request)) return await sessions.handle(request);
    return await (prefersEvents(request) ? streaming : plain).fetch(request);
  });
}

/** Both forms of an answer are to be seen: a stream for those who name it first, else JSON where that will do. */
function prefersEvents({ headers }: Request): boolean {
  return (headers.get("accept") ?? "").trim().startsWith("text/event-stream");
}

/** Sessions of the 2025 era. */
class Sessions {
  readonly #world: World;
  readonly #transports = new Map<string, WebStandardStreamableHTTPServerTransport>();

  constructor(world: World) {
    this.#world = { ...world, bus: undefined };
  }

  async handle(request: Request): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    if (id === null) return await this.#open(request);
    const transport = this.#transports.get(id);
    if (transport === undefined) return refusal(404, "There is no such session.");
    return await transport.handleRequest(request);
  }

  async #open(request: Request): Promise<Response> {
    if (request.method !== "POST") return refusal(400, "Mcp-Session-Id is required.");
    const parsedBody = await jsonOf(request);
    if (!isInitializeRequest(parsedBody)) return refusal(400, "Mcp-Session-Id is required.");
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: new SessionEvents(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => void this.#transports.set(id, transport),
      onsessionclosed: (id) => void this.#transports.delete(id),
    });
    await createEverythingServer(this.#world, "legacy").connect(transport);
    return await transport.handleRequest(request, { parsedBody });
  }
}

async function jsonOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function refusal(status: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code: -32000, message } }, { status });
}
