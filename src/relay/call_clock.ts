import type { CallTable } from "./call_table.ts";
import type { RelaySettings } from "./options.ts";
import type { PendingCall } from "./pending_call.ts";

type Limits = Pick<RelaySettings, "responseTimeoutMs" | "answerTimeoutMs" | "sendResponseTimeout">;

/**
 * How long a call may still take, where its agent goes along (feature `more-time`): what its target says starts the
 * wait anew, and while the connector is asked, or listens, it is a long one. It is never longer than what the agent has
 * been told, and it is an ordinary one while the connector is away.
 */
export class CallClock {
  constructor(private readonly calls: CallTable, private readonly limits: Limits) {}

  /**
   * The target of a call has said something.
   * @returns ms that the agent has for the call from now on; undefined when nothing changes
   */
  extend(call: PendingCall): number | undefined {
    if (call.state !== "delivered" || call.isAway) return undefined;
    const { responseTimeoutMs, answerTimeoutMs, sendResponseTimeout } = this.limits;
    const now = performance.now();
    const isLong = mayTakeLong(call);
    call.longUntil = isLong ? now + answerTimeoutMs : undefined;
    call.deadline = call.longUntil ?? now + responseTimeoutMs;
    if (isLong) this.calls.hold(call);
    else this.calls.add(call);
    if (!sendResponseTimeout) return undefined;
    const agentMs = isLong ? answerTimeoutMs + responseTimeoutMs : responseTimeoutMs;
    call.agentUntil = now + agentMs;
    return agentMs;
  }

  /** The connector has been asked something. @param question id of the target's request as JSON */
  asked(call: PendingCall, question: string): void {
    if (call.state === "done") return;
    call.questions.add(question);
    this.calls.asking.add(call);
  }

  /** The target has taken a question back. */
  withdrawn(call: PendingCall, question: string): void {
    if (!call.hasQuestions || !call.questions.delete(question) || call.hasQuestions) return;
    this.calls.asking.delete(call);
    this.#resume(call);
  }

  /** A connector has answered a question; where two calls could be meant, none of them is hurried. */
  answered({ tunnel, channel, sessionId }: PendingCall, question: string): void {
    if (this.calls.asking.size === 0) return;
    const asking = [...this.calls.asking].filter((call) =>
      call.tunnel === tunnel && call.channel === channel && call.sessionId === sessionId &&
      call.questions.has(question)
    );
    const [call] = asking;
    if (call !== undefined && asking.length === 1) this.withdrawn(call, question);
  }

  /** The connector has lost its stream and may come back. */
  left(call: PendingCall): void {
    if (call.state === "done") return;
    call.isAway = true;
    this.#resume(call);
  }

  /** The connector is back. */
  returned(call: PendingCall): void {
    call.isAway = false;
    if (call.state !== "delivered" || call.longUntil === undefined || !mayTakeLong(call)) return;
    call.deadline = call.longUntil;
    this.calls.hold(call);
  }

  /** A long wait becomes an ordinary one. */
  #resume(call: PendingCall): void {
    const deadline = performance.now() + this.limits.responseTimeoutMs;
    // An agent that stays on the published wire has its own time, which is not made longer here.
    if (!this.calls.isHeld(call) || call.deadline <= deadline) return;
    call.deadline = deadline;
    this.calls.add(call);
  }
}

/** A person may be thinking, or a subscription be silent. */
function mayTakeLong({ hasQuestions, staysOpen }: PendingCall): boolean {
  return hasQuestions || staysOpen;
}
