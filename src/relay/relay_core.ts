import { type CommandType, FEATURE_CANCEL } from "../agent/wire.ts";
import type { Log } from "../ops/mod.ts";
import { CallClock } from "./call_clock.ts";
import { CallTable } from "./call_table.ts";
import {
  type ManagementOptions,
  type RelayOptions,
  type RelaySettings,
  settingsOf,
  type TunnelOptions,
} from "./options.ts";
import { type CallReply, type CallTraits, PendingCall } from "./pending_call.ts";
import { RelayError } from "./relay_error.ts";
import { offeredFeatures } from "./relay_features.ts";
import { IdSource, Replies } from "./replies.ts";
import { Tunnel } from "./tunnel.ts";

/** What a new call consists of. */
export interface CallRequest {
  readonly tunnel: Tunnel;
  readonly commandType: CommandType;
  readonly channel: string;
  readonly headersJson: string;
  readonly jsonrpc: string | undefined;
  /** Id of the command, and `X-Request-Id` of the connector's reply. */
  readonly requestId: string;
  readonly traits?: CallTraits;
  readonly reply: CallReply;
}

/** An agent whose own time for a command is over within this need not be told that nobody waits for it, in ms. */
const AGENT_SLACK_MS = 1_000;

/** The state that all routes of one relay share: its tunnels and every open call. */
export class RelayCore {
  readonly settings: RelaySettings;
  /** How tunnels may be managed; undefined when they may not. */
  readonly management: ManagementOptions | undefined;
  readonly newTunnelCredentials: readonly string[];
  readonly ids = new IdSource();
  readonly replies: Replies;
  /** What this relay can do beyond the published wire. */
  readonly features: ReadonlySet<string>;
  /** How long calls may still take. */
  readonly clock: CallClock;
  readonly log: Log;
  readonly #tunnels: Map<string, Tunnel>;
  readonly #calls = new CallTable((call) => this.#expire(call));
  #order = 0;
  #stopped = false;

  /** @throws {RelayOptionsError} for options that cannot work */
  constructor(options: RelayOptions, log: Log) {
    this.settings = settingsOf(options);
    this.features = offeredFeatures(this.settings);
    this.clock = new CallClock(this.#calls, this.settings);
    this.replies = new Replies(this.ids, this.features);
    this.management = options.management;
    this.newTunnelCredentials = (options.management?.apiKeys ?? []).map((key) => `Bearer ${key}`);
    this.#tunnels = new Map(options.tunnels.map((tunnel) => [tunnel.id, new Tunnel(tunnel, this.settings)]));
    this.log = log;
  }

  get tunnels(): ReadonlyMap<string, Tunnel> {
    return this.#tunnels;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Opens a call and queues it; its reply settles when it ends.
   * @throws {RelayError} 503 when the relay stops, no agent is there, or too much is pending; 404 when the tunnel has
   * been deleted while the request came in
   */
  open(request: CallRequest): PendingCall {
    if (this.#stopped) throw new RelayError("relay_stopping", "The relay is stopping.");
    if (request.tunnel.stopped) throw new RelayError("tunnel_not_found", "The tunnel was deleted.");
    this.#checkCapacity(request.tunnel);
    const call = new PendingCall({
      ...request,
      order: ++this.#order,
      deadline: performance.now() + this.settings.responseTimeoutMs,
    });
    call.tunnel.counters.received++;
    this.#calls.add(call);
    call.tunnel.offer(call);
    return call;
  }

  #checkCapacity(tunnel: Tunnel): void {
    const refusal = tunnel.refusal();
    if (refusal === undefined) {
      tunnel.lastRefusal = "";
      return;
    }
    tunnel.counters.refused++;
    if (tunnel.lastRefusal !== refusal.code) {
      tunnel.lastRefusal = refusal.code;
      this.log.warn("connector requests are refused", { tunnel_id: tunnel.id, error_code: refusal.code });
    }
    throw refusal;
  }

  /** The open call of this id, queued or delivered. */
  find(requestId: string): PendingCall | undefined {
    return this.#calls.get(requestId);
  }

  /** Ends a call as answered. @returns false when it has ended before */
  answered(call: PendingCall): boolean {
    if (!this.#calls.remove(call)) return false;
    call.tunnel.close(call);
    call.tunnel.counters.answered++;
    return true;
  }

  /** The connector is gone: the command is withdrawn, or its answer will be refused (P-172). */
  hungUp(call: PendingCall): void {
    if (!this.#calls.remove(call)) return;
    const { counters } = call.tunnel;
    if (call.tunnel.close(call)) {
      counters.abandoned++;
      if (call.endsWithConnector) this.#cancel(call, 0);
      // Who hangs up does not cancel (MCP 2025-11-25): the target has the time that it would have had anyway.
      else this.#cancelOverdue(call, this.settings.responseTimeoutMs);
    } else counters.withdrawn++;
    call.reply.drop();
  }

  /** Has the agent told that a command's time is over, unless it knows by itself. @param inMs when that is */
  #cancelOverdue(call: PendingCall, inMs: number): void {
    if (call.agentUntil > performance.now() + inMs + AGENT_SLACK_MS) this.#cancel(call, inMs);
  }

  #cancel(call: PendingCall, inMs: number): void {
    if (this.features.has(FEATURE_CANCEL)) call.tunnel.cancel(call, inMs);
  }

  /** Serves one more tunnel, from now on. */
  addTunnel(options: TunnelOptions): Tunnel {
    const tunnel = new Tunnel(options, this.settings);
    this.#tunnels.set(tunnel.id, tunnel);
    return tunnel;
  }

  /** Serves a tunnel no longer: its polls end, and so do its calls. */
  removeTunnel(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel.id);
    tunnel.stop();
    for (const call of this.#calls.all()) if (call.tunnel === tunnel) this.#end(call, "deleted");
  }

  /** Ends everything that is open; later calls are refused. */
  stop(): void {
    this.#stopped = true;
    this.#calls.stop();
    for (const tunnel of this.tunnels.values()) tunnel.stop();
    for (const call of this.#calls.all()) this.#end(call, "stopped");
  }

  #end(call: PendingCall, failure: "stopped" | "deleted"): void {
    this.#calls.remove(call);
    const delivered = call.tunnel.close(call);
    call.tunnel.counters.stopped++;
    call.reply.fail(failure, delivered);
  }

  #expire(call: PendingCall): void {
    this.#calls.remove(call);
    const delivered = call.tunnel.close(call);
    if (delivered) this.#cancelOverdue(call, 0);
    call.tunnel.counters.timedOut++;
    this.log.warn("command timed out", {
      tunnel_id: call.tunnel.id,
      request_id: call.requestId,
      channel: call.channel,
      delivered,
    });
    call.reply.fail("timed_out", delivered);
  }
}
