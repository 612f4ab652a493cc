/** Asks the control plane what the agent asks at its start: is it there, is the key good, does the tunnel exist? */
import {
  ControlPlane,
  ControlPlaneStatusError,
  ControlPlaneTimeoutError,
  Deadlines,
  MetadataError,
  serverInfoValue,
} from "../agent/mod.ts";
import {
  createRouteClient,
  type HttpClient,
  type HttpResponse,
  NetError,
  type NetErrorReason,
  originOf,
  type Route,
} from "../net/mod.ts";
import { createMetricStore } from "../ops/mod.ts";
import { activeBindings } from "../sandbox/mod.ts";
import { clockCheck } from "./clock.ts";
import { shellWord } from "./commands.ts";
import { again, type Context, shortened, SILENT_LOG } from "./context.ts";
import { CheckTimeoutError, msSince } from "./deadline.ts";
import { type Check, type CheckId, type Details, fail, type Hop, pass, skip, warn } from "./report.ts";
import { tcpHop } from "./tcp.ts";

/** Where `admin` asks when it is told nothing else. */
const ADMIN_BASE_URL = "https://api.openai.com";
const WHY_REACHABLE = "The agent polls the control plane; what it cannot reach sends it no work.";
const WHY_KEY =
  "Every poll carries the key; the control plane hands out work only to keys with Tunnels Read + Use.";
const WHY_TUNNEL = "The agent serves exactly this tunnel, and has to belong to the same organization.";

/** What one exchange showed beside its body. */
interface Seen {
  status: number | undefined;
  date: string | undefined;
  atMs: number;
  elapsedMs: number;
}

/** Fetches the tunnel's metadata as the agent does, twice: the second time over the connection of the first. */
export async function checkControlPlane(
  context: Context,
  route: Route,
  signal: AbortSignal,
): Promise<Check[]> {
  const { config } = context;
  const seen: Seen = { status: undefined, date: undefined, atMs: 0, elapsedMs: 0 };
  const hops: Hop[] = [];
  const client = createRouteClient(route);
  const deadlines = new Deadlines();
  try {
    const controlPlane = new ControlPlane(config.controlPlane, {
      client: watched(client, seen),
      deadlines,
      log: SILENT_LOG,
      metrics: createMetricStore(),
      instanceId: crypto.randomUUID().replaceAll("-", ""),
      serverInfo: () =>
        serverInfoValue(
          activeBindings(config).map(({ channel, transport }) => ({
            name: channel,
            procAffinity: transport === "stdio",
          })),
          config.controlPlane.pollChannels,
        ),
    });
    try {
      await addTcpHop(hops, route, config.controlPlane.baseUrl, signal);
      const startMs = performance.now();
      const metadata = await controlPlane.metadata(signal);
      hops.push({ name: "first answer", ms: msSince(startMs) });
      const clock = clockCheck(seen.date, seen.atMs, context);
      const againMs = performance.now();
      await controlPlane.metadata(signal);
      hops.push({ name: "next answer", ms: msSince(againMs) });
      return [
        reached(seen, context, hops),
        pass("control_plane_key", "accepted"),
        pass(
          "control_plane_tunnel",
          `exists: ${shortened(context.redact(metadata.name), 80) || "(no name)"}`,
        ),
        clock,
      ];
    } catch (error) {
      signal.throwIfAborted();
      const isAnswered = seen.status !== undefined && hops.every(({ name }) => name !== "first answer");
      if (isAnswered) hops.push({ name: "first answer", ms: seen.elapsedMs });
      return [...refused(error, seen, context, hops), clockCheck(seen.date, seen.atMs, context)];
    } finally {
      controlPlane.close();
    }
  } finally {
    client.close();
  }
}

/** What the four checks say when the whole examination took too long. */
export function controlPlaneTimedOut(error: CheckTimeoutError, context: Context): Check[] {
  return unreached(error.message, context, []);
}

async function addTcpHop(hops: Hop[], route: Route, url: string, signal: AbortSignal): Promise<void> {
  try {
    const hop = await tcpHop(route, url, signal);
    if (hop !== undefined) hops.push(hop);
  } catch (error) {
    signal.throwIfAborted();
    // The exchange itself says better what is wrong.
    if (!(error instanceof Error)) throw error;
  }
}

/** The client, with a look at what comes back. */
function watched(client: HttpClient, seen: Seen): HttpClient {
  return {
    close: () => client.close(),
    async request(request): Promise<HttpResponse> {
      const startMs = Date.now();
      const sentMs = performance.now();
      const response = await client.request(request);
      seen.status = response.status;
      seen.elapsedMs = msSince(sentMs);
      seen.date = response.headers.find(([name]) => name.toLowerCase() === "date")?.[1];
      seen.atMs = (startMs + Date.now()) / 2;
      return response;
    },
  };
}

function reached(seen: Seen, { config }: Context, hops: readonly Hop[]): Check {
  const summary = `HTTP ${seen.status ?? 0} from ${originOf(config.controlPlane.baseUrl)}`;
  return pass("control_plane_reachable", summary, { hops });
}

function refused(error: unknown, seen: Seen, context: Context, hops: readonly Hop[]): Check[] {
  if (error instanceof ControlPlaneStatusError) return statusChecks(error, seen, context, hops);
  if (error instanceof MetadataError) {
    return [
      reached(seen, context, hops),
      skip("control_plane_key", "not known: the answer is not the control plane's"),
      fail("control_plane_tunnel", error.message, {
        why: "Something else than a control plane answers at this address.",
        evidence: [
          `HTTP ${seen.status ?? 0} from ${originOf(context.config.controlPlane.baseUrl)}`,
          error.message,
        ],
        next: [
          "control-plane.base-url is the root of a host, without /v1; a gateway's prefix is control-plane.url-path",
          "a page that wants a login may stand between: look at the proxy and its rules",
          again(context),
        ],
      }),
    ];
  }
  if (error instanceof NetError) return unreached(error.explanation, context, hops, error.reason);
  if (error instanceof ControlPlaneTimeoutError) return unreached(error.message, context, hops);
  throw error;
}

function unreached(
  cause: string,
  context: Context,
  hops: readonly Hop[],
  reason: NetErrorReason = "timeout",
): Check[] {
  const { config } = context;
  const origin = originOf(config.controlPlane.baseUrl);
  return [
    fail("control_plane_reachable", shortened(context.redact(cause)), {
      why: WHY_REACHABLE,
      evidence: [`asked: ${origin}`, shortened(context.redact(cause))],
      next: [
        ...waysOut(reason, origin),
        again(context),
      ],
      hops,
    }),
    skip("control_plane_key", "not known: the control plane was not reached"),
    skip("control_plane_tunnel", "not known: the control plane was not reached"),
  ];
}

/** The likely cause first, by what has failed. */
function waysOut(reason: NetErrorReason, origin: string): readonly string[] {
  const proxy = "name the proxy that leads out, with its user and password: --http-proxy env:HTTPS_PROXY";
  if (reason.startsWith("proxy")) return [proxy];
  if (reason.startsWith("tls-client")) {
    return ["show a certificate: --control-plane.client-cert and --control-plane.client-key"];
  }
  if (reason.startsWith("tls")) {
    return [
      "an authority of your own signs certificates here: --ca-bundle /path/to/authority.pem",
      "look whose certificate it is: a gateway in between shows its own",
    ];
  }
  return [`let this machine connect to ${origin} (name servers, firewall)`, proxy];
}

/** What each status means for each of the three questions. */
function statusChecks(
  error: ControlPlaneStatusError,
  seen: Seen,
  context: Context,
  hops: readonly Hop[],
): Check[] {
  const { status } = error;
  const said = shortened(context.redact(error.message));
  const reachable = reached(seen, context, hops);
  const evidence = [said];
  if (status === 401 || status === 403) {
    const summary = status === 401
      ? "refused (401): not a key of this control plane, or no longer one"
      : "refused (403): the key may not read this tunnel";
    return [
      reachable,
      fail("control_plane_key", summary, { why: WHY_KEY, evidence, next: keySteps(context) }),
      skip("control_plane_tunnel", "not known: the key was refused"),
    ];
  }
  if (status === 404) {
    const id = context.config.controlPlane.tunnelId;
    return [
      reachable,
      pass("control_plane_key", "not refused"),
      fail("control_plane_tunnel", "this control plane does not know the tunnel (404)", {
        why: WHY_TUNNEL,
        evidence: [...evidence, `tunnel id: ${id}`],
        next: [
          `look it up with the same key: ${lookUp(context)}`,
          "compare the id with the page of your tunnels: " +
          (context.request.pages.find(({ check }) => check === "tunnels_management_url")?.url ?? ""),
          "a key of several organizations: set --control-plane.organization-id",
          "control-plane.base-url is the root of a host; a gateway's prefix is control-plane.url-path",
          again(context),
        ],
      }),
    ];
  }
  const down: Details = {
    why: WHY_REACHABLE,
    evidence,
    next: [
      status >= 500
        ? "wait, and try again; the control plane has a problem of its own"
        : "wait, and try again",
      again(context),
    ],
    hops,
  };
  const unknown = (id: CheckId) => skip(id, `not known: HTTP ${status}`);
  const answer = `HTTP ${status} from ${originOf(context.config.controlPlane.baseUrl)}`;
  return [
    status === 429
      ? warn("control_plane_reachable", answer, down)
      : fail("control_plane_reachable", answer, down),
    unknown("control_plane_key"),
    unknown("control_plane_tunnel"),
  ];
}

/** `admin` reads no profile, so what differs from its defaults goes along. */
function lookUp({ config: { controlPlane } }: Context): string {
  const { baseUrl, urlPath, tunnelId } = controlPlane;
  const words = ["tunnel-client admin tunnels get", shellWord(tunnelId)];
  if (originOf(baseUrl) !== ADMIN_BASE_URL) {
    words.push("--control-plane.base-url", shellWord(originOf(baseUrl)));
  }
  if (urlPath !== "") words.push("--control-plane.url-path", shellWord(urlPath));
  return words.join(" ");
}

function keySteps(context: Context): string[] {
  const page = context.request.pages.find(({ check }) => check === "runtime_api_keys_url")?.url ?? "";
  return [
    `create a restricted runtime key with Tunnels Read + Use: ${page}`,
    'then: export CONTROL_PLANE_API_KEY="sk-..."',
    `what the control plane says to it: ${lookUp(context)} ` +
    "(a set OPENAI_ADMIN_KEY would be used in its place)",
    "a key of several organizations: set --control-plane.organization-id; new permissions can take 30 minutes",
    again(context),
  ];
}
