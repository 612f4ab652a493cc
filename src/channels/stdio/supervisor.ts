import type { Log, Metrics } from "../../ops/mod.ts";
import type { ChannelFailure, ChannelHealth } from "../channel.ts";
import { type ChildEnd, StdioChild } from "./child.ts";
import type { Clock } from "./clock.ts";
import { Conversation } from "./conversation.ts";
import { CrashRecord } from "./crash_record.ts";
import { Handshake, type HandshakeTexts, replay } from "./handshake.ts";
import type { ProcessGroupEvent, StdioSettings } from "./options.ts";
import { stdioFailure } from "./result.ts";
import { programName } from "./program_name.ts";

/** How long the group of a child that has ended by itself may take to follow it, in ms. */
const CLEANUP_GRACE_MS = 500;

/** The command could not be started (ST-4). */
export class StdioStartError extends Error {
  override readonly name = "StdioStartError";
}

/** A child and what is said with it. */
interface Started {
  readonly child: StdioChild;
  readonly conversation: Conversation;
}

type State =
  | { readonly name: "new" | "stopped" }
  | { readonly name: "up"; readonly child: StdioChild; readonly conversation: Conversation }
  /** A child is being replaced; `nextStartMs` is known while the delay runs. */
  | { readonly name: "down"; readonly sinceMs: number; readonly nextStartMs: number | undefined };

/**
 * Keeps one child running for the life of the channel: starts it, replaces it when it ends, repeats the last handshake with
 * the replacement before anybody else may speak to it, and waits longer after every child that achieved nothing.
 */
export class Supervisor {
  readonly #settings: StdioSettings;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #commandName: string;
  readonly #crashes: CrashRecord;
  #handshake: Handshake;
  /** The handshake is one of another channel; whether this child takes it is not known yet. */
  #isForeign: boolean;
  readonly #groups = new Set<number>();
  readonly #waiting = new Set<() => void>();
  readonly #stopping = new AbortController();
  #state: State = { name: "new" };
  #child: StdioChild | undefined;
  #lastEnd = "";
  #stderrTail: readonly string[] = [];
  #running: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(settings: StdioSettings, log: Log, metrics: Metrics, clock: Clock) {
    this.#settings = settings;
    this.#log = log;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#commandName = programName(settings.argv[0] ?? "");
    this.#crashes = new CrashRecord(settings.backoffMinMs, settings.backoffMaxMs, clock);
    this.#handshake = new Handshake(settings.handshake);
    this.#isForeign = settings.handshake !== undefined;
  }

  /**
   * Starts the first child. Does nothing when that has been done (CH-7); after a failure it may be tried again.
   * @throws {StdioStartError} when the command cannot be started
   */
  start(): void {
    if (this.#state.name !== "new") return;
    let child: Started;
    try {
      child = this.#spawn();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new StdioStartError(
        `cannot start the MCP command "${this.#commandName}" of channel ${this.#settings.name}: ${error.message}; ` +
          `check mcp.command`,
        { cause: error },
      );
    }
    // Calls wait until it has been brought to the handshake of its predecessor.
    if (this.#isForeign) {
      this.#become({ name: "down", sinceMs: this.#clock.nowMs(), nextStartMs: undefined });
    }
    this.#running = this.#supervise(child);
  }

  /** The conversation with the child, if it can be spoken to now. */
  ready(): Conversation | undefined {
    return this.#state.name === "up" ? this.#state.conversation : undefined;
  }

  /**
   * Waits for a child that can be spoken to.
   * @param arrivedMs instant at which the caller's work arrived; its patience counts from there, or from when the child went down
   * @returns a failure when there is none in time, at once when it is known before
   * @throws the signal's `reason` when it is aborted
   */
  async whenReady(arrivedMs: number, signal: AbortSignal): Promise<Conversation | ChannelFailure> {
    for (;;) {
      signal.throwIfAborted();
      const state = this.#state;
      if (state.name === "up") return state.conversation;
      if (state.name !== "down") return stdioFailure("connection_closed", "the channel is not running");
      const untilMs = Math.max(arrivedMs, state.sinceMs) + this.#settings.restartWaitMs;
      const leftMs = untilMs - this.#clock.nowMs();
      const tooLate = this.#crashes.isLoop() && state.nextStartMs !== undefined &&
        state.nextStartMs >= untilMs;
      if (leftMs <= 0 || tooLate) return this.#unavailable();
      await this.#change(leftMs, signal);
    }
  }

  health(): ChannelHealth {
    const state = this.#state;
    switch (state.name) {
      case "new":
        return { state: "starting", reason: "the MCP command has not been started yet" };
      case "stopped":
        return { state: "stopped", reason: "the channel has been stopped" };
      case "down":
        return {
          state: this.#crashes.isLoop() ? "failed" : "degraded",
          reason: this.#reason("is being restarted"),
        };
      case "up":
        return this.#crashes.isShaky(state.child.livedMs())
          ? { state: "degraded", reason: this.#reason("has been restarted again and again") }
          : { state: "ready", reason: "" };
    }
  }

  /** Process groups of which a process may still be alive. */
  processGroups(): number[] {
    return [...this.#groups];
  }

  /** What a channel in the place of this one has to repeat. */
  handshake(): HandshakeTexts | undefined {
    return this.#handshake.texts;
  }

  /** Process id of the current child, if there is one. */
  pid(): number | undefined {
    return this.#child?.groupId;
  }

  /** Ends the child and starts no other. Idempotent. */
  stop(graceMs: number): Promise<void> {
    return this.#stopped ??= this.#stop(graceMs);
  }

  async #stop(graceMs: number): Promise<void> {
    const conversation = this.ready();
    this.#become({ name: "stopped" });
    this.#stopping.abort();
    conversation?.end(stdioFailure("connection_closed", "the channel is being stopped"));
    await this.#child?.close(graceMs);
    await this.#running;
  }

  /** One child after the other, until the channel is stopped. */
  async #supervise(first: Started): Promise<void> {
    let current: Started | undefined = first;
    while (current !== undefined) {
      const { child, conversation } = current;
      const refused = await this.#admit(child, conversation);
      if (refused !== undefined) {
        this.#lastEnd = refused;
        void child.close(CLEANUP_GRACE_MS);
      }
      const end = await child.ended;
      const delayMs = this.#onEnd(child, refused === undefined ? end : { ...end, detail: refused });
      conversation.end(stdioFailure(end.kind, `the MCP command ${end.detail}`));
      await child.close(CLEANUP_GRACE_MS);
      this.#child = undefined;
      current = delayMs === undefined ? undefined : await this.#respawn(delayMs);
    }
  }

  /**
   * Lets callers speak to the child, after the last handshake has been repeated with it.
   * @returns why it cannot be admitted
   */
  async #admit(child: StdioChild, conversation: Conversation): Promise<string | undefined> {
    const messages = this.#handshake.messages();
    if (messages !== undefined) {
      // The child may end in the middle of it.
      void child.ended.then((end) => conversation.end(stdioFailure(end.kind, end.detail)));
      const refused = await replay(
        messages,
        conversation,
        this.#settings.replayTimeoutMs,
        this.#stopping.signal,
        this.#clock,
      );
      // Another command may be bound now, which other connectors will speak to.
      if (refused !== undefined && this.#isForeign) this.#handshake = new Handshake();
      this.#isForeign = false;
      if (refused !== undefined) return refused;
    }
    if (this.#state.name !== "stopped") this.#become({ name: "up", child, conversation });
    return undefined;
  }

  /** @returns delay before the next start, in ms; undefined when there is to be none */
  #onEnd(child: StdioChild, end: ChildEnd): number | undefined {
    const stopped = this.#state.name === "stopped";
    this.#lastEnd = end.detail;
    this.#stderrTail = child.stderrTail();
    const delayMs = stopped ? undefined : this.#crashes.ended(end.livedMs);
    this.#log[stopped ? "info" : "warn"]("stdio MCP command exited", {
      pid: child.groupId,
      command: this.#commandName,
      reason: end.detail,
      livedMs: Math.round(end.livedMs),
      restartInMs: delayMs,
    });
    if (delayMs !== undefined) this.#goDown(delayMs);
    return delayMs;
  }

  /** Starts a child after the delay, or after a longer one if that fails. @returns undefined when the channel was stopped */
  async #respawn(firstDelayMs: number): Promise<Started | undefined> {
    let delayMs = firstDelayMs;
    for (;;) {
      await this.#sleep(delayMs);
      if (this.#state.name !== "down") return undefined;
      this.#metrics.count("mcp_stdio_restarts_total", { channel: this.#settings.name });
      try {
        const started = this.#spawn();
        this.#become({ ...this.#state, nextStartMs: undefined });
        return started;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        delayMs = this.#crashes.ended(0);
        this.#lastEnd = `could not be started: ${error.message}`;
        this.#stderrTail = [];
        this.#log.error("stdio MCP command could not be started", {
          command: this.#commandName,
          error: error.message,
          restartInMs: delayMs,
        });
        this.#goDown(delayMs);
      }
    }
  }

  #spawn(): Started {
    const settings = { ...this.#settings, onProcessGroup: this.#onProcessGroup };
    // Nothing is read before this function has returned.
    const child = new StdioChild(settings, () => conversation, this.#log, this.#clock);
    const events = {
      answered: () => {
        // The answer to a replayed handshake serves nobody.
        if (this.ready() === conversation) this.#crashes.answered();
      },
      initializeAccepted: (text: string) => this.#handshake.accepted(text),
      initializedWritten: (text: string) => this.#handshake.initialized(text),
      dropped: () =>
        this.#metrics.count("mcp_stdio_messages_dropped_total", { channel: this.#settings.name }),
    };
    const conversation: Conversation = new Conversation(
      child.writes,
      settings,
      events,
      this.#log,
      this.#clock,
    );
    this.#child = child;
    this.#log.info("stdio MCP command started", { pid: child.groupId, command: this.#commandName });
    return { child, conversation };
  }

  readonly #onProcessGroup = (event: ProcessGroupEvent): void => {
    if (event.type === "started") this.#groups.add(event.groupId);
    else this.#groups.delete(event.groupId);
    this.#settings.onProcessGroup(event);
  };

  #goDown(delayMs: number): void {
    const nowMs = this.#clock.nowMs();
    const sinceMs = this.#state.name === "down" ? this.#state.sinceMs : nowMs;
    this.#become({ name: "down", sinceMs, nextStartMs: nowMs + delayMs });
  }

  #become(state: State): void {
    this.#state = state;
    for (const wake of this.#waiting) wake();
  }

  /** Waits until the state changes, the time is over or the caller gives up. */
  #change(limitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        callOff();
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const callOff = this.#clock.after(limitMs, wake);
      signal.addEventListener("abort", wake);
      this.#waiting.add(wake);
    });
  }

  async #sleep(delayMs: number): Promise<void> {
    const untilMs = this.#clock.nowMs() + delayMs;
    while (!this.#stopping.signal.aborted) {
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) return;
      await this.#change(leftMs, this.#stopping.signal);
    }
  }

  #unavailable(): ChannelFailure {
    const fruitless = this.#crashes.fruitless;
    const loop = fruitless > 1 ? `, and ${fruitless} times in a row nothing was answered` : "";
    return stdioFailure("connection_closed", `the MCP command is not running: it ${this.#lastEnd}${loop}`);
  }

  #reason(condition: string): string {
    const fruitless = this.#crashes.fruitless;
    const loop = fruitless > 1 ? ` (${fruitless} times in a row without an answer)` : "";
    const tail = this.#stderrTail.length > 0 ? `; last stderr: ${this.#stderrTail.join(" | ")}` : "";
    return `MCP command "${this.#commandName}" ${condition}: it ${this.#lastEnd}${loop}${tail}`;
  }
}
