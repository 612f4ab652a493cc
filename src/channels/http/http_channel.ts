import type { HttpClient } from "../../net/mod.ts";
import type { Log } from "../../ops/mod.ts";
import type {
  CallObserver,
  CallResult,
  Channel,
  ChannelCall,
  ChannelHealth,
  ChannelRequest,
  HeaderMap,
  NotifyResult,
  SessionResult,
} from "../channel.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Exchange } from "./exchange.ts";
import { isHopField } from "./headers.ts";
import { Background } from "./background.ts";
import { createHttpTarget, type HttpTarget, type HttpTargetOptions } from "./target.ts";

/** One Streamable HTTP binding. */
export interface HttpChannelOptions extends HttpTargetOptions {
  /** Canonical channel name. */
  readonly name: string;
}

/** A channel to a Streamable HTTP target, with what the startup probe and OAuth discovery need of it. */
export interface HttpChannel extends Channel {
  readonly target: HttpTarget;
  terminateSession(headers: HeaderMap, signal: AbortSignal): Promise<SessionResult>;
}

/**
 * Binds a channel to a Streamable HTTP target (HT-1 … HT-32). Nothing is sent before the first command.
 * @param client closed when the channel stops; it belongs to this channel alone (CH-7)
 * @throws {TypeError} when the URL is not an absolute http(s) URL
 */
export function createHttpChannel(
  options: HttpChannelOptions,
  client: HttpClient,
  log: Log,
  clock: Clock = systemClock,
): HttpChannel {
  return new StreamableHttpChannel(options, createHttpTarget(options, client), log, clock);
}

class StreamableHttpChannel implements HttpChannel {
  readonly transport = "http-streamable";
  readonly procAffinity = false;
  readonly maxConcurrentCalls = undefined;
  readonly name: string;
  readonly target: HttpTarget;

  readonly #exchange: Exchange;
  readonly #background = new Background();
  readonly #log: Log;
  #state: "starting" | "ready" | "stopped" = "starting";
  /** Why the target could not be reached the last time; empty when it answered. */
  #unreachable = "";
  #warnedOfNotificationStatus = false;

  constructor(options: HttpChannelOptions, target: HttpTarget, log: Log, clock: Clock) {
    this.name = options.name;
    this.target = target;
    this.#log = log.with({ channel: options.name });
    this.#exchange = new Exchange({
      target,
      scope: "message",
      background: this.#background,
      clock,
      log: this.#log,
    });
    const ignored = [...options.extraHeaders, ...options.discoveryExtraHeaders].map(([name]) => name).filter(
      isHopField,
    );
    if (ignored.length > 0) {
      this.#log.warn("static MCP headers ignored, they belong to the connection", { ignored });
    }
  }

  start(): Promise<void> {
    this.#state = "ready";
    return Promise.resolve();
  }

  async call(call: ChannelCall, observer: CallObserver, signal: AbortSignal): Promise<CallResult> {
    return this.#noted(await this.#exchange.call(call, observer, signal));
  }

  async notify(notification: ChannelRequest, signal: AbortSignal): Promise<NotifyResult> {
    const result = this.#noted(await this.#exchange.notify(notification, signal));
    if (result.type === "accepted" && result.status !== 202 && result.status !== 204) {
      this.#warnOfNotificationStatus(result.status);
    }
    return result;
  }

  async terminateSession(headers: HeaderMap, signal: AbortSignal): Promise<SessionResult> {
    return this.#noted(await this.#exchange.terminateSession(headers, signal));
  }

  health(): ChannelHealth {
    if (this.#state !== "ready") return { state: this.#state, reason: "" };
    if (this.#unreachable === "") return { state: "ready", reason: "" };
    return { state: "degraded", reason: `${this.target.origin} could not be reached: ${this.#unreachable}` };
  }

  stop(_graceMs: number): Promise<void> {
    if (this.#state !== "stopped") {
      this.#state = "stopped";
      this.#background.stop();
      this.target.client.close();
    }
    return Promise.resolve();
  }

  #noted<R extends CallResult | NotifyResult | SessionResult>(result: R): R {
    const isFailure = result.type === "failure";
    if (!isFailure || result.upstreamStatus !== 0) this.#unreachable = "";
    // `unknown` may as well be the message's fault, a header that cannot be sent.
    else if (result.kind !== "unknown") this.#unreachable = result.detail;
    return result;
  }

  /** A habit of the target, not an event: said once (LC-5). */
  #warnOfNotificationStatus(statusCode: number): void {
    if (this.#warnedOfNotificationStatus) return;
    this.#warnedOfNotificationStatus = true;
    this.#log.warn("target accepts notifications with an unusual status", { statusCode });
  }
}
