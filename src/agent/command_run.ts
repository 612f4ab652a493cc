/** One command from the queue to its end, as an explicit state machine. */
import type {
  CallResult,
  Channel,
  ChannelFailure,
  JsonRpcId,
  JsonText,
  ResponseHead,
} from "../channels/mod.ts";
import type { HeaderPairs } from "../net/mod.ts";
import type { Outcome } from "../ops/mod.ts";
import { CommandAborted } from "./abort.ts";
import type { Command, JsonRpcCommand } from "./command.ts";
import type { Deadlines, Limit } from "./deadlines.ts";
import { describeError } from "./error_text.ts";
import { classifyFailure, failureJson, unsupportedChannelJson } from "./failure.ts";
import { type EventDeps, EventPath } from "./event_path.ts";
import { correlationFields, type Delivery } from "./responder.ts";
import { type HeaderRule, responseHeaders } from "./response_headers.ts";
import { type ResponseTiming, timingOf } from "./response_timing.ts";
import { type RecordDeps, recordEnd, type RunEnd } from "./run_record.ts";
import { withTraceContext } from "./trace_context.ts";
import { MAIN_CHANNEL, type ResponseType } from "./wire.ts";

/** A failure whose cause lies in this program or in the control plane. */
const INTERNAL = { kind: "unknown", upstreamStatus: 0 } as const;
const ANSWER_TOO_LARGE = "the control plane refuses the answer because of its size";

/** Where a command is on its way. */
export type RunState = "queued" | "waiting" | "connected" | "sent" | "streaming" | "answering" | "done";

const NEXT: Readonly<Record<RunState, readonly RunState[]>> = {
  queued: ["waiting", "answering", "done"],
  waiting: ["connected", "answering", "done"],
  connected: ["sent", "streaming", "answering", "done"],
  sent: ["streaming", "answering", "done"],
  streaming: ["answering", "done"],
  answering: ["done"],
  done: [],
};

/** What the `oauth_discovery` command brings back. */
export type DiscoveryResult =
  | {
    readonly type: "found";
    readonly status: number;
    readonly headers: HeaderPairs;
    readonly text: JsonText;
  }
  | { readonly type: "failure"; readonly statusCode: number; readonly detail: string };

export interface RunDeps extends RecordDeps, EventDeps {
  /** Discovery of the main target's metadata; undefined where the main target is not HTTP (CH-5). */
  readonly discover: ((signal: AbortSignal, dated: boolean) => Promise<DiscoveryResult>) | undefined;
  readonly deadlines: Deadlines;
  readonly connectionMaxTtlMs: number;
  /** Puts the trace of a call into its message; never for in-memory targets. */
  readonly forwardTraceContext: boolean;
  /** Ends even the posting of answers; aborted only when the stop's last limit is reached. */
  readonly lastLimit: AbortSignal;
}

export class CommandRun {
  #state: RunState = "queued";
  readonly #work = new AbortController();
  #deadline: Limit | undefined;
  #ttl: Limit | undefined;
  #startedAt = 0;
  readonly #events: EventPath;

  /** @param channel where it goes; undefined when there is no such channel (P-85) */
  constructor(
    readonly command: Command,
    readonly channel: Channel | undefined,
    private readonly deps: RunDeps,
  ) {
    this.#events = new EventPath(command, this.#work.signal, {
      begin: () => this.#toStreaming(),
      moveDeadline: (deadlineAt) => this.#moveDeadline(deadlineAt),
    }, deps);
  }

  get state(): RunState {
    return this.#state;
  }

  /** Ends the exchange with the target; what is answered then depends on the clock. */
  abort(clock: CommandAborted["clock"]): void {
    this.#work.abort(new CommandAborted(clock));
  }

  /** Runs the command to its end. Never rejects: every end is an outcome (P-80). */
  async run(): Promise<RunEnd> {
    this.#startedAt = performance.now();
    this.#to("waiting");
    let end: RunEnd;
    try {
      end = this.command.deadlineAt <= this.#startedAt ? this.#expired() : await this.#execute();
    } catch (error) {
      end = await this.#unexpected(error);
    } finally {
      this.#liftLimits();
    }
    return this.#state === "done" ? end : this.#finish(end);
  }

  /** Ends a command that will not be executed: the stop's limit was reached first, or nobody waits for it any more. */
  async endUnexecuted(clock: CommandAborted["clock"]): Promise<RunEnd> {
    this.#startedAt = performance.now();
    this.abort(clock);
    return await this.run();
  }

  /** Answers a command that there is no room for. */
  async refuse(detail: string): Promise<RunEnd> {
    this.#startedAt = performance.now();
    let end: RunEnd;
    try {
      end = await this.#answerWithoutTarget(503, "unknown", detail);
    } catch (error) {
      end = await this.#unexpected(error);
    }
    return this.#state === "done" ? end : this.#finish(end);
  }

  #setDeadline(): void {
    const { deadlines } = this.deps;
    if (this.#deadline !== undefined) deadlines.lift(this.#deadline);
    this.#deadline = deadlines.set(this.command.deadlineAt, () => this.abort("deadline"));
  }

  #liftLimits(): void {
    for (const limit of [this.#deadline, this.#ttl]) {
      if (limit !== undefined) this.deps.deadlines.lift(limit);
    }
  }

  /** Gives up a command that does not end though it was aborted. Whatever it still does has no effect. */
  abandon(): RunEnd {
    this.#liftLimits();
    this.deps.log.error("command does not end; giving it up", {
      ...correlationFields(this.command),
      state: this.#state,
    });
    return this.#finish({ outcome: "undeliverable", statusCode: 0, reason: "its channel did not end it" });
  }

  async #execute(): Promise<RunEnd> {
    const { command, deps } = this;
    const ttlAt = performance.now() + deps.connectionMaxTtlMs;
    this.#setDeadline();
    this.#ttl = deps.deadlines.set(ttlAt, () => this.abort("connection_ttl"));
    if (this.#work.signal.aborted) return await this.#aborted();
    if (!this.channel) return await this.#unsupportedChannel();
    try {
      if (command.type === "jsonrpc") return await this.#jsonrpc(command, this.channel);
      if (command.type === "session_termination") return await this.#terminateSession(this.channel);
      return await this.#discover();
    } catch (error) {
      if (!this.#work.signal.aborted) throw error;
      return await this.#aborted();
    }
  }

  async #jsonrpc(command: JsonRpcCommand, channel: Channel): Promise<RunEnd> {
    this.#to("connected");
    if (!isCall(command)) return await this.#notify(command, channel);
    const call = this.#traced(command, channel);
    const result = await channel.call(call, this.#observer, this.#work.signal);
    return await this.#answerCall(command, result, channel);
  }

  /** The call with its trace, where that is wanted and can be told; the command itself stays as it is. */
  #traced<C extends JsonRpcCommand>(command: C, channel: Channel): C {
    if (!this.deps.forwardTraceContext || command.traceContext === undefined) return command;
    if (channel.transport === "in-memory") return command;
    const text = withTraceContext(command.text, command.traceContext);
    return text === undefined ? command : { ...command, text };
  }

  readonly #observer = {
    sent: () => {
      if (this.#state === "connected") this.#to("sent");
    },
    notification: (text: JsonText, head: ResponseHead) => this.#events.notification(text, head),
    serverRequest: (text: JsonText, head: ResponseHead) => this.#events.serverRequest(text, head),
    streamOpened: (head: ResponseHead) => this.#events.streamSign("stream_opened", head),
    streamCut: (head: ResponseHead) => this.#events.streamSign("stream_cut", head),
  };

  async #answerCall(command: JsonRpcCommand, result: CallResult, channel: Channel): Promise<RunEnd> {
    if (result.type === "failure") return await this.#answerFailure(command, result);
    const { status, text, headers, errorCode } = result;
    const timing = timingOf(channel.transport, result);
    const delivery = await this.#post("jsonrpc_response", status, text, headers, "message", timing);
    if (delivery.type === "too_large") {
      return await this.#synthesise(command, 502, INTERNAL, [], ANSWER_TOO_LARGE);
    }
    if (delivery.type === "delivered" && this.deps.log.enabled("debug")) {
      this.deps.log.debug("response delivered", {
        ...correlationFields(command),
        status_code: status,
        preserved: result.type === "preserved",
        rpc_error_code: errorCode,
        tunnel_request_id: delivery.serviceRequestId,
      });
    }
    return this.#endOf(delivery, "answered", status, "");
  }

  async #answerFailure(command: JsonRpcCommand, failure: ChannelFailure): Promise<RunEnd> {
    return await this.#synthesise(command, failure.statusCode, failure, failure.headers, failure.detail);
  }

  async #synthesise(
    command: JsonRpcCommand,
    statusCode: number,
    failure: Pick<ChannelFailure, "kind" | "upstreamStatus">,
    headers: HeaderPairs,
    detail: string,
  ): Promise<RunEnd> {
    const provenance = classifyFailure(failure);
    this.deps.log.warn("downstream MCP failure; answering with an error", {
      ...correlationFields(command),
      status_code: statusCode,
      failure_source: provenance.source,
      transport_error_kind: provenance.kind,
      upstream_response_received: provenance.upstreamStatus !== undefined,
      upstream_status: provenance.upstreamStatus,
      error: detail,
    });
    const reason = `${provenance.source}/${provenance.kind}`;
    if (command.kind !== "call") {
      const ack = await this.#post("notify_ack", statusCode, undefined, headers, "keep");
      return this.#endOf(ack, "failed_answered", statusCode, reason);
    }
    const json = failureJson(command, statusCode, provenance);
    // A stream that broke stays a stream for the connector (P-98); the type of an error page does not (P-94).
    const rule = provenance.upstreamStatus === undefined ? "message" : "json";
    const delivery = await this.#post("jsonrpc_response", statusCode, json, headers, rule);
    return this.#endOf(delivery, "failed_answered", statusCode, reason);
  }

  async #notify(command: JsonRpcCommand, channel: Channel): Promise<RunEnd> {
    const result = await channel.notify(command, this.#work.signal);
    if (result.type === "failure") return await this.#answerFailure(command, result);
    const delivery = await this.#post("notify_ack", result.status, undefined, result.headers, "keep");
    this.#logAcknowledged("notification acknowledged", result.status, delivery);
    return this.#endOf(delivery, "acknowledged", result.status, "");
  }

  async #terminateSession(channel: Channel): Promise<RunEnd> {
    const type = "session_termination_response";
    this.#to("connected");
    const result = channel.terminateSession
      ? await channel.terminateSession(this.command.headers, this.#work.signal)
      : { type: "terminated" as const, status: 405, headers: [] };
    if (result.type === "failure") {
      const provenance = classifyFailure(result);
      const status = result.upstreamStatus || result.statusCode;
      this.#warnFailed(
        "session termination failed",
        `${provenance.source}/${provenance.kind}`,
        result.detail,
      );
      const delivery = await this.#post(type, status, undefined, result.headers, "keep");
      return this.#endOf(delivery, "failed_answered", status, `${provenance.source}/${provenance.kind}`);
    }
    if (result.status >= 400 && channel.terminateSession) {
      this.deps.log.warn("target refused to end the session", {
        ...correlationFields(this.command),
        status_code: result.status,
      });
    }
    const delivery = await this.#post(type, result.status, undefined, result.headers, "keep");
    this.#logAcknowledged("session termination answered", result.status, delivery);
    return this.#endOf(delivery, "acknowledged", result.status, "");
  }

  #logAcknowledged(event: string, statusCode: number, delivery: Delivery): void {
    if (delivery.type !== "delivered" || !this.deps.log.enabled("info")) return;
    const fields = { status_code: statusCode, tunnel_request_id: delivery.serviceRequestId };
    this.deps.log.info(event, { ...correlationFields(this.command), ...fields });
  }

  async #discover(): Promise<RunEnd> {
    const { command, deps } = this;
    if (command.channel !== MAIN_CHANNEL || !deps.discover) return await this.#unsupportedChannel();
    this.#to("connected");
    const result = await deps.discover(this.#work.signal, command.deadlineAt !== Infinity);
    if (result.type === "failure") return await this.#discoveryFailure(result.statusCode, result.detail);
    const { status, text, headers } = result;
    const delivery = await this.#post("oauth_discovery_response", status, text, headers, "all");
    if (delivery.type === "too_large") return await this.#discoveryFailure(502, ANSWER_TOO_LARGE);
    return this.#endOf(delivery, "answered", status, "");
  }

  async #discoveryFailure(statusCode: number, detail: string): Promise<RunEnd> {
    this.#warnFailed("OAuth discovery failed", "oauth_discovery", detail);
    return await this.#discoveryError(statusCode, "OAuth discovery failed", "oauth_discovery_failed");
  }

  async #discoveryError(statusCode: number, message: string, code: string): Promise<RunEnd> {
    const type = statusCode < 500 ? "invalid_request_error" : "server_error";
    const json = JSON.stringify({ error: { message, type, code } });
    const delivery = await this.#post("oauth_discovery_response", statusCode, json, [], "none");
    return this.#endOf(delivery, "failed_answered", statusCode, code);
  }

  async #unsupportedChannel(): Promise<RunEnd> {
    const { command, deps } = this;
    deps.metrics.count("command_unsupported_channel_total", {
      tunnel_id: deps.tunnelId,
      channel: command.channel,
      command_type: command.type,
    });
    deps.log.error("command for an unsupported channel", correlationFields(command));
    if (command.type === "oauth_discovery") {
      return await this.#discoveryError(
        400,
        `unsupported channel "${command.channel}"`,
        "unsupported_channel",
      );
    }
    const delivery = command.type === "session_termination"
      ? await this.#post("session_termination_response", 400, undefined, [], "none")
      : command.kind === "call"
      ? await this.#post("jsonrpc_response", 400, unsupportedChannelJson(command), [], "none")
      : await this.#post("notify_ack", 400, undefined, [], "none");
    return this.#endOf(delivery, "failed_answered", 400, "unsupported_channel");
  }

  /** An event is on its way: false when the call is already being answered, or is given up. */
  #toStreaming(): boolean {
    const isRunning = this.#state === "streaming" || NEXT[this.#state].includes("streaming");
    if (!isRunning || this.#work.signal.aborted) return false;
    this.#to("streaming");
    return true;
  }

  #moveDeadline(deadlineAt: number): void {
    if (this.#work.signal.aborted || this.#state !== "streaming") return;
    this.command.deadlineAt = deadlineAt;
    this.#setDeadline();
  }

  async #aborted(): Promise<RunEnd> {
    const reason: unknown = this.#work.signal.reason;
    const clock = reason instanceof CommandAborted ? reason.clock : "drain_limit";
    if (clock === "deadline") return this.#expired();
    if (clock === "cancelled") return this.#cancelled();
    const statusCode = clock === "connection_ttl" ? 504 : 503;
    const kind = clock === "connection_ttl" ? "timeout" as const : "unknown" as const;
    const detail = clock === "connection_ttl"
      ? `no answer within mcp.connection-max-ttl (${this.deps.connectionMaxTtlMs} ms)`
      : "the agent stopped before the command had ended";
    return await this.#answerWithoutTarget(statusCode, kind, detail);
  }

  async #unexpected(error: unknown): Promise<RunEnd> {
    const silent = { outcome: "undeliverable", statusCode: 0, reason: "internal error" } as const;
    if (this.#state === "done") return silent;
    this.deps.log.error("internal error while running a command", {
      ...correlationFields(this.command),
      error: describeError(error),
    });
    if (this.#state === "answering") return silent;
    return await this.#answerWithoutTarget(502, "unknown", "internal error");
  }

  async #answerWithoutTarget(
    statusCode: number,
    kind: "timeout" | "unknown",
    detail: string,
  ): Promise<RunEnd> {
    const { command } = this;
    if (command.type === "jsonrpc") {
      return await this.#synthesise(command, statusCode, { kind, upstreamStatus: 0 }, [], detail);
    }
    if (command.type === "oauth_discovery") return await this.#discoveryFailure(statusCode, detail);
    this.#warnFailed("command ended without an answer of the target", kind, detail);
    const delivery = await this.#post("session_termination_response", statusCode, undefined, [], "none");
    return this.#endOf(delivery, "failed_answered", statusCode, kind);
  }

  #expired(): RunEnd {
    this.deps.log.info(
      this.#state === "waiting"
        ? "command expired before it was started"
        : "command expired while it was running",
      { ...correlationFields(this.command), state: this.#state },
    );
    return { outcome: "expired", statusCode: 0, reason: "response deadline passed" };
  }

  /** Whoever wanted the answer is gone; nobody would take it. */
  #cancelled(): RunEnd {
    this.deps.log.info("command cancelled: nobody waits for its answer any more", {
      ...correlationFields(this.command),
      state: this.#state,
    });
    return { outcome: "expired", statusCode: 0, reason: "cancelled by the relay" };
  }

  async #post(
    respType: ResponseType,
    respCode: number,
    respJson: JsonText | undefined,
    headers: HeaderPairs,
    rule: HeaderRule,
    respTiming?: ResponseTiming,
  ): Promise<Delivery> {
    this.#to("answering");
    const { requestId, channel } = this.command;
    const respHeaders = responseHeaders(headers, rule);
    const payload = { requestId, channel, respJson, respHeaders, respCode, respType, respTiming };
    // An answer that exists is offered until the command's own deadline; the other clocks no longer matter.
    return await this.deps.responder.deliver(this.command, payload, this.deps.lastLimit);
  }

  #endOf(delivery: Delivery, outcome: Outcome, statusCode: number, reason: string): RunEnd {
    if (delivery.type === "delivered") return { outcome, statusCode, reason };
    const fields = { ...correlationFields(this.command), status_code: statusCode };
    if (delivery.type === "already_fulfilled") {
      this.deps.log.warn("response already fulfilled, or its command unknown to the control plane", {
        ...fields,
        tunnel_request_id: delivery.serviceRequestId,
      });
      return { outcome, statusCode, reason };
    }
    const why = delivery.type === "too_large" ? "response is too large" : delivery.reason;
    if (delivery.type === "given_up" && this.command.deadlineAt <= performance.now()) {
      this.deps.log.info("command expired while its answer was being delivered", fields);
      return { outcome: "expired", statusCode: 0, reason: "response deadline passed" };
    }
    this.deps.log.error("response could not be delivered", { ...fields, error: why });
    return { outcome: "undeliverable", statusCode: 0, reason: why };
  }

  #finish(end: RunEnd): RunEnd {
    this.#to("done");
    recordEnd(this.command, end, this.#startedAt, this.deps);
    return end;
  }

  #warnFailed(event: string, reason: string, detail: string): void {
    this.deps.log.warn(event, { ...correlationFields(this.command), reason, error: detail });
  }

  #to(next: RunState): void {
    if (this.#state === next) return;
    if (!NEXT[this.#state].includes(next)) {
      throw new Error(`command state ${this.#state} cannot become ${next}`);
    }
    this.#state = next;
  }
}

function isCall(command: JsonRpcCommand): command is JsonRpcCommand & { readonly id: JsonRpcId } {
  return command.kind === "call" && command.id !== undefined;
}
