import { requestFollowing } from "../channels/mod.ts";
import { type HttpBinding, shownUrl } from "../config/mod.ts";
import { NetError, type Route } from "../net/mod.ts";
import { again, type Context, shortened } from "./context.ts";
import { CheckTimeoutError, msSince, withinLimit } from "./deadline.ts";
import { openHttp } from "./open_channel.ts";
import { type Check, fail, type Hop, pass } from "./report.ts";
import { tcpHop } from "./tcp.ts";

/** Of the request, and of the connection behind it (D-13). */
const STEP_LIMIT_MS = 2_000;

/** Does anything answer at the server's URL? Any HTTP status counts, and after an error any open port (D-13). */
export async function checkReachable(
  context: Context,
  binding: HttpBinding,
  route: Route,
  signal: AbortSignal,
): Promise<Check> {
  const url = shownUrl(binding.url);
  const channel = openHttp(context, binding, route);
  const { client, staticHeaders } = channel.target;
  const hops: Hop[] = [];
  try {
    const startMs = performance.now();
    const { response } = await withinLimit(STEP_LIMIT_MS, signal, (limited) =>
      requestFollowing(client, {
        method: "GET",
        url: binding.url,
        headers: (
          hopUrl,
        ) => [["Accept", "application/json, text/event-stream"], ...staticHeaders(hopUrl, "discovery")],
        body: undefined,
        signal: limited,
      }));
    response.body.cancel();
    hops.push({ name: "first answer", ms: msSince(startMs) });
    return pass("mcp_server_reachable", `HTTP ${response.status} from ${url}`, { hops });
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof NetError
      ? error.explanation
      : error instanceof CheckTimeoutError
      ? error.message
      : undefined;
    if (cause === undefined) throw error;
    return await connectionOnly(
      context,
      { binding, route, url, cause: shortened(context.redact(cause)) },
      signal,
    );
  } finally {
    await channel.stop(0);
  }
}

interface Unanswered {
  readonly binding: HttpBinding;
  readonly route: Route;
  readonly url: string;
  readonly cause: string;
}

async function connectionOnly(
  context: Context,
  { binding, route, url, cause }: Unanswered,
  signal: AbortSignal,
): Promise<Check> {
  try {
    const hop = await withinLimit(STEP_LIMIT_MS, signal, (limited) => tcpHop(route, binding.url, limited));
    if (hop !== undefined) {
      return pass(
        "mcp_server_reachable",
        `TCP connect succeeded to ${url}, but no answer over HTTP: ${cause}`,
        {
          evidence: [cause],
          hops: [hop],
        },
      );
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
  }
  return fail("mcp_server_reachable", `${url}: ${cause}`, {
    why: "The agent hands every command to this server; nothing that is called can be answered without it.",
    evidence: [url, cause],
    next: [
      "start the MCP server, and check host and port of mcp.server-url",
      `look yourself: curl -sS -o /dev/null -w '%{http_code}\\n' '${url}'`,
      again(context),
    ],
  });
}
