import { setImmediate } from "node:timers";
import { HEADER } from "../agent/wire.ts";
import { instanceOf } from "./keys.ts";
import type { PendingCall } from "./pending_call.ts";
import { parsePollQuery, type PollQuery } from "./poll_query.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import type { Tunnel } from "./tunnel.ts";

/**
 * Answers a poll (P-160 … P-166): at once when commands wait, else when one comes or the wait is over. Nothing is
 * taken from the queue before it is known that the caller still listens.
 * @throws {RelayError} 400 for bad parameters, 429 for too many polls
 */
export async function poll(
  core: RelayCore,
  tunnel: Tunnel,
  request: Request,
  info: Deno.ServeHandlerInfo,
): Promise<Response> {
  const query = parsePollQuery(request.url, core.settings);
  if (tunnel.openPoll()) logFirstPoll(core, tunnel, request.headers);
  try {
    const calls = await commandsFor(core, tunnel, query, request);
    const reply = pollReply(core, calls);
    if (calls.length > 0) watchDelivery(core, tunnel, calls, request.signal, info);
    return reply;
  } finally {
    tunnel.closePoll();
  }
}

function logFirstPoll({ log }: RelayCore, tunnel: Tunnel, headers: Headers): void {
  log.info("tunnel client connected", {
    tunnel_id: tunnel.id,
    client_instance_id: instanceOf(headers),
    client_name: headers.get(HEADER.clientName) ?? undefined,
    client_version: headers.get(HEADER.clientVersion) ?? undefined,
  });
}

/** Ends the open polls of the calling instance (feature `poll-release`). */
export function releasePoll(core: RelayCore, tunnel: Tunnel, request: Request): Response {
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
  request: Request,
): Promise<PendingCall[]> {
  const { signal } = request;
  const instanceId = instanceOf(request.headers);
  const deadline = performance.now() + waitMs;
  for (;;) {
    if (tunnel.hasWork(channels)) {
      // One turn of the event loop lets the server notice a caller that has hung up, and more commands come in.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (signal.aborted) {
        tunnel.wakeForWork();
        return [];
      }
      const calls = tunnel.take(limit, channels);
      if (calls.length > 0) return calls;
    }
    const remainingMs = deadline - performance.now();
    if (core.stopped || remainingMs <= 0 || signal.aborted || tunnel.wasReleased(instanceId)) return [];
    const waiter = tunnel.wait(channels, instanceId, remainingMs);
    const hungUp = () => tunnel.wake(waiter, "gone");
    signal.addEventListener("abort", hungUp);
    const reason = await waiter.woken;
    signal.removeEventListener("abort", hungUp);
    tunnel.seen();
    if (reason !== "work") return [];
  }
}

function pollReply(core: RelayCore, calls: readonly PendingCall[]): Response {
  if (calls.length === 0) {
    return core.settings.emptyPoll === 204
      ? core.replies.agent(null, 204)
      : core.replies.agent('{"commands":[]}');
  }
  const now = performance.now();
  let commands = "";
  for (const call of calls) {
    const remainingMs = core.settings.sendResponseTimeout
      ? Math.max(0, Math.floor(call.deadline - now))
      : undefined;
    commands += (commands === "" ? "" : ",") + call.commandText(remainingMs);
  }
  return core.replies.agent(`{"commands":[${commands}]}`);
}

/**
 * Puts commands back whose reply could not be written. How the server says so depends on its version: `completed`
 * rejects, or it resolves when the reply has been handed to the connection and the signal aborts afterwards. An
 * abort between hand-over and `completed` is what versions with the legacy behaviour do after every reply.
 */
function watchDelivery(
  core: RelayCore,
  tunnel: Tunnel,
  calls: readonly PendingCall[],
  signal: AbortSignal,
  info: Deno.ServeHandlerInfo,
): void {
  const putBack = () => {
    const returned = tunnel.putBack(calls);
    if (returned > 0) {
      core.log.warn("poll reply could not be written; its commands are queued again", {
        tunnel_id: tunnel.id,
        commands: returned,
      });
    }
  };
  info.completed.then(() => signal.addEventListener("abort", putBack, { once: true }), putBack);
}
