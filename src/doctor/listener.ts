/** Where the operator's listener will be: bound for a moment and let go again (D-15, D-16). */
import { InvalidValueError, parseListenAddress, type RunConfig } from "../config/mod.ts";
import { clearSocketPath, StartError } from "../ops/mod.ts";
import { again, type Context } from "./context.ts";
import { type Check, fail, pass, skip } from "./report.ts";

const WHY =
  "Health, readiness, metrics and the page are served there; a run ends at once when the address is taken.";
const ELSEWHERE = "the address is told at start, and in the file of health.url-file";
const ASK_LIMIT_MS = 1_000;
/** Hosts that mean all interfaces; one of them is shown. */
const UNSPECIFIED: ReadonlySet<string> = new Set(["", "0.0.0.0", "::"]);

/** Both checks: the listener, and the page on it. */
export async function checkListener(context: Context): Promise<readonly [listener: Check, ui: Check]> {
  const { health } = context.config;
  const listener = health.unixSocket === ""
    ? await checkTcp(health.listenAddr, context)
    : await checkSocket(health.unixSocket, context);
  if (listener.status !== "PASS") {
    return [listener, skip("ui", "not known: the listener has no address")];
  }
  const isKnown = health.unixSocket === "" && portOf(health) !== 0;
  return [listener, pass("ui", isKnown ? `${displayBase(health.listenAddr)}/ui` : ELSEWHERE)];
}

async function checkTcp(listenAddr: string, context: Context): Promise<Check> {
  try {
    const { hostname, port } = parseListenAddress(listenAddr);
    const bound = bindOnce(hostname, port);
    if (port !== 0) return pass("health_listener", `will bind ${displayBase(listenAddr)}`);
    const host = UNSPECIFIED.has(hostname) ? "127.0.0.1" : hostname;
    return pass("health_listener", `ephemeral bind ok on ${baseOf(host, bound)}`, { next: [ELSEWHERE] });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return await refusal(error, listenAddr, context);
  }
}

/**
 * Binds an address and lets it go, with the same candidates as the listener itself.
 * @returns the port
 */
function bindOnce(hostname: string, port: number): number {
  const candidates = hostname === "" ? ["::", "0.0.0.0"] : [hostname];
  let failure: unknown;
  for (const candidate of candidates) {
    try {
      using listener = Deno.listen({ hostname: candidate, port });
      return listener.addr.port;
    } catch (error) {
      failure = error;
      if (error instanceof Deno.errors.AddrInUse) break;
    }
  }
  throw failure;
}

async function refusal(error: Error, listenAddr: string, context: Context): Promise<Check> {
  const setting = `health.listen-addr ${listenAddr}`;
  const elsewhere = "let the system choose: --health.listen-addr 127.0.0.1:0 --health.url-file PATH";
  if (!(error instanceof Deno.errors.AddrInUse)) {
    const cause = error instanceof InvalidValueError
      ? error.message
      : error instanceof Deno.errors.AddrNotAvailable
      ? "it is not an address of this machine"
      : error.message;
    return fail("health_listener", `cannot bind ${setting}: ${cause}`, {
      why: WHY,
      evidence: [cause],
      next: ["choose another address, such as 127.0.0.1:8080", elsewhere, again(context)],
    });
  }
  const { port } = parseListenAddress(listenAddr);
  const isOurs = await isAgent(displayBase(listenAddr));
  return fail(
    "health_listener",
    `cannot bind ${setting}: address already in use${isOurs ? " by a tunnel-client that is running" : ""}`,
    {
      why: WHY,
      evidence: [
        isOurs ? `${displayBase(listenAddr)}/healthz answers as an agent does` : "somebody listens there",
      ],
      next: isOurs
        ? [
          `how that one is: tunnel-client health --port ${port}`,
          "stop it before you start another one, or give this one an address of its own",
          elsewhere,
          again(context),
        ]
        : [
          `who has it: ss -ltnp 'sport = :${port}' (on macOS: lsof -iTCP:${port})`,
          elsewhere,
          again(context),
        ],
    },
  );
}

/** Whether the listener of an agent answers there. */
async function isAgent(base: string): Promise<boolean> {
  try {
    const response = await fetch(`${base}/healthz`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    return response.ok && (await response.text()).startsWith("live");
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return false;
  }
}

async function checkSocket(path: string, context: Context): Promise<Check> {
  try {
    await clearSocketPath(path, "health.unix-socket");
    Deno.listen({ transport: "unix", path }).close();
    await removeSocket(path);
    return pass("health_listener", `will bind unix socket ${path}`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const cause = error instanceof StartError
      ? error.message
      : `cannot bind unix socket ${path}: ${error.message}`;
    return fail("health_listener", cause, {
      why: WHY,
      evidence: [cause],
      next: [
        `who has it: tunnel-client health --unix-socket ${path}`,
        "choose another path in a directory that this user may write to: --health.unix-socket PATH",
        again(context),
      ],
    });
  }
}

/** Closing has removed it already, or not, as the version of the runtime likes. */
async function removeSocket(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function portOf({ listenAddr }: RunConfig["health"]): number {
  return parseListenAddress(listenAddr).port;
}

/** How the address is shown and typed into a browser. */
function displayBase(listenAddr: string): string {
  const { hostname, port } = parseListenAddress(listenAddr);
  return baseOf(UNSPECIFIED.has(hostname) ? "127.0.0.1" : hostname, port);
}

function baseOf(hostname: string, port: number): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
