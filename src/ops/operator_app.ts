/** The routes of the operator's listener (spec 06 §4, §5), over plain data that others provide. */
import { type Context, Hono } from "@hono/hono";
import { STATUS_PAGE, STATUS_SCRIPT, STATUS_STYLES } from "../../ui/mod.ts";
import type { AgentStatus } from "./agent_status.ts";
import { type Exposition, EXPOSITION_CONTENT_TYPE } from "./exposition.ts";
import { isLocalHost, isLoopbackPeer } from "./loopback_guard.ts";
import type { Log, TimelineEntry } from "./observe.ts";
import { evaluateReadiness } from "./readiness.ts";
import type { Redactor } from "./redactor.ts";
import { checksJson, type ProgramFacts, statusJson } from "./status_json.ts";
import { systemJson, type TrustReport } from "./system_json.ts";

/** Where the listener gets what it shows. */
export interface OperatorProviders {
  /** As they are now; a reload changes some. */
  readonly facts: () => ProgramFacts;
  /** As of now (see `agedStatus`); undefined until the agent has spoken for the first time. */
  readonly agentStatus: () => AgentStatus | undefined;
  /** Roots as they are trusted now. */
  readonly trust: () => TrustReport;
  readonly metrics: Exposition;
  readonly timeline: { latest(limit: number): readonly TimelineEntry[] };
  readonly redactor: Redactor;
}

/** What a request brings besides itself. */
export interface RequestOrigin {
  readonly peer: Deno.Addr;
}

interface Place {
  /** `host:port` or the socket path, as shown on the page. */
  readonly listenAddr: string;
  /** Host of the setting. */
  readonly configuredHost: string;
  /** Other machines may see everything (CFG-103); then they also name this one as they like. */
  readonly allowRemote: boolean;
}

type Env = { Bindings: RequestOrigin };

/** Everything else is for this machine only (G-4). */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};
const TEXT = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";

/** Builds the application; it is asked with `app.fetch(request, { peer })`. */
export function createOperatorApp(place: Place, providers: OperatorProviders, log: Log): Hono<Env> {
  const { redactor, metrics } = providers;
  const app = new Hono<Env>();

  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) c.res.headers.set(name, value);
  });
  app.use(async (c, next) => {
    const refusal = OPEN_PATHS.has(c.req.path) ? undefined : guard(c, place);
    if (refusal !== undefined) return text(c, 403, `${refusal}\n`);
    return await next();
  });

  get(app, "/healthz", (c) => {
    const hung = providers.agentStatus()?.agentAlive === false;
    return text(c, 200, hung ? "live (agent is not responding)" : "live");
  });

  get(app, "/readyz", async (c) => {
    await metrics.refresh();
    const readiness = evaluateReadiness(providers.agentStatus());
    const status = readiness.ready ? 200 : 503;
    if (!wantsJson(c)) return text(c, status, redactor.text(readiness.body));
    const degraded = readiness.checks.some((check) => check.status === "warning");
    const word = readiness.ready ? (degraded ? "degraded" : "ready") : "not_ready";
    return json(c, status, redactor.value({ status: word, checks: checksJson(readiness) }));
  });

  get(app, "/metrics", async (c) => {
    const body = await metrics.text();
    c.header("Content-Type", EXPOSITION_CONTENT_TYPE);
    c.header("Vary", "Accept-Encoding");
    if (!acceptsGzip(c.req.header("Accept-Encoding"))) return c.body(body);
    c.header("Content-Encoding", "gzip");
    return c.body(new Blob([body]).stream().pipeThrough(new CompressionStream("gzip")));
  });

  get(app, "/api/status", async (c) => {
    await metrics.refresh();
    const agent = providers.agentStatus();
    const status = statusJson({
      facts: providers.facts(),
      listenAddr: place.listenAddr,
      agent,
      readiness: evaluateReadiness(agent),
      metrics,
      timeline: providers.timeline,
      nowMs: Date.now(),
    });
    return json(c, 200, redactor.value(status));
  });

  get(app, "/api/system", async (c) => {
    await metrics.refresh();
    return json(c, 200, redactor.value(systemJson(providers.trust(), providers.agentStatus())));
  });

  get(app, "/", (c) => c.redirect("/ui", 302));
  for (const path of ["/ui", "/ui/"]) {
    get(app, path, (c) => c.body(STATUS_PAGE, 200, { "Content-Type": "text/html; charset=utf-8" }));
  }
  get(
    app,
    "/assets/app.js",
    (c) => c.body(STATUS_SCRIPT, 200, { "Content-Type": "text/javascript; charset=utf-8" }),
  );
  get(
    app,
    "/assets/styles.css",
    (c) => c.body(STATUS_STYLES, 200, { "Content-Type": "text/css; charset=utf-8" }),
  );
  get(app, "/favicon.ico", (c) => c.body(null, 204));

  app.notFound((c) => text(c, 404, "not found\n"));
  app.onError((error, c) => {
    log.error("operator request failed", { component: "health", path: c.req.path, error: String(error) });
    return text(c, 500, "internal error, see the log\n");
  });
  return app;
}

/** GET and, without the body, HEAD (H-7); anything else is refused with `Allow`. */
function get(app: Hono<Env>, path: string, handler: (c: Context<Env>) => Response | Promise<Response>): void {
  app.get(path, handler);
  app.all(path, (c) => {
    c.header("Allow", "GET, HEAD");
    return text(c, 405, "method not allowed\n");
  });
}

/** Why a request may not have what it asks for; undefined when it may (G-2, G-3). */
function guard(c: Context<Env>, { allowRemote, configuredHost }: Place): string | undefined {
  if (allowRemote) return undefined;
  const { peer } = c.env;
  if (!isLoopbackPeer(peer)) {
    return "only requests from this machine are answered here (--allow-remote-ui is off)";
  }
  if (peer.transport !== "unix" && !isLocalHost(c.req.header("Host"), configuredHost)) {
    return "the Host header does not name this machine; ask for localhost or 127.0.0.1";
  }
  return undefined;
}

function text(c: Context<Env>, status: 200 | 403 | 404 | 405 | 500 | 503, body: string): Response {
  return c.body(body, status, { "Content-Type": TEXT });
}

/** Compact, one line feed at the end, and harmless inside HTML (G-11). */
function json(c: Context<Env>, status: 200 | 503, value: unknown): Response {
  const body = JSON.stringify(value).replace(
    /[<>&]/g,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  );
  return c.body(`${body}\n`, status, { "Content-Type": JSON_TYPE });
}

function wantsJson(c: Context<Env>): boolean {
  const format = c.req.query("format");
  return format === undefined
    ? (c.req.header("Accept") ?? "").includes("application/json")
    : format === "json";
}

/** RFC 9110 §12.5.3: a coding with weight 0 is refused. */
function acceptsGzip(acceptEncoding: string | undefined): boolean {
  return (acceptEncoding ?? "").split(",").some((item) => {
    const [coding, ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const refused = parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    return (coding === "gzip" || coding === "x-gzip") && !refused;
  });
}
