import { hostHeaderValidationResponse, localhostAllowedHostnames } from "@modelcontextprotocol/server";
import { parseListenAddress, type StubOptions } from "../config/mod.ts";
import { AUTHORIZATION_SERVER_PATH, createStubHandler, PROTECTED_RESOURCE_PATH } from "./handler.ts";

/** How long running requests may take to end when the server stops. */
const STOP_GRACE_MS = 5_000;

/** The demo MCP server on a TCP port. */
export interface StubServer {
  /** `http://host:port` */
  readonly baseUrl: string;
  readonly mcpUrl: string;
  readonly protectedResourceUrl: string;
  readonly authorizationServerUrl: string;
  /** Settles when the server has ended, by {@link StubServer.stop} or by itself. */
  readonly finished: Promise<void>;
  /** Closes idle connections and streams at once, lets running requests end for up to 5 s (V-1, R-8). Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the demo MCP server.
 * @throws {InvalidValueError} when the address cannot be read
 * @throws {Deno.errors.AddrInUse} and other errors of the system when it cannot be bound
 */
export function startStubServer({ listenAddr, name, version }: StubOptions): StubServer {
  const { hostname, port } = parseListenAddress(listenAddr);
  const handler = createStubHandler({ name, version });
  const abort = new AbortController();
  const server = Deno.serve({
    hostname: hostname === "" ? "0.0.0.0" : hostname,
    port,
    signal: abort.signal,
    onListen: () => {},
  }, (request) => refuseForeignHost(request) ?? handler.fetch(withoutSignal(request)));
  const isLoopback = server.addr.hostname.startsWith("127.") || server.addr.hostname === "::1";
  const host = urlHost(hostname, server.addr.hostname);
  const baseUrl = `http://${host}:${server.addr.port}`;
  let stopping: Promise<void> | undefined;

  /** A name that resolves to a loopback address is how web pages reach local servers (DNS rebinding, SB-6). */
  function refuseForeignHost(request: Request): Response | undefined {
    if (!isLoopback || new URL(request.url).pathname !== "/mcp") return undefined;
    return hostHeaderValidationResponse(request, localhostAllowedHostnames());
  }

  async function stop(): Promise<void> {
    const limit = setTimeout(() => abort.abort(), STOP_GRACE_MS);
    const ended = server.shutdown();
    await handler.close();
    await ended;
    clearTimeout(limit);
  }

  return {
    baseUrl,
    mcpUrl: `${baseUrl}/mcp`,
    protectedResourceUrl: baseUrl + PROTECTED_RESOURCE_PATH,
    authorizationServerUrl: baseUrl + AUTHORIZATION_SERVER_PATH,
    finished: server.finished,
    stop: () => stopping ??= stop(),
  };
}

/** The configured host unless it means "all interfaces"; IPv6 in brackets. */
function urlHost(configured: string, bound: string): string {
  const unspecified = ["", "0.0.0.0", "::"];
  const host = [configured, bound].find((name) => !unspecified.includes(name)) ?? "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

/** Deno warns on stderr whenever anybody looks at the signal of a served request; here nobody needs it. */
function withoutSignal({ url, method, headers, body }: Request): Request {
  return new Request(url, { method, headers, body });
}
