/** The official MCP clients behind one face, and what one session with them brings. */
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { type CreateMessageRequest, CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { LineTransport } from "./e2e_line_transport.ts";

/** Which client, and which form of the protocol it speaks. */
export type ClientKind = "v1" | "v2-2025" | "v2-auto" | "v2-2026";

/** A URL, or the command line of a stdio server. */
export type Endpoint = string | readonly string[];

export interface Progress {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

export interface ConnectOptions {
  /** What the client's model says when a server asks for it; without it the client has no model. */
  readonly sampling?: (prompt: string) => string;
}

export interface CallOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly timeoutMs?: number;
}

// What a server answers is up to the test that reads it.
// deno-lint-ignore no-explicit-any
export type Reply = any;

/** What the tests use of both clients. */
export interface TestClient extends AsyncDisposable {
  callTool(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Reply>;
  listTools(): Promise<Reply>;
  listResources(): Promise<Reply>;
  listResourceTemplates(): Promise<Reply>;
  readResource(uri: string): Promise<Reply>;
  listPrompts(): Promise<Reply>;
  getPrompt(name: string, args?: Record<string, string>): Promise<Reply>;
  /** Completes an argument of a prompt. */
  complete(prompt: string, argument: string, value: string): Promise<Reply>;
  ping(): Promise<Reply>;
  /** What the server has said of itself at the beginning. */
  server(): Reply;
  /** Session id, where there is one. */
  sessionId(): string | undefined;
  /** Ends the session with DELETE. */
  endSession(): Promise<void>;
  /** The form that was agreed on; only the v2 client knows. */
  era(): string | undefined;
  /** Result of `server/discover`. */
  discover(): Promise<Reply>;
}

/** The v1 client takes a stream that ends with an error for one that broke, and leaves a timer behind. */
const NO_RECONNECTION = {
  reconnectionOptions: {
    initialReconnectionDelay: 1,
    maxReconnectionDelay: 1,
    reconnectionDelayGrowFactor: 1,
    maxRetries: 0,
  },
};
const IDENTITY = { name: "e2e", version: "1.0.0" };

/** Connects a client. */
export async function connect(
  kind: ClientKind,
  endpoint: Endpoint,
  options: ConnectOptions = {},
): Promise<TestClient> {
  return kind === "v1" ? await connectV1(endpoint, options) : await connectV2(kind, endpoint, options);
}

async function connectV1(endpoint: Endpoint, { sampling }: ConnectOptions): Promise<TestClient> {
  const client = new ClientV1(IDENTITY, { capabilities: sampling ? { sampling: {} } : {} });
  if (sampling) {
    client.setRequestHandler(
      CreateMessageRequestSchema,
      ({ params }: CreateMessageRequest) => said(sampling, params.messages[0]),
    );
  }
  const http = typeof endpoint === "string" ? new HttpV1(new URL(endpoint), NO_RECONNECTION) : undefined;
  await client.connect(http ?? lines(endpoint));
  return {
    callTool: (name, args = {}, options = {}) =>
      client.callTool({ name, arguments: args }, undefined, requestOptions(options)),
    listTools: () => client.listTools(),
    listResources: () => client.listResources(),
    listResourceTemplates: () => client.listResourceTemplates(),
    readResource: (uri) => client.readResource({ uri }),
    listPrompts: () => client.listPrompts(),
    getPrompt: (name, args = {}) => client.getPrompt({ name, arguments: args }),
    complete: (prompt, argument, value) =>
      client.complete({ ref: { type: "ref/prompt", name: prompt }, argument: { name: argument, value } }),
    ping: () => client.ping(),
    server: () => [client.getServerVersion(), client.getServerCapabilities(), client.getInstructions()],
    sessionId: () => http?.sessionId,
    endSession: async () => await http?.terminateSession(),
    era: () => undefined,
    discover: () => Promise.reject(new Error("the v1 client knows no server/discover")),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connectV2(
  kind: Exclude<ClientKind, "v1">,
  endpoint: Endpoint,
  { sampling }: ConnectOptions,
): Promise<TestClient> {
  const mode = kind === "v2-2025" ? "legacy" : kind === "v2-auto" ? "auto" : { pin: "2026-07-28" };
  const capabilities = sampling ? { sampling: {} } : {};
  const client = new ClientV2(IDENTITY, { versionNegotiation: { mode }, capabilities });
  if (sampling) {
    client.setRequestHandler("sampling/createMessage", ({ params }) => said(sampling, params.messages[0]));
  }
  const http = typeof endpoint === "string" ? new HttpV2(new URL(endpoint), NO_RECONNECTION) : undefined;
  await client.connect(http ?? lines(endpoint));
  return {
    callTool: (name, args = {}, options = {}) =>
      client.callTool({ name, arguments: args }, requestOptions(options)),
    listTools: () => client.listTools(),
    listResources: () => client.listResources(),
    listResourceTemplates: () => client.listResourceTemplates(),
    readResource: (uri) => client.readResource({ uri }),
    listPrompts: () => client.listPrompts(),
    getPrompt: (name, args = {}) => client.getPrompt({ name, arguments: args }),
    complete: (prompt, argument, value) =>
      client.complete({ ref: { type: "ref/prompt", name: prompt }, argument: { name: argument, value } }),
    ping: () => client.ping(),
    server: () => [client.getServerVersion(), client.getServerCapabilities(), client.getInstructions()],
    sessionId: () => http?.sessionId,
    endSession: async () => await http?.terminateSession(),
    era: () => client.getProtocolEra(),
    discover: () => client.discover(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function said(sampling: (prompt: string) => string, message: unknown) {
  const { content } = message as { content: { text: string } };
  return {
    model: "e2e",
    role: "assistant" as const,
    content: { type: "text" as const, text: sampling(content.text) },
  };
}

function lines(endpoint: Endpoint): LineTransport {
  return new LineTransport(typeof endpoint === "string" ? [] : endpoint);
}

function requestOptions({ onProgress, timeoutMs = 60_000 }: CallOptions) {
  return { timeout: timeoutMs, ...(onProgress ? { onprogress: onProgress } : {}) };
}

/** One step of a session: its name and what to do. */
export type Step = readonly [name: string, run: (client: TestClient) => Promise<Reply>];

/** What a whole session brought, step by step, failures included: equal for equal servers, whatever lies between. */
export async function transcript(client: TestClient, steps: readonly Step[]): Promise<Record<string, Reply>> {
  const lines: Record<string, Reply> = { server: client.server() };
  for (const [name, run] of steps) {
    try {
      lines[name] = await run(client);
    } catch (error) {
      lines[name] = failure(error);
    }
  }
  return lines;
}

/** What a caller sees of a failure, and what it can act on. */
function failure(error: unknown): Reply {
  if (!(error instanceof Error)) throw error;
  const { code, data } = error as { code?: unknown; data?: unknown };
  return { failed: error.constructor.name, code, message: error.message, data };
}

/** A call whose progress is part of its result, in the order in which it was seen. */
export async function callWithProgress(
  client: TestClient,
  name: string,
  args: Record<string, unknown>,
): Promise<Reply[]> {
  const seen: Reply[] = [];
  const result = await client.callTool(name, args, { onProgress: (progress) => void seen.push(progress) });
  seen.push({ result });
  return seen;
}
