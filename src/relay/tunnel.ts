import { Cancellations } from "./cancellations.ts";
import { CommandQueue } from "./command_queue.ts";
import { ListenStreams } from "./listen_streams.ts";
import type { RelaySettings, TunnelOptions } from "./options.ts";
import type { CallOwner, PendingCall } from "./pending_call.ts";
import { type PollInterest, wants } from "./poll_interest.ts";
import { PollWaiter, type WakeReason } from "./poll_waiter.ts";
import { type Counters, newCounters, type RelayCounts } from "./relay_counts.ts";
import { RelayError } from "./relay_error.ts";
import { ReleaseMemory } from "./release_memory.ts";
import { SessionTable } from "./session_table.ts";
import { StreamShelf } from "./stream_shelf.ts";
import type { TunnelRecord } from "./tunnel_store.ts";

/** A poll reply is not filled beyond this; agents may bound what they read (P-33). In characters. */
const MAX_REPLY_SIZE = 16 * 1024 * 1024;

/** One tunnel: its queue, the polls that wait on it, and what is known of its agents. */
export class Tunnel implements CallOwner {
  readonly id: string;
  readonly connectorKeys: readonly string[];
  /** Exact `Authorization` values of agents (P-158). */
  readonly agentCredentials: readonly string[];
  /** `Authorization` values that hold a connector key. */
  readonly connectorCredentials: readonly string[];
  readonly counters: Counters = newCounters();
  /** Sessions of connectors. */
  readonly sessions: SessionTable;
  /** Answers of these that can be resumed. */
  readonly resumable: StreamShelf;
  /** Streams of these that belong to no call. */
  readonly listening = new ListenStreams();
  /** Commands that nobody waits for any more, until their agents know. */
  readonly cancellations = new Cancellations((instanceId) => this.#wakeForCancellation(instanceId));
  #description: TunnelRecord;
  readonly #settings: RelaySettings;
  readonly #queue = new CommandQueue<PendingCall>();
  readonly #waiters = new Set<PollWaiter>();
  readonly #releases = new ReleaseMemory();
  /** Callers that wait for metadata now. */
  openDiscoveries = 0;
  /** Code of the last refusal, until a call is accepted again; so that a log tells changes and not every request. */
  lastRefusal = "";
  #openPolls = 0;
  #inFlight = 0;
  #lastSeenAt: number | undefined;
  /** Unix time in ms of the last poll, for people; 0 before the first. */
  lastPollTimeMs = 0;
  #firstPoll = Promise.withResolvers<void>();
  #stopped = false;

  constructor(options: TunnelOptions, settings: RelaySettings) {
    this.id = options.id;
    this.#description = {
      id: options.id,
      name: options.name ?? options.id,
      description: options.description ?? "",
      organizationIds: options.organizationIds ?? [],
      workspaceIds: options.workspaceIds ?? [],
      tenantIds: options.tenantIds ?? [],
    };
    this.connectorKeys = options.connectorKeys ?? [];
    this.agentCredentials = options.apiKeys.map((key) => `Bearer ${key}`);
    this.connectorCredentials = this.connectorKeys.map((key) => `Bearer ${key}`);
    this.#settings = settings;
    this.resumable = new StreamShelf(settings.maxReplaySize);
    this.sessions = new SessionTable(settings.maxSessions, (session) => {
      this.resumable.removeAllOf(session);
      this.listening.close(session);
    });
    // Nobody has to wait for it.
    this.#firstPoll.promise.catch(() => {});
  }

  /** What people and lists know it by. */
  get described(): TunnelRecord {
    return this.#description;
  }

  /** Changes what people and lists know it by. */
  describe(description: TunnelRecord): void {
    this.#description = description;
  }

  /** Resolves at the first poll (P-164). @throws {Error} when the relay stops before */
  get firstPollSeen(): Promise<void> {
    return this.#firstPoll.promise;
  }

  get counts(): RelayCounts {
    return {
      ...this.counters,
      queued: this.#queue.length,
      inFlight: this.#inFlight,
      openPolls: this.#openPolls,
    };
  }

  /** Size of what waits, in characters of JSON. */
  get queuedSize(): number {
    return this.#queue.size;
  }

  /** An agent of this tunnel has just said something (P-164). */
  seen(): void {
    this.#lastSeenAt = performance.now();
  }

  /**
   * Why no further call may be opened now: it could only run into its timeout, or would grow the relay without bound
   * (P-179).
   */
  refusal(): RelayError | undefined {
    if (this.#lastSeenAt === undefined) {
      return new RelayError("tunnel_client_not_seen", "No tunnel client has polled this tunnel yet.", LATER);
    }
    if (!this.#isConnected(this.#lastSeenAt)) {
      const seconds = Math.round((performance.now() - this.#lastSeenAt) / 1000);
      const message = `No tunnel client is connected; the last one was seen ${seconds} s ago.`;
      return new RelayError("tunnel_client_not_connected", message, LATER);
    }
    const { maxQueuedCommands, maxQueuedSize, maxPendingCommands } = this.#settings;
    const full = this.#queue.length >= maxQueuedCommands || this.#queue.size >= maxQueuedSize ||
      this.#queue.length + this.#inFlight >= maxPendingCommands;
    return full
      ? new RelayError("tunnel_queue_full", "Too many commands are pending for this tunnel.", SOON)
      : undefined;
  }

  /** A client whose hands are full does not poll; what it still works on shows that it may come back. */
  #isConnected(lastSeenAt: number): boolean {
    return this.#openPolls > 0 || this.#inFlight > 0 ||
      performance.now() - lastSeenAt <= this.#settings.lastSeenWindowMs;
  }

  /** Queues a call and wakes a poll for it. */
  offer(call: PendingCall): void {
    call.state = "queued";
    this.#queue.insert(call);
    this.#wakeFor(call);
  }

  /**
   * Opens a poll: from now on, until it is closed, an agent counts as connected.
   * @returns whether it is the first poll of this tunnel
   * @throws {RelayError} 429 when too many polls are open
   */
  openPoll(): boolean {
    if (this.#openPolls >= this.#settings.maxOpenPolls) {
      throw new RelayError("rate_limit_exceeded", "Too many polls are open for this tunnel.", SOON);
    }
    this.#openPolls++;
    this.seen();
    const isFirst = this.lastPollTimeMs === 0;
    this.lastPollTimeMs = Date.now();
    this.#firstPoll.resolve();
    return isFirst;
  }

  closePoll(): void {
    this.#openPolls--;
    this.seen();
  }

  hasWork(interest: PollInterest): boolean {
    return this.#queue.hasAny((call) => wants(interest, call)) || this.#isToBeTold(interest);
  }

  #isToBeTold({ takesCancellations, instanceId }: PollInterest): boolean {
    return takesCancellations && instanceId !== undefined && this.cancellations.has(instanceId);
  }

  /** Takes the ids of commands that the agent of a poll need not go on with. */
  takeCancelled(interest: PollInterest): string[] {
    if (interest.instanceId === undefined || !this.#isToBeTold(interest)) return [];
    const cancelled = this.cancellations.take(interest.instanceId);
    this.counters.cancelled += cancelled.length;
    return cancelled;
  }

  cancel({ requestId, instanceId }: PendingCall, delayMs: number): void {
    if (instanceId === undefined) return;
    if (delayMs === 0) this.cancellations.add(requestId, instanceId);
    else this.cancellations.addLater(requestId, instanceId, delayMs);
  }

  /** Registers a poll that waits until it is woken or its time is over. */
  wait(interest: PollInterest, waitMs: number): PollWaiter {
    const waiter = new PollWaiter(interest, waitMs, (late) => this.wake(late, "timeout"));
    this.#waiters.add(waiter);
    return waiter;
  }

  /** Ends one wait. */
  wake(waiter: PollWaiter, reason: WakeReason): void {
    this.#waiters.delete(waiter);
    waiter.wake(reason);
  }

  /** Takes commands for a poll; they are the agent's from now on (P-162). */
  take(limit: number, interest: PollInterest): PendingCall[] {
    const calls = this.#queue.take(limit, MAX_REPLY_SIZE, (call) => wants(interest, call));
    for (const call of calls) {
      call.state = "delivered";
      call.instanceId = interest.instanceId;
    }
    this.#inFlight += calls.length;
    this.counters.delivered += calls.length;
    return calls;
  }

  /** Puts back what an agent did not get; what has ended meanwhile stays ended. @returns how many came back */
  putBack(calls: readonly PendingCall[]): number {
    const open = calls.filter((call) => call.state === "delivered");
    this.#inFlight -= open.length;
    this.counters.requeued += open.length;
    for (const call of open) this.offer(call);
    return open.length;
  }

  /** Hands work that nobody has been woken for to polls that wait. */
  wakeForWork(): void {
    for (let call = this.#queue.head; call !== undefined && this.#waiters.size > 0; call = call.next) {
      this.#wakeFor(call);
    }
  }

  #wakeFor(call: PendingCall): void {
    for (const waiter of this.#waiters) {
      if (!wants(waiter.interest, call)) continue;
      this.wake(waiter, "work");
      return;
    }
  }

  #wakeForCancellation(instanceId: string): void {
    for (const waiter of this.#waiters) {
      const { takesCancellations, instanceId: own } = waiter.interest;
      if (takesCancellations && own === instanceId) return this.wake(waiter, "work");
    }
  }

  /** Forgets a call that has ended, wherever it was. @returns whether an agent had it */
  close(call: PendingCall): boolean {
    const delivered = call.state === "delivered";
    if (delivered) this.#inFlight--;
    else if (call.state === "queued") this.#queue.remove(call);
    call.state = "done";
    return delivered;
  }

  /** Ends the open polls of an instance with nothing (feature `poll-release`). */
  release(instanceId: string): void {
    let found = false;
    for (const waiter of this.#waiters) {
      if (waiter.interest.instanceId !== instanceId) continue;
      this.wake(waiter, "released");
      found = true;
    }
    if (!found) this.#releases.remember(instanceId, performance.now());
  }

  /** True when a release of this instance has overtaken the poll that starts now. */
  wasReleased(instanceId: string | undefined): boolean {
    return instanceId !== undefined && this.#releases.take(instanceId, performance.now());
  }

  /** No poll waits here any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Ends every open poll, and every stream that belongs to no call. */
  stop(): void {
    this.#stopped = true;
    this.listening.stop();
    this.resumable.stop();
    this.cancellations.stop();
    for (const waiter of this.#waiters) this.wake(waiter, "stopped");
    this.#firstPoll.reject(new Error(`tunnel ${this.id} was stopped before it was polled`));
  }
}

/** RFC 9110 §10.2.3, in seconds. */
const SOON = { headers: { "retry-after": "1" } };
const LATER = { headers: { "retry-after": "5" } };
