import { RegExpRouter } from "@hono/hono/router/reg-exp-router";
import { canonicalChannel } from "../agent/wire.ts";
import { bodyError } from "./body_text.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { discover, ingress } from "./ingress_route.ts";
import { takeResponse } from "./intake_route.ts";
import { authenticateAgent, isAgentOfAny } from "./keys.ts";
import { poll, releasePoll } from "./poll_route.ts";
import { Management } from "./management.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import { renderMetrics } from "./relay_metrics.ts";
import { openStream } from "./stream_route.ts";
import { tunnelObject } from "./tunnel_json.ts";

/** One request on its way to its handler. */
interface Visit {
  readonly request: HttpRequest;
  /** Decoded segments of the path. */
  readonly param: (name: "tunnel" | "channel") => string | undefined;
  /** False on a listener that other machines can reach. */
  readonly isPrivate: boolean;
}

type Route = (visit: Visit) => HttpReply | Promise<HttpReply>;

/** Only POST has a body that means something; others are read over up to this, in bytes. */
const MAX_IDLE_BODY_BYTES = 64 * 1024;

/** Answers one request; never throws. @param isPrivate false when other machines can reach the listener */
export type Dispatch = (request: HttpRequest, isPrivate: boolean) => Promise<HttpReply>;

/** All routes of a relay (P-157). */
export function relayRoutes(core: RelayCore): Dispatch {
  const management = core.management && new Management(core, core.management);
  const router = routerFor(core, management);
  return async (request, isPrivate) => {
    try {
      if (request.method !== "POST") await request.skipBody(MAX_IDLE_BODY_BYTES);
      const [[match], values] = router.match(request.method, request.path);
      if (match === undefined) throw unmatched(core, management, request);
      const [route, indexes] = match;
      const param = (name: "tunnel" | "channel") => {
        const index = indexes[name];
        const value = index === undefined ? undefined : values?.[Number(index)];
        return value === undefined ? undefined : decoded(value);
      };
      return await route({ request, param, isPrivate });
    } catch (error) {
      return core.replies.error(relayErrorOf(core, error));
    }
  };
}

function relayErrorOf(core: RelayCore, thrown: unknown): RelayError {
  const error = bodyError(thrown);
  if (error instanceof RelayError) return error;
  core.log.error("relay request failed", { error: error instanceof Error ? error.message : String(error) });
  return new RelayError("internal_error", "The relay failed to handle this request.");
}

function routerFor(core: RelayCore, management: Management | undefined): RegExpRouter<Route> {
  const { replies } = core;
  const agent = ({ request, param }: Visit, forbiddenStatus: 401 | 403 = 401) =>
    authenticateAgent(request.headers, param("tunnel") ?? "", core, forbiddenStatus);
  const connect: Route = ({ request, param }) =>
    ingress(core, param("tunnel") ?? "", param("channel"), request);
  const listen: Route = ({ request, param }) =>
    openStream(core, param("tunnel") ?? "", param("channel"), request);

  const router = new RegExpRouter<Route>();
  router.add("POST", "/v1/mcp/:tunnel", connect);
  router.add("POST", "/v1/mcp/:tunnel/:channel", connect);
  router.add("GET", "/v1/mcp/:tunnel", listen);
  router.add("GET", "/v1/mcp/:tunnel/:channel", listen);
  router.add("DELETE", "/v1/mcp/:tunnel", connect);
  router.add("DELETE", "/v1/mcp/:tunnel/:channel", connect);
  router.add("GET", "/v1/tunnels/:tunnel/poll", (visit) => poll(core, agent(visit), visit.request));
  router.add("DELETE", "/v1/tunnels/:tunnel/poll", (visit) => releasePoll(core, agent(visit), visit.request));
  router.add(
    "POST",
    "/v1/tunnels/:tunnel/response",
    (visit) => takeResponse(core, agent(visit), visit.request),
  );
  router.add(
    "GET",
    "/.well-known/oauth-protected-resource/v1/mcp/:tunnel",
    ({ request, param }) => discover(core, param("tunnel") ?? "", request),
  );
  // Only what changes nothing may be asked for with HEAD too: a HEAD poll would take commands and show them to nobody.
  for (const method of ["GET", "HEAD"]) {
    router.add(method, "/v1/tunnels/:tunnel", (visit) => {
      if (management?.isAdmin(visit.request.headers)) return management.get(visit.param("tunnel") ?? "");
      const { described } = agent(visit, 403);
      return replies.agent(JSON.stringify(tunnelObject(described)), 200);
    });
    router.add(method, "/readyz", () => replies.json('{"status":"ok"}'));
    router.add(method, "/healthz", () => replies.text("live"));
    router.add(method, "/metrics", (visit) => metrics(core, visit));
  }
  if (management !== undefined) addManagement(router, management);
  return router;
}

/** The management API (P-143); the key is looked at before anything else. */
function addManagement(router: RegExpRouter<Route>, management: Management): void {
  const admin = (route: Route): Route => (visit) => {
    management.authorize(visit.request.headers);
    return route(visit);
  };
  router.add("GET", "/v1/tunnels", admin(({ request }) => management.list(request)));
  router.add("HEAD", "/v1/tunnels", admin(({ request }) => management.list(request)));
  router.add("POST", "/v1/tunnels", admin(({ request }) => management.create(request)));
  router.add(
    "POST",
    "/v1/tunnels/:tunnel",
    admin(({ request, param }) => management.update(param("tunnel") ?? "", request)),
  );
  router.add("DELETE", "/v1/tunnels/:tunnel", admin(({ param }) => management.remove(param("tunnel") ?? "")));
}

async function metrics(core: RelayCore, { request, isPrivate }: Visit): Promise<HttpReply> {
  if (!isPrivate && !isAgentOfAny(request.headers.get("authorization"), core)) {
    throw new RelayError("invalid_api_key", "Beyond loopback, metrics want an agent's API key.", {
      headers: { "www-authenticate": "Bearer" },
    });
  }
  const { text, contentType } = await renderMetrics(core.tunnels.values());
  return core.replies.text(text, contentType);
}

const AGENT_PATH = /^\/v1\/tunnels(?:\/([^/]*)(\/.*)?)?$/;
const INGRESS_PATH = /^\/v1\/mcp\/([^/]+)(?:\/([^/]+))?$/;
const AGENT_METHODS = new Map([["", "GET"], ["/poll", "GET, DELETE"], ["/response", "POST"]]);
const MANAGEMENT_PATH = /^\/v1\/tunnels(?:\/([^/]*))?$/;

/**
 * Says why no route took a request: on agent routes the key comes before path and method (P-158); whether a path
 * exists comes before which methods it takes (P-157, P-177).
 */
function unmatched(
  core: RelayCore,
  management: Management | undefined,
  { path, headers }: HttpRequest,
): RelayError {
  const managementPath = MANAGEMENT_PATH.exec(path);
  if (managementPath !== null && management?.isAdmin(headers)) {
    return methodNotAllowed(managementPath[1] === undefined ? "GET, POST" : "GET, POST, DELETE");
  }
  const agentPath = AGENT_PATH.exec(path);
  if (agentPath !== null) {
    authenticateAgent(headers, decoded(agentPath[1] ?? ""), core);
    const allow = AGENT_METHODS.get(agentPath[2] ?? "");
    return allow === undefined ? unknownPath() : methodNotAllowed(allow);
  }
  const [, tunnelId, channel] = INGRESS_PATH.exec(path) ?? [];
  const known = tunnelId !== undefined && core.tunnels.has(decoded(tunnelId)) &&
    canonicalChannel(decoded(channel ?? "")) !== undefined;
  return known ? methodNotAllowed("POST, DELETE") : unknownPath();
}

function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
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
  return new RelayError("method_not_allowed", `Use ${allow.replaceAll(", ", " or ")} here.`, {
    headers: { allow },
  });
}
