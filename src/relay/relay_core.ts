import type { CommandType } from "../agent/wire.ts";
import type { Log } from "../ops/mod.ts";
import { CallTable } from "./call_table.ts";
import { type RelayOptions, type RelaySettings, settingsOf } from "./options.ts";
import { type CallReply, PendingCall } from "./pending_call.ts";
import { RelayError } from "./relay_error.ts";
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
  readonly reply: CallReply;
}

/** The state that all routes of one relay share: its tunnels and every open call. */
export class RelayCore {
  readonly settings: RelaySettings;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  readonly ids = new IdSource();
  readonly replies: Replies;
  readonly log: Log;
  readonly #calls = new CallTable((call) => this.#expire(call));
  #order = 0;
  #stopped = false;

  /** @throws {RelayOptionsError} for options that cannot work */
  constructor(options: RelayOptions, log: Log) {
    this.settings = settingsOf(options);
    this.replies = new Replies(this.ids, this.settings);
    this.tunnels = new Map(options.tunnels.map((tunnel) => [tunnel.id, new Tunnel(tunnel, this.settings)]));
    this.log = log;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Opens a call and queues it; its reply settles when it ends.
   * @throws {RelayError} 503 when the relay stops, no agent is there, or too much is pending
   */
  open(request: CallRequest): PendingCall {
    if (this.#stopped) throw new RelayError("relay_stopping", "The relay is stopping.");
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
    if (call.tunnel.close(call)) counters.abandoned++;
    else counters.withdrawn++;
    call.reply.drop();
  }

  /** Ends everything that is open; later calls are refused. */
  stop(): void {
    this.#stopped = true;
    this.#calls.stop();
    for (const tunnel of this.tunnels.values()) tunnel.stop();
    for (const call of this.#calls.all()) {
      this.#calls.remove(call);
      const delivered = call.tunnel.close(call);
      call.tunnel.counters.stopped++;
      call.reply.fail("stopped", delivered);
    }
  }

  #expire(call: PendingCall): void {
    this.#calls.remove(call);
    const delivered = call.tunnel.close(call);
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
