/** One look at whether a proxy works: what a request would do, up to the answer to `CONNECT` (PX-15, PH-5). */
import { closeWire, type Wire } from "./dial.ts";
import { NetError } from "./net_error.ts";
import type { Proxy } from "./proxy.ts";
import { RouteDialer } from "./route_dial.ts";
import { USER_AGENT } from "./target_client.ts";
import { bareHostname } from "./url_parts.ts";

const LIMIT_MS = 5_000;

/** Why a check failed, in the published words (PX-16). */
export type ProxyCheckReason =
  | "timeout"
  | "dial_error"
  | "missing_target_host"
  | "connect_error"
  | "bad_status";

/** How one check went. */
export interface ProxyCheck {
  readonly success: boolean;
  /** Undefined where the phase was not reached. */
  readonly tcpMs: number | undefined;
  readonly connectMs: number | undefined;
  readonly failure: ProxyCheckFailure | undefined;
}

/** What a failed check is reported as. */
export interface ProxyCheckFailure {
  readonly phase: "tcp" | "connect";
  readonly reason: ProxyCheckReason;
  /** `4xx`, when the proxy refused with a status. */
  readonly statusCategory: string | undefined;
  /** For the operator: who failed, how, and what to do. */
  readonly explanation: string;
}

/**
 * Connects to a proxy as traffic would, asks it to connect to the target and closes the connection. Nothing is sent to
 * the target. CONNECT is asked for http targets too.
 * @param options.caPem roots that are trusted besides those of the process
 * @param options.limitMs limit of each of the two phases. @default 5000 (PX-15)
 * @throws the signal's `reason` when it was aborted
 */
export async function checkProxy(
  proxy: Proxy,
  targetUrl: string,
  options: { readonly caPem?: string; readonly limitMs?: number },
  signal: AbortSignal,
): Promise<ProxyCheck> {
  const limitMs = options.limitMs ?? LIMIT_MS;
  const dialer = new RouteDialer({
    caPem: options.caPem,
    connectMs: limitMs,
    handshakeMs: limitMs,
    userAgent: USER_AGENT,
  });
  const startMs = performance.now();
  let wire: Wire | undefined;
  let tcpMs: number | undefined;
  try {
    const connection = await dialer.tcpToProxy(proxy, signal);
    wire = connection;
    tcpMs = performance.now() - startMs;
    const target = endpointOf(targetUrl);
    if (target === undefined) {
      return failed(tcpMs, undefined, {
        phase: "connect",
        reason: "missing_target_host",
        statusCategory: undefined,
        explanation: "the target's URL has no host",
      });
    }
    wire = await dialer.secureToProxy(connection, proxy, signal);
    await dialer.askProxy(wire, proxy, target, signal);
    return { success: true, tcpMs, connectMs: performance.now() - startMs - tcpMs, failure: undefined };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof NetError)) throw error;
    const connectMs = tcpMs === undefined ? undefined : performance.now() - startMs - tcpMs;
    return failed(tcpMs, connectMs, failureOf(error, tcpMs === undefined ? "tcp" : "connect"));
  } finally {
    if (wire !== undefined) closeWire(wire);
  }
}

function failed(
  tcpMs: number | undefined,
  connectMs: number | undefined,
  failure: ProxyCheckFailure,
): ProxyCheck {
  return { success: false, tcpMs, connectMs, failure };
}

function failureOf(error: NetError, phase: "tcp" | "connect"): ProxyCheckFailure {
  const { kind, reason, proxyStatus, explanation } = error;
  const refused = reason === "proxy-refused" || reason === "proxy-auth";
  const statusCategory = proxyStatus === undefined ? undefined : `${Math.floor(proxyStatus / 100)}xx`;
  if (kind === "timeout") return { phase, reason: "timeout", statusCategory, explanation };
  if (phase === "tcp") return { phase, reason: "dial_error", statusCategory, explanation };
  const hasStatus = refused && statusCategory !== undefined;
  return { phase, reason: hasStatus ? "bad_status" : "connect_error", statusCategory, explanation };
}

function endpointOf(text: string): { readonly hostname: string; readonly port: number } | undefined {
  const url = URL.parse(text);
  if (url === null || url.hostname === "") return undefined;
  return { hostname: bareHostname(url), port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
}
