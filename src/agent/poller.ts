/** The one loop that asks for work (section 6). */
import { BodyTooLargeError, NetError } from "../net/mod.ts";
import type { Log, Metrics } from "../ops/mod.ts";
import { sleep } from "./abort.ts";
import { type BackoffBounds, backoffDelayMs, DEFAULT_BACKOFF } from "./backoff.ts";
import { type Command, isAside } from "./command.ts";
import type { ControlPlane, PollReply } from "./control_plane.ts";
import { ControlPlaneStatusError, ControlPlaneTimeoutError } from "./control_plane_error.ts";
import { decodePoll, PollBodyError } from "./decode.ts";
import { describeError } from "./error_text.ts";
import { initialPollState, type PollState } from "./poll_state.ts";
import { PollWait, type WaitChange } from "./poll_wait.ts";
import type { CommandQueue } from "./queue.ts";
import { shownText } from "./shown_text.ts";
import {
  FEATURE_ASIDES,
  FEATURE_CANCEL,
  FEATURE_CONNECTOR_HEADERS,
  FEATURE_POLL_RELEASE,
  MAX_POLL_LIMIT,
} from "./wire.ts";

/** An empty reply that comes sooner, and within this share of the requested wait, is too early (P-42). */
const EARLY_MS = 250;
const EARLY_SHARE = 0.25;
/** Pause after such a reply: this much, plus up to as much again. */
const FLOOR_MS = 50;
/** Wait that is asked for while polling has failed and not yet recovered. */
const RECOVERY_WAIT_MS = 1_000;
/** A relay that was asked to end the poll, and has not done so, is asked again after this long. */
const RELEASE_AGAIN_MS = 250;
/** A queue that is full for longer than this may wait for what only a poll can bring. */
const FULL_MS = 100;

/** A longer id is left out of the record of its receipt. */
const MAX_LOGGED_ID_BYTES = 128;
const encoder = new TextEncoder();

export interface PollerOptions {
  readonly waitMs: number;
  /** Wait of the very first poll, where it is the shorter one. */
  readonly initialWaitMs: number;
  readonly backoff: BackoffBounds;
}

export interface PollerDeps {
  readonly controlPlane: ControlPlane;
  readonly queue: CommandQueue;
  readonly log: Log;
  /** For the record of each command that arrives, which names no part of this program. */
  readonly receipts: Log;
  readonly metrics: Metrics;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called after commands were put into the queue. */
  readonly onQueued: () => void;
  /** Called for every command that nobody waits for any more. */
  readonly onCancelled: (requestId: string) => void;
  /** Called for every command before it is queued; false for one that is delivered a second time. */
  readonly admit: (command: Command) => boolean;
  /** Called for every poll that the control plane refuses with 401: the key may have been replaced. */
  readonly onKeyRefused: () => void;
}

export class Poller {
  readonly state: PollState = initialPollState();
  readonly #stop = new AbortController();
  /** Ends waits that do not carry work: backoff, floor, full queue. */
  readonly #wake = new AbortController();
  #draining = false;
  #open = false;
  #options: PollerOptions;
  #wait: PollWait;
  /** The pause that is going on, if one is. */
  #pausing: AbortController | undefined;
  #askedWaitMs = 0;
  #isFirst = true;
  #authRefused = false;
  #releasedAt = -Infinity;
  #ended: Promise<void> | undefined;

  constructor(options: PollerOptions, private readonly deps: PollerDeps) {
    this.#options = options;
    this.#wait = new PollWait(options.waitMs);
  }

  /** The next poll follows these; a pause ends at once, and a relay of ours is asked to end the open poll early. */
  async reconfigure(options: PollerOptions): Promise<void> {
    if (options.waitMs !== this.#options.waitMs) this.#wait = new PollWait(options.waitMs);
    this.#options = options;
    this.#pausing?.abort();
    if (this.#draining || !this.#open) return;
    // One request is enough: a poll that it misses comes back by itself.
    const released = new AbortController();
    const stop = () => released.abort();
    this.#stop.signal.addEventListener("abort", stop);
    const { controlPlane, log } = this.deps;
    try {
      if (!controlPlane.hasFeature(FEATURE_POLL_RELEASE)) return;
      this.#releasedAt = performance.now();
      await controlPlane.releasePoll(released.signal);
    } catch (error) {
      if (!released.signal.aborted) {
        log.debug("relay does not end the open poll early", { error: describeError(error) });
      }
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
    }
  }

  start(): void {
    this.deps.log.info("poller started");
    this.#ended = this.#loop();
  }

  /**
   * Stops asking for work and resolves when the open poll has come back and what it brought is queued. The open poll
   * is not aborted, because it may already carry work; a relay of ours is asked to end it early.
   */
  async drain(): Promise<void> {
    if (!this.#ended || this.#draining) return await this.#ended;
    this.#draining = true;
    this.deps.log.info("stopping control-plane poller", { reason: "stop requested", poll_open: this.#open });
    this.#wake.abort();
    const released = new AbortController();
    const releasing = this.#release(AbortSignal.any([released.signal, this.#stop.signal]));
    await this.#ended;
    released.abort();
    await releasing;
  }

  /** Aborts whatever is left, the open poll included. */
  async stopNow(): Promise<void> {
    this.#draining = true;
    this.#stop.abort(new DOMException("poller stopped", "AbortError"));
    this.#wake.abort();
    await this.#ended;
  }

  /** Asks until the poll is back: the first request may overtake the poll on its way to the relay. */
  async #release(pollBack: AbortSignal): Promise<void> {
    const { controlPlane, log } = this.deps;
    while (this.#open && !pollBack.aborted && controlPlane.hasFeature(FEATURE_POLL_RELEASE)) {
      try {
        this.#releasedAt = performance.now();
        await controlPlane.releasePoll(pollBack);
        await sleep(RELEASE_AGAIN_MS, pollBack);
      } catch (error) {
        if (pollBack.aborted) return;
        log.debug("relay does not end the open poll early", { error: describeError(error) });
        return;
      }
    }
  }

  async #loop(): Promise<void> {
    while (!this.#draining) {
      const { queue } = this.deps;
      if (queue.free === 0) {
        if (!await this.#spaceSoon()) await this.#pollAsides();
        continue;
      }
      const limit = Math.min(MAX_POLL_LIMIT, queue.free);
      const startedAt = performance.now();
      const reply = await this.#pollOnce(limit, startedAt, "all");
      if (reply) await this.#accept(reply, limit, startedAt);
    }
    this.deps.log.info("poller stopped");
  }

  /** Waits for a place in the queue. @returns false when it takes so long that asides should be asked for */
  async #spaceSoon(): Promise<boolean> {
    if (!this.#canPollAsides) {
      await this.#space(this.#wake.signal);
      return true;
    }
    const waiting = new AbortController();
    const stop = () => waiting.abort();
    const timer = setTimeout(stop, FULL_MS);
    this.#wake.signal.addEventListener("abort", stop);
    await this.#space(waiting.signal);
    clearTimeout(timer);
    this.#wake.signal.removeEventListener("abort", stop);
    return this.#draining || this.deps.queue.free > 0 || !this.#canPollAsides;
  }

  get #canPollAsides(): boolean {
    const { controlPlane, queue } = this.deps;
    return controlPlane.hasFeature(FEATURE_ASIDES) && controlPlane.hasFeature(FEATURE_POLL_RELEASE) &&
      queue.freeForAsides > 0;
  }

  /**
   * Polls for what needs no place among the calls: all that run may be waiting for just that, the answers of their
   * connectors. The relay is asked to end the poll as soon as there is a place for a call.
   */
  async #pollAsides(): Promise<void> {
    const limit = Math.min(MAX_POLL_LIMIT, this.deps.queue.freeForAsides);
    const startedAt = performance.now();
    const back = new AbortController();
    const polling = this.#pollOnce(limit, startedAt, "asides");
    const releasing = this.deps.queue.space(back.signal).then(() => this.#release(back.signal));
    const reply = await polling;
    back.abort();
    await releasing;
    if (reply) await this.#accept(reply, limit, startedAt);
  }

  /** Waits for a place in the queue, on purpose without polling. */
  async #space(signal: AbortSignal): Promise<void> {
    this.state.paused = true;
    await this.deps.queue.space(signal);
    this.state.paused = false;
  }

  /** After a failure the first held poll is short: only its end proves that polling works again. */
  get #waitMs(): number {
    const { waitMs } = this.#wait;
    return this.state.consecutiveFailures > 0 ? Math.min(waitMs, RECOVERY_WAIT_MS) : waitMs;
  }

  async #pollOnce(
    limit: number,
    startedAt: number,
    wanted: "all" | "asides",
  ): Promise<DecodedReply | undefined> {
    const { controlPlane, metrics, log } = this.deps;
    metrics.count("commands_poll_cycles_total");
    if (log.enabled("debug")) log.debug("poll cycle started", { limit, wanted });
    this.#open = true;
    // Whatever becomes of it, only the first poll is a short one: it tells early that the connection works.
    this.#askedWaitMs = this.#isFirst ? Math.min(this.#waitMs, this.#options.initialWaitMs) : this.#waitMs;
    this.#isFirst = false;
    try {
      const reply = await controlPlane.poll(limit, this.#askedWaitMs, this.#stop.signal, wanted);
      const headersComplete = controlPlane.hasFeature(FEATURE_CONNECTOR_HEADERS);
      const decoded = decodePoll(reply.text ?? "{}", reply.receivedAt, { headersComplete });
      this.#open = false;
      this.#noteWait(this.#wait.returned(performance.now() - startedAt, this.#askedWaitMs));
      this.#succeeded(reply, startedAt);
      return decoded;
    } catch (error) {
      this.#open = false;
      metrics.observe("commands_poll_latency_seconds", seconds(startedAt), { error: "true" });
      if (this.#stop.signal.aborted) return undefined;
      this.#noteWait(this.#wait.failed(error, performance.now() - startedAt, this.#askedWaitMs));
      await this.#failed(error);
      return undefined;
    }
  }

  /** Keeps the state up to date and says once that polls are cut, and once that they are not any more. */
  #noteWait(change: WaitChange): void {
    const { log } = this.deps;
    const shortened = this.state.shortened = this.#wait.shortened;
    if (change === "restored") log.info("polls are not cut any more; asking for the configured wait again");
    if (change !== "shortened") return;
    log.warn("something on the way cuts long polls; asking for shorter ones", {
      cut_after_ms: shortened?.cutAfterMs,
      poll_timeout_ms: this.#options.waitMs,
      shortened_to_ms: this.#wait.waitMs,
      mitigation:
        "let proxies and firewalls keep a quiet request open for longer than control-plane.poll-timeout, " +
        "or configure a shorter one",
    });
  }

  #succeeded(reply: PollReply, startedAt: number): void {
    const { state } = this;
    this.deps.metrics.observe("commands_poll_latency_seconds", seconds(startedAt), { error: "false" });
    if (state.consecutiveFailures > 0) {
      this.deps.log.info("poller recovered; polling operational", {
        tunnel_request_id: reply.serviceRequestId,
        failures: state.consecutiveFailures,
      });
    } else if (state.lastSuccessAt === undefined) {
      this.deps.log.info("polling operational", { tunnel_request_id: reply.serviceRequestId });
    }
    this.#authRefused = false;
    state.lastSuccessAt = performance.now();
    state.lastSuccessUnixSeconds = Date.now() / 1000;
    state.consecutiveFailures = 0;
    state.lastStatus = 0;
    state.lastError = "";
  }

  async #accept(decoded: DecodedReply, limit: number, startedAt: number): Promise<void> {
    const { queue, log, metrics } = this.deps;
    const { dropped } = decoded;
    for (const element of dropped) {
      const reason = element.commandType === undefined ? element.reason : "unknown command_type";
      log.warn(`control-plane command dropped: ${reason}`, {
        request_id: element.requestId,
        command_type: element.commandType,
        error: element.reason,
      });
      metrics.count("commands_queue_drops_total", { drop_reason: "invalid_command_type" });
    }
    if (decoded.commands.length > limit) {
      log.error("control plane sent more commands than asked for", {
        limit,
        total: decoded.commands.length,
      });
    }
    const commands = decoded.commands.filter((command) => this.#admit(command));
    const asides = commands.filter(isAside).length;
    if (commands.length - asides > queue.free || asides > queue.freeForAsides) {
      log.error("control plane sent more commands than there is room for", {
        polled: commands.length,
        available: queue.free,
      });
    }
    for (const command of commands) this.#observeAge(command);
    if (log.enabled("debug")) { for (const command of commands) this.#logReceipt(command); }
    for (const command of commands) {
      if (!queue.hasRoomFor(command)) await this.#space(this.#stop.signal);
      queue.push(command);
      metrics.count("commands_enqueued_total");
      this.deps.onQueued();
    }
    const { onCancelled, controlPlane } = this.deps;
    const cancelled = controlPlane.hasFeature(FEATURE_CANCEL) ? decoded.cancelled : [];
    for (const requestId of cancelled) onCancelled(requestId);
    if (log.enabled("debug")) {
      log.debug("poll cycle complete", {
        limit,
        commands_polled: commands.length,
        commands_enqueued: commands.length,
      });
    }
    if (commands.length > 0) metrics.count("commands_polled_total", undefined, commands.length);
    else if (cancelled.length === 0) await this.#floor(startedAt);
  }

  #admit(command: Command): boolean {
    if (this.deps.admit(command)) return true;
    this.deps.log.warn("control-plane command dropped: it was delivered before", {
      request_id: shownText(command.requestId),
      channel: command.channel,
    });
    this.deps.metrics.count("commands_queue_drops_total", { drop_reason: "duplicate" });
    return false;
  }

  /** Only what ties it to the control plane's own records. */
  #logReceipt({ type, requestId, receivedAt, responseTimeout }: Command): void {
    const isShort = encoder.encode(requestId).length <= MAX_LOGGED_ID_BYTES;
    this.deps.receipts.debug("control-plane command received", {
      command_type: type,
      polled_at: new Date(performance.timeOrigin + receivedAt).toISOString(),
      request_id: isShort ? requestId : undefined,
      response_timeout: responseTimeout,
    });
  }

  /** How long a command had been waiting when it arrived; a clock that is behind the service's says nothing (P-50). */
  #observeAge(command: Command): void {
    if (command.createdAtMs === undefined) return;
    const sinceReceiptMs = Math.trunc(performance.now() - command.receivedAt);
    const ageMs = Date.now() - sinceReceiptMs - command.createdAtMs;
    if (ageMs >= 0) this.deps.metrics.observe("commands_age_seconds", ageMs / 1000);
  }

  /** A service that answers empty at once must not turn the loop into a busy one (P-42). */
  async #floor(startedAt: number): Promise<void> {
    const earlyMs = Math.min(EARLY_MS, this.#askedWaitMs * EARLY_SHARE);
    if (this.#draining || performance.now() - startedAt > earlyMs || this.#releasedAt > startedAt) return;
    await this.#pause(FLOOR_MS * (1 + this.deps.random()));
  }

  async #failed(error: unknown): Promise<void> {
    const { state } = this;
    const { log, metrics } = this.deps;
    if (!isPollError(error)) log.error("poll failed in an unexpected way", { error: describeError(error) });
    const status = error instanceof ControlPlaneStatusError ? error.status : 0;
    const refused = status === 401 || status === 403;
    const backoffMs = refused
      ? this.#options.backoff.maxMs
      : backoffDelayMs(state.consecutiveFailures, this.#options.backoff, this.deps.random) ||
        DEFAULT_BACKOFF.minMs;
    const retryAfterMs = error instanceof ControlPlaneStatusError ? error.retryAfterMs ?? 0 : 0;
    const delayMs = Math.max(backoffMs, retryAfterMs);
    state.consecutiveFailures++;
    state.lastStatus = status;
    state.lastError = describeError(error, this.deps.controlPlane.origin);
    metrics.count("commands_poll_errors_total", { error_kind: errorKind(error) });
    this.#logFailure(error, delayMs, refused);
    if (status === 401) this.deps.onKeyRefused();
    await this.#pause(delayMs);
  }

  #logFailure(error: unknown, delayMs: number, refused: boolean): void {
    const timedOut = error instanceof ControlPlaneTimeoutError;
    const status = error instanceof ControlPlaneStatusError ? error : undefined;
    const fields = {
      error: this.state.lastError,
      retry_in_ms: Math.round(delayMs),
      tunnel_request_id: status?.serviceRequestId || "missing_request_id",
      status_code: status?.status,
      error_code: status?.detail.code || undefined,
      error_message: status?.detail.message || undefined,
      mitigation: status?.mitigation,
      poll_timeout_ms: timedOut ? this.#askedWaitMs : undefined,
      poll_deadline_ms: timedOut ? error.limitMs : undefined,
    };
    const event = timedOut ? "poll timed out; backing off" : "poll failed; backing off";
    if (refused && !this.#authRefused) {
      this.#authRefused = true;
      this.deps.log.error(
        "control plane refuses the API key; check the key and its access to this tunnel",
        fields,
      );
    }
    this.deps.log.warn(event, fields);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#wake.signal.aborted) return;
    const pausing = this.#pausing = new AbortController();
    const wake = () => pausing.abort();
    this.#wake.signal.addEventListener("abort", wake);
    try {
      await sleep(ms, pausing.signal);
    } catch (error) {
      if (!pausing.signal.aborted) throw error;
    } finally {
      this.#pausing = undefined;
      this.#wake.signal.removeEventListener("abort", wake);
    }
  }
}

type DecodedReply = ReturnType<typeof decodePoll>;

function isPollError(error: unknown): boolean {
  return error instanceof ControlPlaneStatusError || error instanceof ControlPlaneTimeoutError ||
    error instanceof PollBodyError || error instanceof NetError || error instanceof BodyTooLargeError;
}

function errorKind(error: unknown): "timeout" | "context_canceled" | "other" {
  if (error instanceof ControlPlaneTimeoutError) return "timeout";
  if (error instanceof NetError && error.kind === "timeout") return "timeout";
  if (error instanceof DOMException && error.name === "AbortError") return "context_canceled";
  return "other";
}

function seconds(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}
