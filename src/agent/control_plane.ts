/** The calls of the published contract: metadata, poll, response (sections 1–5, 18). */
import type { ControlPlaneConfig } from "../config/mod.ts";
import { type HeaderPairs, type HttpClient, type HttpResponse, NetError } from "../net/mod.ts";
import type { Log, MetricLabels, Metrics } from "../ops/mod.ts";
import { ControlPlaneStatusError, ControlPlaneTimeoutError } from "./control_plane_error.ts";
import { controlPlaneHeaders } from "./control_plane_headers.ts";
import type { Deadlines } from "./deadlines.ts";
import { parseRetryAfter } from "./retry_after.ts";
import { MAX_ERROR_BODY_BYTES, parseServiceError } from "./service_error.ts";
import { readMetadata, type TunnelMetadata } from "./tunnel_metadata.ts";
import { parseResponseTimeout } from "./response_timeout.ts";
import { FEATURE_MORE_TIME, featureNames, FEATURES_TO_CONFIRM, HEADER, ONLY_ASIDES } from "./wire.ts";

/** A poll body above this is refused (P-33). */
const MAX_POLL_BODY_BYTES = 64 * 1024 * 1024;
/** How long an unneeded reply body may take to end before its connection is given up. */
const DISCARD_LIMIT_MS = 5_000;
const JSON_BODY = ["Content-Type", "application/json"] as const;
/** No call may take longer than this, whatever is configured (P-29). */
const MAX_DEADLINE_MS = 600_000;

/** A successful poll. */
export interface PollReply {
  /** Body text, undefined for 204. */
  readonly text: string | undefined;
  /** Instant of the monotonic clock at which the response head arrived (P-35). */
  readonly receivedAt: number;
  readonly serviceRequestId: string | undefined;
}

/** A response that the service has taken, or no longer waits for (P-130). */
export interface ResponseReply {
  readonly status: 200 | 404;
  readonly serviceRequestId: string | undefined;
}

/** What became of an event of a running command. */
export interface EventReply {
  readonly status: 200 | 404;
  /** New deadline of the command, an instant of the monotonic clock, where the relay has moved it (`more-time`). */
  readonly deadlineAt: number | undefined;
}

export interface ControlPlaneDeps {
  readonly client: HttpClient;
  readonly deadlines: Deadlines;
  readonly log: Log;
  readonly metrics: Metrics;
  /** 32 hex digits, one per process start (P-17). */
  readonly instanceId: string;
  /** Current value of the server-info header; may throw, which fails the call before anything is sent (P-14). */
  readonly serverInfo: () => string;
  /** Called when a key was refused; absent where there is no other one to be had. */
  readonly onKeyRefused?: () => void;
}

/**
 * Where the routes of one tunnel are, after base URL and prefix (P-1 … P-5). User info is left out: the bearer key
 * stands in its place, and `fetch` would send both in one field.
 * @throws {Error} when the base URL has no HTTP scheme or no host; the message does not repeat it
 */
export function tunnelUrl(config: Pick<ControlPlaneConfig, "baseUrl" | "urlPath" | "tunnelId">): string {
  const base = URL.parse(config.baseUrl);
  if (base === null || !/^https?:$/.test(base.protocol)) {
    throw new Error("control plane base URL needs http:// or https:// and a host");
  }
  const path = `/${config.urlPath}/v1/tunnels/${encodeURIComponent(config.tunnelId)}`;
  return base.origin + new URL(path.replace(/\/+/g, "/"), base.origin).pathname;
}

export class ControlPlane {
  readonly #url: string;
  #config: ControlPlaneConfig;
  readonly #deps: ControlPlaneDeps;
  #fixedHeaders: HeaderPairs = [];
  #limitMs = MAX_DEADLINE_MS;
  readonly #metricLabels: MetricLabels;
  #pollQuery = "";
  /** Rises with every other key. */
  #keyVersion = 0;
  #keyWaiters: (() => void)[] = [];
  readonly #discarding = new Set<() => void>();
  #features: ReadonlySet<string> = new Set();
  #featuresText = "";
  /** Says to a relay of ours which of its features this agent follows; empty for every other control plane. */
  #confirmation: HeaderPairs = [];

  constructor(config: ControlPlaneConfig, deps: ControlPlaneDeps) {
    if (config.tunnelId === "") throw new Error("tunnel ID is required");
    this.#config = config;
    this.#deps = deps;
    this.#url = tunnelUrl(config);
    this.#metricLabels = serverLabels(new URL(this.#url));
    this.reconfigure(config);
  }

  /**
   * Every call from now on is made with this key, these headers, limits and channels. URL and tunnel stay.
   * @throws {Error} when the key is malformed; then nothing has changed
   */
  reconfigure(config: ControlPlaneConfig): void {
    if (!/^[0-9A-Za-z_-]+$/.test(config.apiKey)) throw new Error("control plane API key is malformed");
    const isOtherKey = config.apiKey !== this.#config.apiKey;
    this.#config = config;
    this.#limitMs = Math.min(MAX_DEADLINE_MS, config.pollTimeoutMs + config.pollDeadlineGuardrailMs);
    this.#fixedHeaders = controlPlaneHeaders(config, this.#deps.instanceId, this.#deps.log);
    this.#pollQuery = (config.pollChannels ?? []).map((name) => `channel=${encodeURIComponent(name)}&`).join(
      "",
    );
    if (!isOtherKey) return;
    this.#keyVersion++;
    for (const wake of this.#keyWaiters) wake();
  }

  /** Which key calls are made with now; only to be compared. */
  get keyVersion(): number {
    return this.#keyVersion;
  }

  /**
   * The control plane has refused the key that calls were made with: waits whether there is another one.
   * @param refused version of the refused one
   */
  async otherKey(refused: number, limitMs: number): Promise<boolean> {
    if (this.#keyVersion !== refused || this.#deps.onKeyRefused === undefined) {
      return this.#keyVersion !== refused;
    }
    this.#deps.onKeyRefused();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#keyWaiters.push(resolve);
    const limit = this.#deps.deadlines.set(performance.now() + limitMs, resolve);
    await promise;
    this.#deps.deadlines.lift(limit);
    this.#keyWaiters = this.#keyWaiters.filter((waiter) => waiter !== resolve);
    return this.#keyVersion !== refused;
  }

  /** Total time limit of any one call, in ms (P-29, P-30). */
  get limitMs(): number {
    return this.#limitMs;
  }

  /** Scheme and host of every call; what of the URL may be shown. */
  get origin(): string {
    return new URL(this.#url).origin;
  }

  /** True when the control plane is a relay of ours that offers the named feature. */
  hasFeature(name: string): boolean {
    return this.#features.has(name);
  }

  /** Fetches the tunnel's name and description (P-140). */
  async metadata(signal: AbortSignal): Promise<TunnelMetadata> {
    return await this.#limited("metadata", signal, async (limited) => {
      const response = await this.#send("GET", "", [], undefined, limited);
      this.#learnFeatures(response);
      if (response.status < 200 || response.status > 299) throw await this.#statusError("metadata", response);
      return readMetadata(await response.body.text(MAX_ERROR_BODY_BYTES));
    });
  }

  /**
   * Polls once (P-36, P-41).
   * @param limit commands wanted, 1–25
   * @param waitMs how long the service may hold the call
   * @param wanted `asides` leaves calls out; only where the relay has that feature
   * @throws {ControlPlaneStatusError} any status but 200 and 204
   * @throws {ControlPlaneTimeoutError} the deadline passed (P-44)
   * @throws {NetError} the exchange broke
   */
  async poll(
    limit: number,
    waitMs: number,
    signal: AbortSignal,
    wanted: "all" | "asides" = "all",
  ): Promise<PollReply> {
    const timeoutMs = waitMs > 0 && waitMs < 1 ? 1 : Math.trunc(waitMs);
    const only = wanted === "asides" ? `&${ONLY_ASIDES.name}=${ONLY_ASIDES.value}` : "";
    const route = `/poll?${this.#pollQuery}limit=${limit}&timeout_ms=${timeoutMs}${only}`;
    return await this.#limited("poll", signal, async (limited) => {
      const response = await this.#send("GET", route, this.#confirmation, undefined, limited);
      const receivedAt = performance.now();
      const serviceRequestId = headerOf(response, HEADER.requestId);
      if (response.status === 200 || response.status === 204) this.#learnFeatures(response);
      if (response.status === 204) {
        response.body.cancel();
        return { text: undefined, receivedAt, serviceRequestId };
      }
      if (response.status !== 200) throw await this.#statusError("poll", response);
      return { text: await response.body.text(MAX_POLL_BODY_BYTES), receivedAt, serviceRequestId };
    });
  }

  /** Asks a relay of ours to end this instance's open poll (docs/relay-protocol.md, `poll-release`). */
  async releasePoll(signal: AbortSignal): Promise<void> {
    await this.#limited("poll release", signal, async (limited) => {
      const response = await this.#send("DELETE", "/poll", [], undefined, limited);
      response.body.cancel();
      if (response.status !== 204) throw await this.#statusError("poll release", response);
    });
  }

  /**
   * Posts one response body once.
   * @param headers the shard token and, where known, the client request id
   * @param limitMs total time limit where that is shorter than the one of every call
   * @returns status 200 when it was delivered, 404 when the command is already fulfilled or unknown (P-130)
   * @throws {ControlPlaneStatusError} any other status
   */
  async respond(
    body: string | Uint8Array,
    headers: HeaderPairs,
    signal: AbortSignal,
    limitMs = Infinity,
  ): Promise<ResponseReply> {
    return await this.#limited("response", signal, async (limited) => {
      const response = await this.#send("POST", "/response", [JSON_BODY, ...headers], body, limited);
      if (response.status !== 200 && response.status !== 404) {
        throw await this.#statusError("response", response);
      }
      this.#discard(response);
      return { status: response.status, serviceRequestId: headerOf(response, HEADER.requestId) };
    }, limitMs);
  }

  /**
   * Posts an event of a running command once: a notification or request of its target, or a sign of its stream.
   * @throws as {@link respond} does
   */
  async report(
    body: string | Uint8Array,
    headers: HeaderPairs,
    signal: AbortSignal,
    limitMs: number,
  ): Promise<EventReply> {
    if (!this.hasFeature(FEATURE_MORE_TIME)) {
      const { status } = await this.respond(body, headers, signal, limitMs);
      return { status, deadlineAt: undefined };
    }
    const all = [JSON_BODY, ...headers, ...this.#confirmation];
    return await this.#limited("response", signal, async (limited) => {
      const response = await this.#send("POST", "/response", all, body, limited);
      const receivedAt = performance.now();
      const { status } = response;
      if (status !== 200 && status !== 404) throw await this.#statusError("response", response);
      const timeoutMs = timeoutIn(await beginningOf(response));
      return { status, deadlineAt: timeoutMs === undefined ? undefined : receivedAt + timeoutMs };
    }, limitMs);
  }

  /** Gives up reply bodies that are still being read to their end. */
  close(): void {
    for (const giveUp of [...this.#discarding]) giveUp();
  }

  async #limited<T>(
    call: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
    shorterLimitMs = Infinity,
  ): Promise<T> {
    if (signal.aborted) throw signal.reason;
    const controller = new AbortController();
    const limitMs = Math.min(this.#limitMs, shorterLimitMs);
    const timeout = this.#deps.deadlines.set(
      performance.now() + limitMs,
      () => controller.abort(new ControlPlaneTimeoutError(call, limitMs)),
    );
    const forward = () => controller.abort(signal.reason);
    signal.addEventListener("abort", forward);
    try {
      return await work(controller.signal);
    } finally {
      this.#deps.deadlines.lift(timeout);
      signal.removeEventListener("abort", forward);
    }
  }

  async #send(
    method: string,
    route: string,
    headers: HeaderPairs,
    body: string | Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const started = performance.now();
    const serverInfo = [HEADER.serverInfo, this.#deps.serverInfo()] as const;
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    let status: number | undefined;
    try {
      const response = await this.#deps.client.request({
        method,
        url: this.#url + route,
        headers: [...this.#fixedHeaders, serverInfo, ...headers],
        body: bytes,
        signal,
      });
      status = response.status;
      return response;
    } finally {
      this.#observe(method, route, status, bytes?.length ?? 0, started);
    }
  }

  /** Metadata and poll replies say anew each time what lies behind them; another control plane says nothing. */
  #learnFeatures(response: HttpResponse): void {
    const features = headerOf(response, HEADER.relayFeatures) ?? "";
    if (features === this.#featuresText) return;
    this.#featuresText = features;
    this.#features = new Set(featureNames(features));
    const followed = FEATURES_TO_CONFIRM.filter((name) => this.#features.has(name));
    this.#confirmation = followed.length === 0 ? [] : [[HEADER.relayFeatures, followed.join(",")]];
  }

  /** Reads a reply body that nobody needs to its end, beside the work, so that its connection can be used again. */
  #discard(response: HttpResponse): void {
    const { deadlines } = this.#deps;
    const giveUp = () => {
      done();
      response.body.cancel();
    };
    const limit = deadlines.set(performance.now() + DISCARD_LIMIT_MS, giveUp);
    const done = () => {
      deadlines.lift(limit);
      this.#discarding.delete(giveUp);
    };
    this.#discarding.add(giveUp);
    response.body.bytes(MAX_ERROR_BODY_BYTES).then(done, giveUp);
  }

  /** Time to the response head, and bytes sent (P-152); the route without tunnel and query (P-153). */
  #observe(
    method: string,
    route: string,
    status: number | undefined,
    bodyBytes: number,
    started: number,
  ): void {
    const { metrics } = this.#deps;
    const labels = {
      ...this.#metricLabels,
      http_request_method: method,
      http_route: `/v1/tunnels/{tunnel_id}${route.split("?")[0]}`,
      ...(status === undefined ? {} : { http_response_status_code: String(status) }),
    };
    metrics.observe("http_client_request_duration_seconds", (performance.now() - started) / 1000, labels);
    metrics.observe("http_client_request_body_size_bytes", bodyBytes, labels);
  }

  async #statusError(call: string, response: HttpResponse): Promise<ControlPlaneStatusError> {
    return new ControlPlaneStatusError(
      call,
      response.status,
      parseServiceError(this.#withoutKey(await beginningOf(response))),
      parseRetryAfter(headerOf(response, "Retry-After"), Date.now()),
      headerOf(response, HEADER.requestId),
    );
  }

  /** A gateway that shows what it received must not make the key part of a log. */
  #withoutKey(text: string): string {
    return text.replaceAll(this.#config.apiKey, "[redacted]");
  }
}

/** The beginning of a body; the status is known already, so nothing that happens here changes it (P-136). */
async function beginningOf(response: HttpResponse): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let readBytes = 0;
  try {
    for await (const chunk of response.body.chunks()) {
      text += decoder.decode(chunk.subarray(0, MAX_ERROR_BODY_BYTES - readBytes), { stream: true });
      readBytes += chunk.length;
      if (readBytes >= MAX_ERROR_BODY_BYTES) break;
    }
    return text;
  } catch (error) {
    if (!(error instanceof NetError || error instanceof ControlPlaneTimeoutError)) throw error;
    return text || error.message;
  }
}

const encoder = new TextEncoder();

/** What the metrics of every call have in common (P-152). */
function serverLabels(url: URL): MetricLabels {
  return {
    server_address: url.hostname,
    ...(url.port === "" ? {} : { server_port: url.port }),
    url_scheme: url.protocol.slice(0, -1),
  };
}

/** The `response_timeout` of a reply, in ms; undefined when it says nothing of it. */
function timeoutIn(text: string): number | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  return parseResponseTimeout(Reflect.get(parsed, "response_timeout"));
}

function headerOf(response: HttpResponse, name: string): string | undefined {
  const lower = name.toLowerCase();
  return response.headers.find(([field]) => field.length === lower.length && field.toLowerCase() === lower)
    ?.[1];
}
