import { setImmediate } from "node:timers";
import { FEATURE_ASIDES, FEATURE_CANCEL, HEADER } from "../agent/wire.ts";
import type { HeaderFields } from "./http1/header_fields.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { instanceOf } from "./keys.ts";
import type { PendingCall } from "./pending_call.ts";
import { parsePollQuery, type PollQuery } from "./poll_query.ts";
import type { PollInterest } from "./poll_interest.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import { follows } from "./relay_features.ts";
import type { Tunnel } from "./tunnel.ts";

/** What a poll brings. */
interface Catch {
  readonly calls: readonly PendingCall[];
  /** Request ids of commands that nobody waits for any more. */
  readonly cancelled: readonly string[];
}

const NOTHING: Catch = { calls: [], cancelled: [] };

/**
 * Answers a poll (P-160 … P-166): at once when commands wait, else when one comes or the wait is over. Nothing is
 * taken from the queue before it is known that the caller still listens, and what could not be written goes back.
 * @throws {RelayError} 400 for bad parameters, 429 for too many polls
 */
export async function poll(core: RelayCore, tunnel: Tunnel, request: HttpRequest): Promise<HttpReply> {
  const query = parsePollQuery(request.query, core.settings);
  if (tunnel.openPoll()) logFirstPoll(core, tunnel, request.headers);
  try {
    const interest = interestOf(core, query, request);
    return pollReply(core, tunnel, interest, await catchFor(tunnel, query, interest, request));
  } finally {
    tunnel.closePoll();
  }
}

function logFirstPoll({ log }: RelayCore, tunnel: Tunnel, headers: HeaderFields): void {
  log.info("tunnel client connected", {
    tunnel_id: tunnel.id,
    client_instance_id: instanceOf(headers),
    client_name: headers.get(HEADER.clientName.toLowerCase()),
    client_version: headers.get(HEADER.clientVersion.toLowerCase()),
  });
}

/** Ends the open polls of the calling instance (feature `poll-release`). */
export function releasePoll(core: RelayCore, tunnel: Tunnel, request: HttpRequest): HttpReply {
  const instanceId = instanceOf(request.headers);
  if (instanceId === undefined) {
    const param = HEADER.instanceId;
    throw new RelayError("missing_client_instance_id", `Header ${param} says whose poll is to end.`, {
      param,
    });
  }
  tunnel.release(instanceId);
  return core.replies.empty(204);
}

function interestOf({ features }: RelayCore, query: PollQuery, { headers }: HttpRequest): PollInterest {
  return {
    channels: query.channels,
    asidesOnly: query.asidesOnly && features.has(FEATURE_ASIDES),
    instanceId: instanceOf(headers),
    takesCancellations: features.has(FEATURE_CANCEL) && follows(headers, FEATURE_CANCEL),
  };
}

async function catchFor(
  tunnel: Tunnel,
  { limit, waitMs }: PollQuery,
  interest: PollInterest,
  request: HttpRequest,
): Promise<Catch> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    if (tunnel.hasWork(interest)) {
      // One turn of the event loop lets the server notice a caller that has hung up, and more commands come in.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (request.hungUp) {
        tunnel.wakeForWork();
        return NOTHING;
      }
      const calls = tunnel.take(limit, interest);
      const cancelled = tunnel.takeCancelled(interest);
      if (calls.length > 0 || cancelled.length > 0) return { calls, cancelled };
    }
    const remainingMs = deadline - performance.now();
    if (tunnel.stopped || remainingMs <= 0 || request.hungUp || tunnel.wasReleased(interest.instanceId)) {
      return NOTHING;
    }
    const waiter = tunnel.wait(interest, remainingMs);
    request.onHangUp(() => tunnel.wake(waiter, "gone"));
    const reason = await waiter.woken;
    tunnel.seen();
    if (reason !== "work") return NOTHING;
  }
}

function pollReply(
  core: RelayCore,
  tunnel: Tunnel,
  { instanceId }: PollInterest,
  { calls, cancelled }: Catch,
): HttpReply {
  if (calls.length === 0 && cancelled.length === 0) {
    return core.settings.emptyPoll === 204
      ? core.replies.agent(null, 204)
      : core.replies.agent('{"commands":[]}', 200);
  }
  const now = performance.now();
  let commands = "";
  for (const call of calls) {
    const remainingMs = core.settings.sendResponseTimeout
      ? Math.max(0, Math.floor(call.deadline - now))
      : undefined;
    if (remainingMs !== undefined) call.agentUntil = now + remainingMs;
    commands += (commands === "" ? "" : ",") + call.commandText(remainingMs);
  }
  // Ids of this relay need no escaping.
  const more = cancelled.length === 0 ? "" : `,"cancelled":["${cancelled.join('","')}"]`;
  return core.replies.agent(`{"commands":[${commands}]${more}}`, 200, (written) => {
    if (written) return;
    putBack(core, tunnel, calls);
    for (const requestId of cancelled) tunnel.cancellations.add(requestId, instanceId ?? "");
  });
}

function putBack(core: RelayCore, tunnel: Tunnel, calls: readonly PendingCall[]): void {
  const returned = tunnel.putBack(calls);
  if (returned === 0) return;
  core.log.warn("poll reply could not be written; its commands are queued again", {
    tunnel_id: tunnel.id,
    commands: returned,
  });
}
