import type { Log } from "../../ops/mod.ts";
import type { JsonRpcId } from "../channel.ts";
import type { Frame } from "./frame_reader.ts";
import type { RunningCall } from "./running_call.ts";
import { asId, findPath } from "./wire_text.ts";
import type { WriteQueue } from "./write_queue.ts";

/** Requests that may wait for a connector's answer; a child that asks for more is refused. */
const MAX_OUTSTANDING = 64;
/** Own answers that may wait for the child's stdin; a child that only asks and never reads gets no more. */
const MAX_PENDING_REPLIES = 64;

const REFUSAL =
  `"error":{"code":-32601,"message":"Method not found: nobody here can answer requests of the server"}`;
const ABANDONED = `"error":{"code":-32603,"message":"The caller stopped waiting before it had answered"}`;

interface Outstanding {
  readonly owner: RunningCall;
  readonly idText: string;
}

/**
 * The child's own requests: `ping` is answered here (P-104), others go to the connector whose call is running, where
 * that can be reached, and are refused otherwise. Either way the call goes on.
 */
export class ServerRequests {
  readonly #writes: WriteQueue;
  readonly #log: Log;
  readonly #outstanding = new Map<JsonRpcId, Outstanding>();
  #pendingReplies = 0;

  constructor(writes: WriteQueue, log: Log) {
    this.#writes = writes;
    this.#log = log;
  }

  /**
   * Takes a request.
   * @param owner the only call that it can belong to
   * @returns a promise of its delivery when it goes to the connector
   */
  receive(frame: Frame, method: string, owner: RunningCall | undefined): Promise<void> | undefined {
    const span = findPath(frame.text, ["id"]);
    const id = asId(frame.value.id);
    if (span === undefined || id === undefined) return undefined;
    const idText = frame.text.slice(span.start, span.end);
    if (method === "ping") {
      this.#reply(idText, `"result":{}`);
      return undefined;
    }
    if (owner !== undefined && this.#outstanding.size < MAX_OUTSTANDING) {
      // The answer may come before the delivery is confirmed.
      this.#outstanding.set(id, { owner, idText });
      const handedOver = owner.serverRequest(frame.text);
      if (handedOver !== undefined) {
        return handedOver.then((isTaken) => {
          if (!isTaken && this.takeAnswer(id)) this.#refuse(idText, method);
        });
      }
      this.#outstanding.delete(id);
    }
    this.#refuse(idText, method);
    return undefined;
  }

  /** The call whose connector has been asked under this id, and has not answered. */
  ownerOf(id: JsonRpcId | undefined): RunningCall | undefined {
    return id === undefined ? undefined : this.#outstanding.get(id)?.owner;
  }

  /** A connector has answered. @returns false when nothing was asked under this id; the child must not see it then */
  takeAnswer(id: JsonRpcId | undefined): boolean {
    return id !== undefined && this.#outstanding.delete(id);
  }

  /** The call's caller has gone: what the child has asked it will not be answered any more. */
  abandon(owner: RunningCall): void {
    for (const [id, asked] of this.#outstanding) {
      if (asked.owner !== owner) continue;
      this.#outstanding.delete(id);
      this.#reply(asked.idText, ABANDONED);
    }
  }

  #refuse(idText: string, method: string): void {
    if (this.#log.enabled("debug")) {
      this.#log.debug("mcp server request refused", { method: method.slice(0, 100) });
    }
    this.#reply(idText, REFUSAL);
  }

  #reply(idText: string, outcome: string): void {
    if (this.#pendingReplies >= MAX_PENDING_REPLIES) {
      this.#log.debug("mcp server request left unanswered: the server does not read");
      return;
    }
    this.#pendingReplies++;
    this.#writes.push(`{"jsonrpc":"2.0","id":${idText},${outcome}}`, () => this.#pendingReplies--);
  }
}
