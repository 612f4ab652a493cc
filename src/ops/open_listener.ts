import { InvalidValueError, type ListenAddress, parseListenAddress } from "../config/mod.ts";
import { removeIfPresent } from "./atomic_file.ts";
import { formatAddress, formatHealthUrl, formatUnixHealthUrl } from "./health_url.ts";
import { isLoopbackIp } from "./loopback_guard.ts";
import type { Log } from "./observe.ts";
import type { createOperatorApp, OperatorProviders } from "./operator_app.ts";
import { writePidFile } from "./pid_file.ts";
import { type RunningServer, serve } from "./running_server.ts";
import { StartError } from "./start_error.ts";
import { clearSocketPath } from "./unix_socket.ts";
import { writeUrlFile } from "./url_file.ts";

const STOP_GRACE_MS = 2000;

/** Where to listen and which files to write; the names are those of the settings. */
export interface OperatorListenerOptions {
  /** `host:port`; ignored when there is a socket. */
  readonly listenAddr: string;
  /** Empty when not configured. */
  readonly unixSocket: string;
  /** Empty when not configured. */
  readonly urlFile: string;
  /** Empty when not configured. */
  readonly pidFile: string;
  /** Page and data also for other machines (CFG-103); by default for this one only. */
  readonly allowRemote?: boolean;
}

/** The running listener. */
export interface OperatorListener {
  /** Base URL, `http://host:port` or `http+unix://…` (P-4, P-5). */
  readonly url: string;
  /** The bound `ip:port`, or the socket path. */
  readonly addr: string;
  /** Loads what answers requests, if none has come yet; a request that comes before waits for it. */
  load(): Promise<void>;
  /**
   * Lets running requests end, closes the listener, and removes the URL file, the socket and the PID file (H-8).
   * @param graceMs how long running requests may take, by default 2 s
   * @throws {AggregateError} with everything that went wrong; every step has been tried
   */
  stop(graceMs?: number): Promise<void>;
}

interface Opened {
  readonly server: RunningServer;
  readonly url: string;
  readonly addr: string;
  readonly app: App;
}

/** The application, loaded once, by the first who asks for it. */
type App = () => Promise<ReturnType<typeof createOperatorApp>>;
type Step = () => Promise<void>;
const nothing: Step = () => Promise.resolve();

/** Does what `startOperatorListener` says. Hono and the page are loaded later, so that polling need not wait for them. */
export async function openListener(
  options: OperatorListenerOptions,
  providers: OperatorProviders,
  log: Log,
): Promise<OperatorListener> {
  const { unixSocket, urlFile, pidFile } = options;
  const releasePid = pidFile === "" ? nothing : await writePidFile(pidFile, log);
  const removeSocket = unixSocket === "" ? nothing : () => removeIfPresent(unixSocket);
  let opened: Opened | undefined;
  try {
    opened = unixSocket === ""
      ? openTcp(options, providers, log)
      : await openSocket(unixSocket, providers, log);
    const { server, url, addr, app } = opened;
    const removeUrlFile = urlFile === "" ? nothing : await writeUrlFile(urlFile, url, log);
    log.info("health server listening", { component: "health", addr });
    if (unixSocket === "") announce(url, addr, options.allowRemote === true ? "all" : "probes", log);
    let stopping: Promise<void> | undefined;
    return {
      url,
      addr,
      async load() {
        await app();
      },
      stop: (graceMs = STOP_GRACE_MS) =>
        stopping ??= stop([() => server.close(graceMs), removeUrlFile, removeSocket, releasePid]),
    };
  } catch (error) {
    const { server } = opened ?? {};
    const failures = await tryAll([
      ...(server ? [() => server.close(STOP_GRACE_MS), removeSocket] : []),
      releasePid,
    ]);
    for (const failure of failures) {
      log.warn("could not clean up after a failed start", { component: "health", error: String(failure) });
    }
    throw error;
  }
}

function appOf(place: Parameters<typeof createOperatorApp>[0], providers: OperatorProviders, log: Log): App {
  let loading: ReturnType<App> | undefined;
  const load: App = async () => {
    // Hidden from Deno, which would otherwise walk Hono and the page before the listener is bound.
    const path = new URL("./operator_app.ts", import.meta.url).href;
    const { createOperatorApp }: typeof import("./operator_app.ts") = await import(path);
    return createOperatorApp(place, providers, log);
  };
  return () => loading ??= load();
}

function handlerOf(app: App): Parameters<typeof serve>[1] {
  return async (request, peer) => await (await app()).fetch(request, { peer });
}

function openTcp(
  { listenAddr, allowRemote = false }: OperatorListenerOptions,
  providers: OperatorProviders,
  log: Log,
): Opened {
  const configured = parseAddress(listenAddr);
  // The listener's address is known only once it is bound, and then before the first request is handled.
  const place = { listenAddr, configuredHost: configured.hostname, allowRemote };
  const app = appOf(place, providers, log);
  const server = bind(listenAddr, configured, handlerOf(app));
  const bound = server.addr;
  if (bound.transport !== "tcp") {
    throw new StartError(`health.listen-addr ${listenAddr} did not bind a TCP port`);
  }
  place.listenAddr = formatAddress(bound);
  return { server, url: formatHealthUrl(configured, bound), addr: place.listenAddr, app };
}

function parseAddress(listenAddr: string): ListenAddress {
  try {
    return parseListenAddress(listenAddr);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new StartError(`health.listen-addr ${JSON.stringify(listenAddr)}: ${error.message}`, {
      cause: error,
    });
  }
}

function bind(
  listenAddr: string,
  configured: ListenAddress,
  fetch: Parameters<typeof serve>[1],
): RunningServer {
  const { hostname, port } = configured;
  // An empty host means all interfaces of both families; a machine without IPv6 refuses the first.
  const candidates = hostname === "" ? ["::", "0.0.0.0"] : [hostname];
  let failure: unknown;
  for (const candidate of candidates) {
    try {
      return serve({ hostname: candidate, port }, fetch);
    } catch (error) {
      failure = error;
      if (error instanceof Deno.errors.AddrInUse) break;
    }
  }
  if (!(failure instanceof Error)) throw failure;
  throw new StartError(`cannot listen on health.listen-addr ${listenAddr}: ${bindFailure(failure)}`, {
    cause: failure,
  });
}

function bindFailure(error: Error): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return "address already in use; stop the program that has it, or choose another one, e.g. 127.0.0.1:0";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "cannot assign requested address; it is not an address of this machine";
  }
  return error.message;
}

async function openSocket(path: string, providers: OperatorProviders, log: Log): Promise<Opened> {
  await clearSocketPath(path, "health.unix-socket");
  const app = appOf({ listenAddr: path, configuredHost: "", allowRemote: false }, providers, log);
  try {
    const server = serve({ path }, handlerOf(app));
    return { server, url: formatUnixHealthUrl(path), addr: path, app };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new StartError(`cannot listen on health.unix-socket ${JSON.stringify(path)}: ${error.message}`, {
      cause: error,
    });
  }
}

/** Tells where the page is (SS-1), and who else can see what has no guard. */
function announce(url: string, addr: string, visible: "probes" | "all", log: Log): void {
  const component = "health";
  log.info(`🌐 WEB UI: ${url}/ui`, {
    component,
    ui_url: `${url}/ui`,
    health_url: `${url}/healthz`,
    metrics_url: `${url}/metrics`,
  });
  const ip = addr.slice(0, addr.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  if (!isLoopbackIp(ip)) {
    if (visible === "all") {
      log.warn(
        "the page and its data can be read from other machines, by anybody who reaches this address; " +
          "put something before it that asks who they are, or set allow-remote-ui to false",
        { component, addr, setting: "allow-remote-ui" },
      );
      return;
    }
    log.info("health, readiness and metrics can be read from other machines; the page cannot", {
      component,
      addr,
    });
  }
}

async function stop(steps: readonly Step[]): Promise<void> {
  const failures = await tryAll(steps);
  if (failures.length === 0) return;
  const reasons = failures.map((failure) => failure instanceof Error ? failure.message : String(failure));
  throw new AggregateError(failures, `operator listener did not stop cleanly: ${reasons.join("; ")}`);
}

/** Runs every step whatever the others did. */
async function tryAll(steps: readonly Step[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}
