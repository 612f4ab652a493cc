import type { Log } from "../../ops/mod.ts";
import type {
  CallObserver,
  CallResult,
  Channel,
  ChannelCall,
  ChannelFailure,
  ChannelHealth,
  ChannelRequest,
  JsonText,
  NotifyResult,
  ResponseHead,
} from "../channel.ts";
import { systemClock } from "../http/clock.ts";
import { Exchange } from "../http/exchange.ts";
import { Background } from "../http/background.ts";
import { createHttpTarget } from "../http/target.ts";
import { HandlerClient, type McpHandler } from "./handler_client.ts";

/** One in-memory binding. */
export interface MemoryChannelOptions {
  /** Canonical channel name. */
  readonly name: string;
  /** A fetch-style MCP server, e.g. `createMcpHandler(…).fetch`. */
  readonly handler: McpHandler;
}

/** Address that handlers see; nothing is ever dialled. */
const HANDLER_URL = "http://localhost/mcp";

/** What stands for the missing HTTP status of an in-memory target (P-89). */
const HEAD: ResponseHead = { status: 200, headers: [] };

/**
 * Binds a channel to an MCP server in this process (IM-1 … IM-3). Every message is an exchange of its own, so any
 * number of calls may run at once.
 */
export function createMemoryChannel(options: MemoryChannelOptions, log: Log): Channel {
  return new MemoryChannel(options, log);
}

class MemoryChannel implements Channel {
  readonly transport = "in-memory";
  readonly procAffinity = true;
  readonly maxConcurrentCalls = undefined;
  readonly name: string;

  readonly #exchange: Exchange;
  readonly #background = new Background();
  #state: ChannelHealth["state"] = "starting";

  constructor(options: MemoryChannelOptions, log: Log) {
    this.name = options.name;
    const binding = { url: HANDLER_URL, extraHeaders: [], discoveryExtraHeaders: [] };
    this.#exchange = new Exchange({
      target: createHttpTarget(binding, new HandlerClient(options.handler)),
      scope: "message",
      drops: isNoProtocolHeader,
      background: this.#background,
      clock: systemClock,
      log: log.with({ channel: options.name }),
    });
  }

  start(): Promise<void> {
    this.#state = "ready";
    return Promise.resolve();
  }

  async call(call: ChannelCall, observer: CallObserver, signal: AbortSignal): Promise<CallResult> {
    const result = await this.#exchange.call(call, withoutHead(observer), signal);
    if (result.type === "failure") return withoutStatus(result);
    // Without an HTTP status an error is an ordinary answer (P-119).
    const { text, errorCode } = result;
    return { type: "response", ...HEAD, text, errorCode, targetElapsedMs: undefined };
  }

  async notify(notification: ChannelRequest, signal: AbortSignal): Promise<NotifyResult> {
    const result = await this.#exchange.notify(notification, signal);
    return result.type === "failure" ? withoutStatus(result) : { type: "accepted", ...HEAD };
  }

  health(): ChannelHealth {
    return { state: this.#state, reason: "" };
  }

  stop(_graceMs: number): Promise<void> {
    this.#state = "stopped";
    this.#background.stop();
    return Promise.resolve();
  }
}

/** Only what the MCP protocol itself says in headers reaches the handler; in particular no credential (HD-2). */
function isNoProtocolHeader(lowerName: string): boolean {
  return !lowerName.startsWith("mcp-") && lowerName !== "accept" && lowerName !== "content-type" &&
    lowerName !== "last-event-id";
}

function withoutHead(observer: CallObserver): CallObserver {
  return {
    sent: () => observer.sent(),
    notification: (text: JsonText) => observer.notification(text, HEAD),
  };
}

function withoutStatus(failure: ChannelFailure): ChannelFailure {
  const kind = failure.kind === "http_status" ? "invalid_protocol_response" : failure.kind;
  return { ...failure, kind, upstreamStatus: 0, statusCode: 502, headers: [] };
}
