import {
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  type McpHttpHandler,
  type McpServer,
  readRequestBody,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { createDemoServer, type StubIdentity } from "./demo_server.ts";

const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** A demo that runs for weeks must not keep every session that nobody ended; the one unused for longest goes. */
const MAX_SESSIONS = 1000;
const ALLOWED_METHODS = "GET, POST, DELETE";

/** The endpoint `/mcp`: sessions of the 2025 era, and stateless requests of the 2026-07-28 revision (SB-6, A-167). */
export interface McpEndpoint {
  fetch(request: Request): Promise<Response>;
  /** Ends every session and stream. */
  close(): Promise<void>;
}

/** Creates the endpoint with the demo tools. */
export function createMcpEndpoint(identity: StubIdentity): McpEndpoint {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const modern: McpHttpHandler = createMcpHandler(() => createDemoServer(identity), {
    legacy: "reject",
    maxRequestBodySize: MAX_BODY_BYTES,
  });

  async function post(request: Request): Promise<Response> {
    if (request.headers.get("content-type")?.toLowerCase() !== "application/json") {
      return refuse(415, "Content-Type must be application/json");
    }
    const accept = request.headers.get("accept");
    if (!accepts(accept, "application/json") || !accepts(accept, "text/event-stream")) {
      return refuse(400, "Accept must name application/json and text/event-stream");
    }
    const body = await readRequestBody(request, MAX_BODY_BYTES);
    if (body.tooLarge) return refuse(413, `body is larger than ${MAX_BODY_BYTES} bytes`);
    let parsedBody: unknown;
    try {
      parsedBody = JSON.parse(body.text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return refuse(400, "body is not JSON", -32700);
    }
    const plain = withPlainAccept(request);
    if (!await isLegacyRequest(plain, parsedBody)) return modern.fetch(plain, { parsedBody });
    if (!isInitializeRequest(parsedBody)) return inSession(plain, parsedBody);
    return (await openSession()).handleRequest(plain, { parsedBody });
  }

  async function openSession(): Promise<WebStandardStreamableHTTPServerTransport> {
    const server: McpServer = createDemoServer(identity);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      maxRequestBodySize: MAX_BODY_BYTES,
      onsessioninitialized: async (id) => {
        const oldest = sessions.size >= MAX_SESSIONS ? sessions.keys().next().value : undefined;
        if (oldest !== undefined) await endSession(oldest);
        sessions.set(id, transport);
      },
    });
    await server.connect(transport);
    return transport;
  }

  async function endSession(id: string): Promise<void> {
    const transport = sessions.get(id);
    sessions.delete(id);
    await transport?.close();
  }

  async function inSession(request: Request, parsedBody?: unknown): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    if (id === null || id === "") return refuse(400, "Mcp-Session-Id is required");
    const transport = sessions.get(id);
    if (transport === undefined) return refuse(404, "session not found", -32001);
    sessions.delete(id);
    sessions.set(id, transport); // moves it to the young end
    const response = await transport.handleRequest(request, parsedBody === undefined ? {} : { parsedBody });
    response.headers.delete("mcp-session-id"); // SB-6: on the initialize response only
    if (request.method !== "DELETE" || !response.ok) return response;
    sessions.delete(id);
    return new Response(null, { status: 204 });
  }

  return {
    async fetch(request) {
      switch (request.method) {
        case "POST":
          return await post(request);
        case "GET":
          if (accepts(request.headers.get("accept"), "text/event-stream")) {
            return await inSession(withPlainAccept(request));
          }
          return refuse(400, "Accept must name text/event-stream");
        case "DELETE":
          return await inSession(request);
        default:
          return new Response("method not allowed\n", { status: 405, headers: { Allow: ALLOWED_METHODS } });
      }
    },
    async close() {
      await Promise.all([...sessions.keys()].map(endSession));
      await modern.close();
    },
  };
}

/** The SDK knows no ranges in `Accept`; what they cover has been checked, so it is handed the plain names. */
function withPlainAccept({ url, method, headers }: Request): Request {
  const plain = new Headers(headers);
  plain.set("Accept", "application/json, text/event-stream");
  return new Request(url, { method, headers: plain });
}

/** True when an `Accept` field names the media type, or a range that covers it (RFC 9110 §12.5.1). */
function accepts(accept: string | null, mediaType: string): boolean {
  const group = `${mediaType.split("/", 1)[0]}/*`;
  return (accept ?? "").split(",").some((range) => {
    const name = range.split(";", 1)[0]?.trim().toLowerCase();
    return name === mediaType || name === group || name === "*/*";
  });
}

function refuse(status: number, message: string, code = -32000): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status });
}
