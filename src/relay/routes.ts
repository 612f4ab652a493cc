import { type Context, Hono } from "@hono/hono";
import { canonicalChannel } from "../agent/wire.ts";
import { discover, ingress } from "./ingress_route.ts";
import { takeResponse } from "./intake_route.ts";
import { authenticateAgent, isAgentOfAny } from "./keys.ts";
import { poll, releasePoll } from "./poll_route.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import { renderMetrics } from "./relay_metrics.ts";

/** What the listener says about a request. */
export interface RouteEnv {
  readonly info: Deno.ServeHandlerInfo;
  /** False on a listener that other machines can reach. */
  readonly isPrivate: boolean;
}

type RelayContext = Context<{ Bindings: RouteEnv }>;

/**
 * All routes of a relay (P-157). Each request is answered by exactly one handler, because a second one that also
 * matches would make the router chain them, which costs on the three routes that carry the traffic.
 */
export function relayRoutes(core: RelayCore): Hono<{ Bindings: RouteEnv }> {
  const { replies, tunnels } = core;
  const app = new Hono<{ Bindings: RouteEnv }>();
  const agent = (c: RelayContext, forbiddenStatus: 401 | 403 = 401) =>
    authenticateAgent(c.req.raw.headers, c.req.param("tunnel") ?? "", tunnels, forbiddenStatus);
  const connect = (c: RelayContext) =>
    ingress(core, c.req.param("tunnel") ?? "", c.req.param("channel"), c.req.raw);

  app.post("/v1/mcp/:tunnel", connect);
  app.post("/v1/tunnels/:tunnel/response", (c) => takeResponse(core, agent(c), c.req.raw));
  app.get("/v1/tunnels/:tunnel/poll", (c) => {
    const tunnel = agent(c);
    if (isHead(c)) throw methodNotAllowed("GET, DELETE");
    return poll(core, tunnel, c.req.raw, c.env.info);
  });

  app.post("/v1/mcp/:tunnel/:channel", connect);
  app.delete("/v1/mcp/:tunnel", connect);
  app.delete("/v1/mcp/:tunnel/:channel", connect);
  app.delete("/v1/tunnels/:tunnel/poll", (c) => releasePoll(core, agent(c), c.req.raw));
  app.get("/v1/tunnels/:tunnel", (c) => {
    const { id, name, description } = agent(c, 403);
    return replies.agent(JSON.stringify({ id, name, description }));
  });
  app.get(
    "/.well-known/oauth-protected-resource/v1/mcp/:tunnel",
    (c) => {
      if (isHead(c)) throw unknownPath();
      return discover(core, c.req.param("tunnel"), c.req.raw);
    },
  );
  app.get("/readyz", () => replies.json('{"status":"ok"}'));
  app.get("/healthz", () => replies.text("live"));
  app.get("/metrics", (c) => metrics(core, c));

  app.notFound((c) => replies.error(unmatched(core, c)));
  app.onError((error) => {
    if (error instanceof RelayError) return replies.error(error);
    core.log.error("relay request failed", { error: error.message });
    return replies.error(new RelayError("internal_error", "The relay failed to handle this request."));
  });
  return app;
}

/** The router hands HEAD to GET routes; there it would take commands out of the queue and throw them away. */
function isHead(c: RelayContext): boolean {
  return c.req.raw.method === "HEAD";
}

async function metrics(core: RelayCore, c: RelayContext): Promise<Response> {
  if (!c.env.isPrivate && !isAgentOfAny(c.req.raw.headers.get("authorization"), core.tunnels)) {
    throw new RelayError("invalid_api_key", "Beyond loopback, metrics want an agent's API key.", {
      headers: { "www-authenticate": "Bearer" },
    });
  }
  const { text, contentType } = await renderMetrics(core.tunnels.values());
  return new Response(text, {
    headers: { "content-type": contentType, "x-request-id": core.ids.next("req") },
  });
}

const AGENT_PATH = /^\/v1\/tunnels(?:\/([^/]*)(\/.*)?)?$/;
const INGRESS_PATH = /^\/v1\/mcp\/([^/]+)(?:\/([^/]+))?$/;
const AGENT_METHODS = new Map([["", "GET"], ["/poll", "GET, DELETE"], ["/response", "POST"]]);

/**
 * Says why no route took a request: on agent routes the key comes before path and method (P-158); whether a path
 * exists comes before which methods it takes (P-157, P-177).
 */
function unmatched({ tunnels }: RelayCore, { req }: RelayContext): RelayError {
  const agentPath = AGENT_PATH.exec(req.path);
  if (agentPath !== null) {
    try {
      authenticateAgent(req.raw.headers, decoded(agentPath[1] ?? ""), tunnels);
    } catch (error) {
      if (error instanceof RelayError) return error;
      throw error;
    }
    const allow = AGENT_METHODS.get(agentPath[2] ?? "");
    return allow === undefined ? unknownPath() : methodNotAllowed(allow);
  }
  const [, tunnelId, channel] = INGRESS_PATH.exec(req.path) ?? [];
  const known = tunnelId !== undefined && tunnels.has(decoded(tunnelId)) &&
    canonicalChannel(decoded(channel ?? "")) !== undefined;
  return known ? methodNotAllowed("POST, DELETE") : unknownPath();
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return segment;
  }
}

function unknownPath(): RelayError {
  return new RelayError("not_found", "This relay does not serve that tunnel or path.");
}

function methodNotAllowed(allow: string): RelayError {
  return new RelayError("method_not_allowed", `Use ${allow.replace(", ", " or ")} here.`, {
    headers: { allow },
  });
}
