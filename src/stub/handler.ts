import type { StubIdentity } from "./demo_server.ts";
import { createMcpEndpoint } from "./mcp_endpoint.ts";
import { authorizationServerMetadata, protectedResourceMetadata } from "./metadata.ts";

/** Paths of the metadata documents, for printing. */
export const PROTECTED_RESOURCE_PATH = "/.well-known/oauth-protected-resource/mcp";
export const AUTHORIZATION_SERVER_PATH = "/.well-known/oauth-authorization-server";

/** The demo MCP server as a function from request to response; needs no port. */
export interface StubHandler {
  /** Answers one request. May be taken off the object. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Ends every session and stream. */
  readonly close: () => Promise<void>;
}

/**
 * Creates the demo MCP server with its OAuth documents (section 12).
 * @param identity name and version that it gives itself
 */
export function createStubHandler(identity: StubIdentity): StubHandler {
  const endpoint = createMcpEndpoint(identity);
  return {
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      switch (pathname) {
        case "/mcp":
          if (isCrossOrigin(request)) return new Response("cross-origin request refused\n", { status: 403 });
          return await endpoint.fetch(request);
        case "/.well-known/oauth-protected-resource":
        case PROTECTED_RESOURCE_PATH:
          return json(protectedResourceMetadata(baseOf(request)));
        case AUTHORIZATION_SERVER_PATH:
          return json(authorizationServerMetadata(baseOf(request)));
        case "/jwks":
          return json({ keys: [] });
        default:
          return new Response("not found\n", { status: 404 });
      }
    },
    close: () => endpoint.close(),
  };
}

/** Scheme and authority as the caller wrote them (SB-5). */
function baseOf(request: Request): string {
  const { protocol, host } = new URL(request.url);
  return `${protocol}//${request.headers.get("host") ?? host}`;
}

/** Only browsers send these fields; a page of another origin has no business with a local server (SB-6). */
function isCrossOrigin(request: Request): boolean {
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== baseOf(request)) return true;
  const site = request.headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
}

function json(value: unknown): Response {
  return new Response(`${JSON.stringify(value, null, 2)}\n`, {
    headers: { "Content-Type": "application/json" },
  });
}
