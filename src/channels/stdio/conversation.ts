import type { Log } from "../../ops/mod.ts";
import type {
  CallObserver,
  CallResult,
  ChannelCall,
  ChannelFailure,
  ChannelRequest,
  JsonRpcId,
  NotifyResult,
} from "../channel.ts";
import { addresseeOf, endedSubscription } from "./addressing.ts";
import { CallTable } from "./call_table.ts";
import type { Clock } from "./clock.ts";
import type { Frame } from "./frame_reader.ts";
import { InitializationGate, initializationRequired, isSelfContained } from "./initialization_gate.ts";
import { stdioFailure } from "./result.ts";
import { NOT_WRITTEN, RunningCall } from "./running_call.ts";
import { ServerRequests } from "./server_requests.ts";
import { endOfSubscription, incomingText, outgoingText, restore, resultOf } from "./translation.ts";
import { applyEdits, asId, type Edit, LISTEN_METHOD, memberAt } from "./wire_text.ts";
import type { WriteQueue } from "./write_queue.ts";

/** Notifications that may be on their way to their callers while the child is read on. */
const MAX_UNDELIVERED = 64;
/**
 * How long a call that its caller has cancelled still waits for an answer. Servers rightly give none, and without this
 * limit the call would keep its slot until its deadline.
 */
const CANCELLED_WAIT_MS = 2000;
/** Codes of an error without an id by which a server says that it could not read a message. */
const UNREADABLE_CODES: readonly unknown[] = [-32700, -32600];

const INITIALIZED = "notifications/initialized";
const INITIALIZED_TEXT = `{"jsonrpc":"2.0","method":"${INITIALIZED}"}`;

const NEVER = new AbortController().signal;

const ACCEPTED: NotifyResult = { type: "accepted", status: 200, headers: [] };

/** What the supervisor learns from a conversation. */
export interface ConversationEvents {
  /** A call has been answered. */
  answered(): void;
  /** The child has accepted this `initialize` request. */
  initializeAccepted(text: string): void;
  /** The child has been handed this `notifications/initialized`. */
  initializedWritten(text: string): void;
  /** A message was handed to nobody. */
  dropped(): void;
}

/** How a conversation is to be held. */
export interface ConversationOptions {
  /** How many calls may run at once. */
  readonly concurrency: number;
  /** Writes `notifications/initialized` by itself, as soon as an `initialize` was answered. */
  readonly sendInitialized: boolean;
}

/**
 * What is said between the callers and one child: gives calls their ids, hands answers and notifications to whom they
 * belong, and sees to the child's own requests (P-104). It ends with the child.
 */
export class Conversation {
  readonly #writes: WriteQueue;
  readonly #events: ConversationEvents;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #table: CallTable;
  readonly #serverRequests: ServerRequests;
  /** Notifications to the child that have not been written; each value ends the wait. */
  readonly #notifying = new Set<(outcome: typeof NOT_WRITTEN) => void>();
  readonly #gate: InitializationGate;
  readonly #sendInitialized: boolean;
  /** The child got `notifications/initialized` from here; the connector's own is then one too many. */
  #hasSentInitialized = false;
  #undelivered = 0;
  #dropped = 0;
  #over = false;

  constructor(
    writes: WriteQueue,
    { concurrency, sendInitialized }: ConversationOptions,
    events: ConversationEvents,
    log: Log,
    clock: Clock,
  ) {
    this.#writes = writes;
    this.#events = events;
    this.#log = log;
    this.#clock = clock;
    this.#table = new CallTable(concurrency, () => clock.nowMs());
    this.#serverRequests = new ServerRequests(writes, log);
    this.#gate = new InitializationGate();
    this.#sendInitialized = sendInitialized;
  }

  /**
   * Runs one call.
   * @param wish whether the child may know it by its own id, where that is free, or never
   * @param guard `off` for a call whose headers show a connector that makes no handshake
   * @returns NOT_WRITTEN when the child ended before any of it had left; it may be given to the next child
   * @throws the signal's `reason` when it was aborted; a late answer is then swallowed (P-75)
   */
  call(
    call: ChannelCall,
    observer: CallObserver,
    signal: AbortSignal,
    wish: "own" | "private" = "own",
    guard: "on" | "off" = "on",
  ): Promise<CallResult | typeof NOT_WRITTEN> {
    signal.throwIfAborted();
    if (this.#over) return Promise.resolve(NOT_WRITTEN);
    if (guard === "on" && !this.#gate.admits(call)) {
      const { opening } = this.#gate;
      if (opening !== undefined) return opening.then(() => this.call(call, observer, signal, wish, guard));
      return Promise.resolve(initializationRequired(call));
    }
    const names = this.#table.namesFor(call, wish);
    const running = new RunningCall(call, names, observer, signal, this.#onAbort, this.#clock.nowMs);
    this.#table.add(running);
    running.write = this.#writes.push(outgoingText(running), (state) => {
      if (state !== "written") return;
      if (call.method === "initialize") this.#onInitializeWritten(call);
      running.sent();
    });
    return running.result;
  }

  /**
   * Hands over one notification, or a connector's answer to a request of the child; it may pass between any two messages.
   * @returns NOT_WRITTEN when the child ended before any of it had left
   * @throws the signal's `reason` when it was aborted
   */
  async notify(
    notification: ChannelRequest,
    signal: AbortSignal,
  ): Promise<NotifyResult | typeof NOT_WRITTEN> {
    signal.throwIfAborted();
    if (this.#over) return NOT_WRITTEN;
    const { method, id } = notification.message;
    if (method === undefined && !this.#serverRequests.takeAnswer(asId(id))) {
      this.#drop("answer to nothing that this child has asked");
      return ACCEPTED;
    }
    if (notification.method === "notifications/cancelled") {
      return await this.#notifyCancelled(notification, signal);
    }
    if (notification.method === INITIALIZED && !isSelfContained(notification)) {
      return await this.#notifyInitialized(notification, signal);
    }
    return await this.#writeNotification(notification.text, signal);
  }

  async #notifyInitialized(
    notification: ChannelRequest,
    signal: AbortSignal,
  ): Promise<NotifyResult | typeof NOT_WRITTEN> {
    if (this.#hasSentInitialized) return ACCEPTED;
    const writing = this.#writeNotification(notification.text, signal);
    this.#gate.initializedQueued(writing.then((outcome) => outcome === ACCEPTED, () => false));
    const outcome = await writing;
    if (outcome === ACCEPTED) this.#events.initializedWritten(notification.text);
    return outcome;
  }

  #onInitializeWritten(call: ChannelCall): void {
    if (this.#gate.initializeWritten(call)) this.#hasSentInitialized = false;
  }

  /**
   * The child has accepted an `initialize`, also one whose caller has gone.
   * @returns where the rest of the handshake is written from here: whether that went well
   */
  #onInitializeAnswered(call: ChannelCall): Promise<boolean> | undefined {
    // Repeated with a replacement, one that opens nothing would take the place of the one that opened the gate.
    if (!isSelfContained(call)) this.#events.initializeAccepted(call.text);
    // The answer may be read before the pipe has reported the write.
    this.#onInitializeWritten(call);
    if (!this.#gate.initializeAnswered(call) || !this.#sendInitialized) return undefined;
    this.#hasSentInitialized = true;
    // Nobody's deadline: the handshake belongs to the child.
    const written = this.#writeNotification(INITIALIZED_TEXT, NEVER).then((outcome) => outcome === ACCEPTED);
    this.#gate.initializedQueued(written);
    return written;
  }

  /** Ends everything that waits: what has been written with the failure, the rest as not written. */
  end(failure: ChannelFailure): void {
    this.#over = true;
    for (const running of this.#table.all()) {
      this.#table.remove(running);
      const unwritten = running.write !== undefined && this.#writes.withdraw(running.write);
      this.#conclude(running, unwritten ? NOT_WRITTEN : failure);
    }
    for (const settle of this.#notifying) settle(NOT_WRITTEN);
  }

  /** Takes one object of the child. @returns a promise when the next must wait (P-99) */
  readonly receive = (frame: Frame): Promise<void> | undefined => {
    const { id, method, jsonrpc } = frame.value;
    if (typeof method === "string" && method !== "" && jsonrpc === "2.0") {
      if (id === undefined || id === null) return this.#onNotification(frame, method);
      return this.#onServerRequest(frame, method);
    }
    if (id === undefined || id === null) this.#onNamelessResponse(frame);
    else this.#onResponse(frame, asId(id));
    return undefined;
  };

  #onResponse(frame: Frame, id: JsonRpcId | undefined): void {
    const running = id === undefined ? undefined : this.#table.get(id);
    if (id === undefined || running === undefined || running.write?.state === "queued") {
      const owed = id === undefined ? undefined : this.#table.settleOwed(id);
      if (owed?.initialize !== undefined && "result" in frame.value) {
        void this.#onInitializeAnswered(owed.initialize);
      }
      this.#drop(owed === undefined ? "nobody waits for this response" : "late response");
      return;
    }
    this.#table.remove(running);
    running.sent();
    const result = resultOf(frame, running);
    if (result.type !== "failure") {
      this.#events.answered();
      if (running.call.method === "initialize" && result.errorCode === undefined) {
        const shim = this.#onInitializeAnswered(running.call);
        if (shim !== undefined) {
          const broken = stdioFailure("closed_pipe", "did not take notifications/initialized");
          void shim.then((written) => this.#conclude(running, written ? result : broken));
          return;
        }
      }
    }
    this.#conclude(running, result);
  }

  /** The child has said something too large to keep; it can only have been for the one call that runs. */
  readonly onTooLarge = (): void => {
    const running = this.#table.only();
    if (running === undefined || running.write?.state === "queued") return;
    this.#table.remove(running);
    this.#conclude(
      running,
      stdioFailure("invalid_protocol_response", "answered with more than can be handled"),
    );
  };

  /** An error without an id: the child could not read a message, which can only be that of the one call that runs. */
  #onNamelessResponse(frame: Frame): void {
    const running = this.#table.only();
    const code = memberAt(frame.value, ["error", "code"]);
    if (running === undefined || running.write?.state === "queued" || !UNREADABLE_CODES.includes(code)) {
      this.#drop("response without id");
      return;
    }
    this.#table.remove(running);
    this.#conclude(
      running,
      stdioFailure("invalid_protocol_response", "answered with an error that has no id"),
    );
  }

  /** Notifications arrive before the final answer, also where they are still being delivered. */
  #conclude(running: RunningCall, result: CallResult | typeof NOT_WRITTEN): void {
    if (running.delivering === undefined) running.end(result);
    else running.delivering.then(() => running.end(result));
  }

  #onNotification(frame: Frame, method: string): Promise<void> | undefined {
    const ended = endedSubscription(frame, method, this.#table, this.#serverRequests);
    if (ended !== undefined) {
      this.#table.remove(ended);
      this.#conclude(ended, endOfSubscription(ended));
      return undefined;
    }
    const edits: Edit[] = [];
    const running = addresseeOf(frame, method, this.#table, this.#serverRequests, edits);
    if (typeof running === "string" || running.write?.state === "queued") {
      const reason = typeof running === "string" ? running : "names a call that does not run";
      this.#drop(`notification: ${reason}`, method);
      return undefined;
    }
    running.sent();
    return this.#pace(running, running.notify(incomingText(frame, edits)));
  }

  #onServerRequest(frame: Frame, method: string): Promise<void> | undefined {
    const running = this.#table.only();
    const owner = running?.write?.state === "queued" ? undefined : running;
    owner?.sent();
    const delivery = this.#serverRequests.receive(frame, method, owner);
    return owner === undefined || delivery === undefined ? undefined : this.#pace(owner, delivery);
  }

  /** @returns what the reader has to wait for: in serial mode each delivery (P-99), else only when too many are under way */
  #pace(running: RunningCall, delivery: Promise<void>): Promise<void> | undefined {
    this.#undelivered++;
    delivery.then(() => this.#undelivered--);
    const isAlone = !this.#table.concurrent && running.call.method !== LISTEN_METHOD;
    const mayReadOn = !isAlone && this.#undelivered < MAX_UNDELIVERED;
    return mayReadOn ? undefined : running.whileRunning(delivery);
  }

  readonly #onAbort = (running: RunningCall): void => {
    // A call that has its answer, and only waits for its notifications to be delivered, owes nothing.
    if (this.#table.has(running)) {
      if (running.write !== undefined && this.#writes.withdraw(running.write)) this.#table.remove(running);
      else this.#abandon(running);
    }
    running.endAborted();
  };

  /** The caller has gone after the write: the answer will be swallowed, and the child is told (P-74, A-196). */
  #abandon(running: RunningCall): void {
    this.#table.owe(running);
    this.#serverRequests.abandon(running);
    // MCP forbids to cancel `initialize`.
    if (running.call.method === "initialize") return;
    const requestId = JSON.stringify(running.names.id);
    this.#writes.push(
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${requestId},"reason":"the caller stopped waiting"}}`,
    );
  }

  /** A cancellation names the call as its caller knows it; the child must hear its own name for it. */
  async #notifyCancelled(
    notification: ChannelRequest,
    signal: AbortSignal,
  ): Promise<NotifyResult | typeof NOT_WRITTEN> {
    const path = ["params", "requestId"];
    const id = asId(memberAt(notification.message, path));
    const running = id === undefined ? [] : this.#table.calledBy(id);
    const [cancelled] = running;
    if (cancelled === undefined || running.length > 1) {
      // The child would take the id for somebody else's call, or it could mean either of several calls.
      if (id !== undefined && (this.#table.concurrent || running.length > 1 || this.#table.isTaken(id))) {
        this.#drop("cancellation of a call that does not run, or not alone under its id");
        return ACCEPTED;
      }
      return await this.#writeNotification(notification.text, signal);
    }
    const edits: Edit[] = [];
    if (cancelled.names.id !== cancelled.call.id) {
      restore(notification.text, path, JSON.stringify(cancelled.names.id), edits);
    }
    const outcome = await this.#writeNotification(applyEdits(notification.text, edits), signal);
    if (!cancelled.ended) {
      cancelled.afterwards(CANCELLED_WAIT_MS, this.#clock, () => {
        if (!this.#table.has(cancelled)) return;
        this.#table.owe(cancelled);
        this.#conclude(cancelled, {
          ...stdioFailure("timeout", "cancelled by its caller, and the server gave no answer"),
          statusCode: 504,
        });
      });
    }
    return outcome;
  }

  #writeNotification(text: string, signal: AbortSignal): Promise<NotifyResult | typeof NOT_WRITTEN> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: NotifyResult | typeof NOT_WRITTEN) => {
        signal.removeEventListener("abort", abandon);
        this.#notifying.delete(settle);
        this.#writes.withdraw(write);
        resolve(outcome);
      };
      const abandon = () => {
        this.#notifying.delete(settle);
        this.#writes.withdraw(write);
        reject(signal.reason);
      };
      const write = this.#writes.push(text, (state) => {
        settle(state === "written" ? ACCEPTED : stdioFailure("closed_pipe", "closed its standard input"));
      });
      this.#notifying.add(settle);
      signal.addEventListener("abort", abandon, { once: true });
    });
  }

  #drop(reason: string, method?: string): void {
    this.#dropped++;
    this.#events.dropped();
    if (this.#log.enabled("debug")) {
      this.#log.debug("mcp server message dropped", {
        reason,
        method: method?.slice(0, 100),
        dropped: this.#dropped,
      });
    }
  }
}
