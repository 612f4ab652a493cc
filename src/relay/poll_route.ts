import { setImmediate } from "node:timers";
import { HEADER } from "../agent/wire.ts";
import type { HeaderFields } from "./http1/header_fields.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { instanceOf } from "./keys.ts";
import type { PendingCall } from "./pending_call.ts";
import { parsePollQuery, type PollQuery } from "./poll_query.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import type { Tunnel } from "./tunnel.ts";

/**
 * Answers a poll (P-160 … P-166): at once when commands wait, else when one comes or the wait is over. Nothing is
 * taken from the queue before it is known that the caller still listens, and what could not be written goes back.
 * @throws {RelayError} 400 for bad parameters, 429 for too many polls
 */
export async function poll(core: RelayCore, tunnel: Tunnel, request: HttpRequest): Promise<HttpReply> {
  const query = parsePollQuery(request.query, core.settings);
  if (tunnel.openPoll()) logFirstPoll(core, tunnel, request.headers);
  try {
    return pollReply(core, tunnel, await commandsFor(core, tunnel, query, request));
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

async function commandsFor(
  core: RelayCore,
  tunnel: Tunnel,
  { limit, waitMs, channels }: PollQuery,
  request: HttpRequest,
): Promise<PendingCall[]> {
  const instanceId = instanceOf(request.headers);
  const deadline = performance.now() + waitMs;
  for (;;) {
    if (tunnel.hasWork(channels)) {
      // One turn of the event loop lets the server notice a caller that has hung up, and more commands come in.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (request.hungUp) {
        tunnel.wakeForWork();
        return [];
      }
      const calls = tunnel.take(limit, channels);
      if (calls.length > 0) return calls;
    }
    const remainingMs = deadline - performance.now();
    if (core.stopped || remainingMs <= 0 || request.hungUp || tunnel.wasReleased(instanceId)) return [];
    const waiter = tunnel.wait(channels, instanceId, remainingMs);
    request.onHangUp(() => tunnel.wake(waiter, "gone"));
    const reason = await waiter.woken;
    tunnel.seen();
    if (reason !== "work") return [];
  }
}

function pollReply(core: RelayCore, tunnel: Tunnel, calls: readonly PendingCall[]): HttpReply {
  if (calls.length === 0) {
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
    commands += (commands === "" ? "" : ",") + call.commandText(remainingMs);
  }
  return core.replies.agent(`{"commands":[${commands}]}`, 200, (written) => {
    if (!written) putBack(core, tunnel, calls);
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
