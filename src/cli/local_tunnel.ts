/** A relay and an agent in one process tree: what `dev proxy` and `demo` stand on (spec 04 §9.2, 07 §10). */
import { loadRunConfig, type ParsedFlags, parseListenAddress, type RunConfig } from "../config/mod.ts";
import type { Log } from "../ops/mod.ts";
import { createRelay, type ListenAddress, type Relay } from "../relay/mod.ts";
import { type Service, startService } from "../sandbox/mod.ts";
import { type LocalControlPlane, openControlPlane } from "./local_control_plane.ts";

/** Delay bounds towards a control plane that lives in the same process (V-13). */
const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 50;
const PROBE_LOOK_MS = 20;
/** Limit of the agent's drain when the local tunnel stops (LP-14). */
const DRAIN_LIMIT_MS = 5_000;

/**
 * Settings that would turn the agent away from its own relay, name channels or profiles that were not asked for, or
 * collide with another process; whatever else the environment sets applies (V-13).
 */
const OVERRIDDEN_VARIABLES = [
  "CONTROL_PLANE_BASE_URL",
  "CONTROL_PLANE_URL_PATH",
  "CONTROL_PLANE_TUNNEL_ID",
  "CONTROL_PLANE_ORGANIZATION_ID",
  "CONTROL_PLANE_EXTRA_HEADERS",
  "CONTROL_PLANE_POLL_CHANNELS",
  "CONTROL_PLANE_HTTP_PROXY",
  "CONTROL_PLANE_CLIENT_CERT",
  "CONTROL_PLANE_CLIENT_KEY",
  "TUNNEL_INTEGRATION_TUNNEL_SERVICE_SOCKET_PATH",
  "OPENAI_API_KEY",
  "MCP_SERVER_URL",
  "MCP_COMMAND",
  "TUNNEL_CLIENT_CONFIG",
  "TUNNEL_CLIENT_PROFILE",
  "TUNNEL_CLIENT_PROFILE_FILE",
  "HEALTH_LISTEN_ADDR",
  "HEALTH_UNIX_SOCKET",
  "HEALTH_URL_FILE",
  "PID_FILE",
  "OPEN_WEB_UI",
];

export interface LocalTunnelOptions {
  /** `host:port` of the connector ingress; empty when there is a socket. */
  readonly listenAddr: string;
  /** Path of the connector ingress socket; empty when it is a TCP port. */
  readonly listenUnixSocket: string;
  readonly tunnelId: string;
  /** Binding entries as `--mcp-server-url` and `--mcp-command` take them. */
  readonly mcpServerUrls: readonly string[];
  readonly mcpCommands: readonly string[];
  /** The flags that select a profile; empty for none. */
  readonly profileFlags: ParsedFlags;
  /** Empty for no health listener. */
  readonly healthListenAddr: string;
  /** Empty for none. */
  readonly healthUrlFile: string;
  /** Limit of each of: start, start-up probe, first poll. */
  readonly readinessTimeoutMs: number;
  /** How long the ingress waits for an answer. */
  readonly responseTimeoutMs: number;
  /** How long after its last poll the agent counts as connected. */
  readonly clientLastSeenTimeoutMs: number;
}

/** What is needed to reach it; the members of the connection JSON (V-10). */
export interface LocalTunnelConnection {
  readonly tunnel_id: string;
  readonly mcp_url: string;
  readonly mcp_transport: "tcp" | "unix";
  readonly mcp_unix_socket?: string;
  readonly mcp_url_path?: string;
  readonly control_plane_base_url: string;
  readonly control_plane_transport: "tcp" | "unix";
  readonly control_plane_unix_socket?: string;
  readonly health_url?: string;
  readonly backend: "deno-in-memory";
}

export interface LocalTunnel {
  readonly connection: LocalTunnelConnection;
  /** Base URL of the health listener, empty when there is none. */
  readonly healthUrl: string;
  readonly service: Service;
  readonly relay: Relay;
  /**
   * Stops the agent without losing anything, then the relay at once. Idempotent.
   * @param hurry when it settles, the agent is not waited for any longer
   */
  stop(hurry: Promise<unknown>): Promise<void>;
}

/**
 * Brings both up and waits until the startup probe has ended, whatever its result, and the first poll was seen (V-8).
 * @param environment remaining settings, read like those of `run` (V-13)
 * @throws {Error} naming what did not come up in time; nothing is left running
 */
export async function startLocalTunnel(
  options: LocalTunnelOptions,
  environment: Readonly<Record<string, string>>,
): Promise<LocalTunnel> {
  const apiKey = crypto.randomUUID();
  const relay = createRelay({
    tunnels: [{
      id: options.tunnelId,
      name: "local tunnel",
      description: "made by dev proxy",
      apiKeys: [apiKey],
    }],
    responseTimeoutMs: options.responseTimeoutMs,
    lastSeenWindowMs: options.clientLastSeenTimeoutMs,
  }, QUIET);
  let service: Service | undefined;
  let controlPlane: LocalControlPlane | undefined;
  try {
    const ingress = await openIngress(relay, options);
    const encoder = new TextEncoder();
    controlPlane = await openControlPlane(relay, (text) => Deno.stderr.writeSync(encoder.encode(text)));
    const config = await localConfig(options, controlPlane, apiKey, environment);
    // Standard output is for the connection JSON alone (V-9).
    const streams = { stdout: Deno.stderr, stderr: Deno.stderr };
    service = await startService({ config, environment, secretNames: [], confineMain: false, streams });
    await waitForProbe(service, options.readinessTimeoutMs);
    await withinTime(relay.firstPollSeen(options.tunnelId), options.readinessTimeoutMs, "first poll");
    return running(options, relay, service, urlOf(ingress), controlPlane);
  } catch (error) {
    await service?.stopNow();
    await relay.stop();
    await controlPlane?.remove();
    throw error;
  }
}

/** @throws {Error} naming the address and what is wrong with it (V-12) */
async function openIngress(relay: Relay, options: LocalTunnelOptions): Promise<ListenAddress> {
  const { listenAddr, listenUnixSocket: path } = options;
  try {
    if (path !== "") return await relay.listen({ path });
    const { hostname, port } = parseListenAddress(listenAddr);
    // Whoever names another address than loopback for a test wants to be reached from there (LP-6).
    return await relay.listen({ hostname: hostname || "0.0.0.0", port }, "keyless");
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const cause = error instanceof Deno.errors.AddrInUse
      ? "address already in use; choose another one"
      : error.message;
    const where = path === "" ? `listen on ${listenAddr}` : "listen on external MCP unix socket";
    throw new Error(`${where}: ${cause}`, { cause: error });
  }
}

async function localConfig(
  options: LocalTunnelOptions,
  { baseUrl, unixSocket }: LocalControlPlane,
  apiKey: string,
  environment: Readonly<Record<string, string>>,
): Promise<RunConfig> {
  const env: Record<string, string> = { ...environment, CONTROL_PLANE_API_KEY: apiKey };
  for (const name of OVERRIDDEN_VARIABLES) delete env[name];
  const flags: ParsedFlags = {
    "control-plane.base-url": [baseUrl],
    "control-plane.tunnel-id": [options.tunnelId],
    ...options.profileFlags,
    ...(options.mcpServerUrls.length > 0 ? { "mcp-server-url": options.mcpServerUrls } : {}),
    ...(options.mcpCommands.length > 0 ? { "mcp-command": options.mcpCommands } : {}),
  };
  const readTextFile = (path: string) => Deno.readTextFileSync(path);
  const config = await loadRunConfig({ flags, env, readTextFile });
  // What a profile says about the control plane is about another one.
  const { clientCertificate: _theirs, ...controlPlane } = config.controlPlane;
  return {
    ...config,
    controlPlane: {
      ...controlPlane,
      ...(unixSocket === undefined ? {} : { unixSocket }),
      urlPath: "",
      organizationId: "",
      extraHeaders: [],
      proxy: { kind: "environment" },
      backoffMinMs: BACKOFF_MIN_MS,
      backoffMaxMs: BACKOFF_MAX_MS,
    },
    health: {
      ...config.health,
      listenAddr: options.healthListenAddr,
      unixSocket: "",
      urlFile: options.healthUrlFile,
    },
    adminUi: { ...config.adminUi, openBrowser: false },
    pidFile: "",
    drainTimeoutMs: DRAIN_LIMIT_MS,
    reloadWatch: false,
  };
}

function running(
  options: LocalTunnelOptions,
  relay: Relay,
  service: Service,
  ingressUrl: string,
  controlPlane: LocalControlPlane,
): LocalTunnel {
  const { baseUrl, unixSocket } = controlPlane;
  const path = `/v1/mcp/${options.tunnelId}`;
  const isUnix = options.listenUnixSocket !== "";
  let stopped: Promise<void> | undefined;
  const stop = async (hurry: Promise<unknown>) => {
    await Promise.race([service.drain(), hurry.then(() => service.stopNow())]);
    await relay.stop();
    await controlPlane.remove();
  };
  return {
    connection: {
      tunnel_id: options.tunnelId,
      mcp_url: isUnix ? "" : ingressUrl + path,
      mcp_transport: isUnix ? "unix" : "tcp",
      ...(isUnix ? { mcp_unix_socket: options.listenUnixSocket, mcp_url_path: path } : {}),
      control_plane_base_url: baseUrl,
      control_plane_transport: unixSocket === undefined ? "tcp" : "unix",
      ...(unixSocket === undefined ? {} : { control_plane_unix_socket: unixSocket }),
      ...(service.healthUrl === "" ? {} : { health_url: `${service.healthUrl}/readyz` }),
      backend: "deno-in-memory",
    },
    healthUrl: service.healthUrl,
    service,
    relay,
    stop: (hurry) => stopped ??= stop(hurry),
  };
}

/** Base URL of a listener; empty for a Unix socket. */
function urlOf(address: ListenAddress): string {
  return address.transport === "tcp" ? address.url : "";
}

async function waitForProbe(service: Service, limitMs: number): Promise<void> {
  const endAt = performance.now() + limitMs;
  while ((await service.status())?.probe.state === "pending") {
    if (performance.now() > endAt) throw new Error(`MCP startup probe did not end within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, PROBE_LOOK_MS));
  }
}

async function withinTime(work: Promise<void>, limitMs: number, what: string): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} was not seen within ${limitMs} ms`)), limitMs);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The relay of a local tunnel keeps quiet: its agent's log tells the same story. */
const QUIET: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  enabled: () => false,
  with: () => QUIET,
};
