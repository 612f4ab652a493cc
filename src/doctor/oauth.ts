/** Is the metadata there that says who protects the main target? Searched for as the agent does (D-14, RFC 9728). */
import { type HttpBinding, shownUrl } from "../config/mod.ts";
import type { HttpClient, Route } from "../net/mod.ts";
import { discoverProtectedResource, type JudgeOrigin } from "../oauth/mod.ts";
import { decideLearning } from "../sandbox/mod.ts";
import { again, type Context, shortened, SILENT_LOG } from "./context.ts";
import { CheckTimeoutError, withinLimit } from "./deadline.ts";
import { openHttp } from "./open_channel.ts";
import { type Check, fail, pass } from "./report.ts";

const LIMIT_MS = 5_000;
const WHY =
  "A protected server becomes ready only when its metadata can be read; clients find out from it where to log in.";
/** What the search calls the place that a server's own challenge names. */
const ADVERTISED = "www_authenticate";

/** One request of the search, as it was answered. */
interface Answered {
  readonly url: string;
  readonly status: number;
}

export async function checkOauth(
  context: Context,
  binding: HttpBinding,
  route: Route,
  signal: AbortSignal,
): Promise<Check> {
  const asked: Answered[] = [];
  const channel = openHttp(context, binding, route, (client) => watched(client, binding.url, asked));
  try {
    const result = await withinLimit(
      LIMIT_MS,
      signal,
      (limited) =>
        discoverProtectedResource(
          { target: channel.target, hasDeadline: true, judgeOrigin: judgedBy(context) },
          SILENT_LOG,
          limited,
        ),
    );
    const evidence = asked.map(({ url, status }) => `HTTP ${status} from ${shownUrl(url)}`);
    if (result.type === "found") {
      return pass("oauth_metadata", `HTTP ${result.status} from ${shownUrl(asked.at(-1)?.url ?? "")}`, {
        evidence,
      });
    }
    const isAdvertised = result.text.includes(ADVERTISED);
    const isAbsent = asked.length > 0 && asked.every(({ status }) => status === 404);
    if (!isAdvertised && isAbsent) {
      return pass("oauth_metadata", "not advertised (404 everywhere)", { evidence });
    }
    const isBroken = !isAbsent && asked.length > 0;
    return failure(context, binding, `${isBroken ? "invalid metadata: " : ""}${result.text}`, evidence);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CheckTimeoutError)) throw error;
    return failure(context, binding, `no metadata document: ${error.message}`, []);
  } finally {
    await channel.stop(0);
  }
}

/** As the agent would be told by its main thread. */
function judgedBy({ loaded }: Context): JudgeOrigin {
  return (origin) => {
    const decision = decideLearning(loaded.config, origin);
    return Promise.resolve(decision.allowed ? undefined : decision.advice);
  };
}

/** Keeps what is asked beside the server's own URL, where only its challenge is looked for. */
function watched(client: HttpClient, mcpUrl: string, asked: Answered[]): HttpClient {
  return {
    close: () => client.close(),
    async request(request) {
      const response = await client.request(request);
      if (request.method === "GET" && request.url !== mcpUrl) {
        asked.push({ url: request.url, status: response.status });
      }
      return response;
    },
  };
}

function failure(context: Context, { url }: HttpBinding, text: string, evidence: readonly string[]): Check {
  const origin = new URL(url).origin;
  const path = new URL(url).pathname.replace(/\/+$/, "");
  const summary = shortened(context.redact(text));
  return fail("oauth_metadata", summary, {
    why: WHY,
    evidence: [...evidence, summary],
    next: [
      `look at the document: curl -sS '${shownUrl(`${origin}/.well-known/oauth-protected-resource${path}`)}'`,
      "then at that of authorization_servers[0]: /.well-known/oauth-authorization-server on its host",
      "while the agent runs, look at /readyz and at oauth_discovery_urls in its log; read tunnel-client help oauth",
      again(context),
    ],
  });
}
