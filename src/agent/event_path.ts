/** What a running call sends up before its answer: notifications and requests of its target, signs of its stream. */
import type { JsonText, ResponseHead } from "../channels/mod.ts";
import type { Log } from "../ops/mod.ts";
import type { Command } from "./command.ts";
import { describeError } from "./error_text.ts";
import { correlationFields, type Responder } from "./responder.ts";
import { responseHeaders } from "./response_headers.ts";
import type { ResponseType, StreamSign } from "./wire.ts";

export interface EventDeps {
  readonly responder: Responder;
  /** True while the control plane carries requests of a target to the connector (docs/relay-protocol.md). */
  readonly carriesServerRequests: () => boolean;
  /** True while the control plane lets the connector's stream follow the target's (docs/relay-protocol.md). */
  readonly followsStreams: () => boolean;
  readonly log: Log;
}

/** The run that the events belong to. */
export interface EventOwner {
  /** Called before each event; false when it comes too late to be sent. */
  readonly begin: () => boolean;
  /** A relay of ours has given the command until this instant of the monotonic clock. */
  readonly moveDeadline: (deadlineAt: number) => void;
}

export class EventPath {
  #lost = false;

  /** @param signal ends the exchange with the target, and with it every event */
  constructor(
    private readonly command: Command,
    private readonly signal: AbortSignal,
    private readonly owner: EventOwner,
    private readonly deps: EventDeps,
  ) {}

  /** One notification of the target on its way up; best effort, in order (P-99, P-100). */
  async notification(text: JsonText, head: ResponseHead): Promise<void> {
    if (this.#lost || !this.owner.begin()) return;
    try {
      await this.#deliver("jsonrpc_notify", text, head);
    } catch (error) {
      if (this.signal.aborted) return;
      this.#lost = true;
      this.#warn("notification not delivered; later ones of this call are left out", "notify", error);
    }
  }

  /**
   * A request of the target on its way to the connector, where the control plane can carry it.
   * @returns false when nobody will answer it
   */
  async serverRequest(text: JsonText, head: ResponseHead): Promise<boolean> {
    if (!this.deps.carriesServerRequests() || this.#lost || !this.owner.begin()) return false;
    const event = "request of the target not delivered";
    try {
      if (await this.#deliver("jsonrpc_notify", text, head) === 200) return true;
      this.#warn(event, "server_request", "the command is over");
    } catch (error) {
      if (!this.signal.aborted) this.#warn(event, "server_request", error);
    }
    return false;
  }

  /** What happens to the target's stream, for a relay that lets the connector's stream follow it; best effort. */
  async streamSign(type: StreamSign, head: ResponseHead): Promise<void> {
    if (!this.deps.followsStreams() || !this.owner.begin()) return;
    try {
      await this.#deliver(type, undefined, head);
    } catch (error) {
      if (!this.signal.aborted) this.#warn("sign of a stream not delivered", type, error);
    }
  }

  /** Posts an event; a relay of ours may give the command more time for it. */
  async #deliver(
    respType: ResponseType,
    respJson: JsonText | undefined,
    head: ResponseHead,
  ): Promise<200 | 404> {
    const { requestId, channel } = this.command;
    const respHeaders = responseHeaders(head.headers, "event");
    const payload = { requestId, channel, respJson, respHeaders, respCode: head.status, respType };
    const { status, deadlineAt } = await this.deps.responder.deliverEvent(this.command, payload, this.signal);
    if (deadlineAt !== undefined) this.owner.moveDeadline(deadlineAt);
    return status;
  }

  #warn(event: string, reason: string, error: unknown): void {
    const text = typeof error === "string" ? error : describeError(error);
    this.deps.log.warn(event, { ...correlationFields(this.command), reason, error: text });
  }
}
