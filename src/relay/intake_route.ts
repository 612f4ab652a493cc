import {
  canonicalChannel,
  FEATURE_MORE_TIME,
  FEATURE_STREAM_CUT,
  HEADER,
  type StreamSign,
} from "../agent/wire.ts";
import { type AgentResponse, parseAgentResponse } from "./agent_response.ts";
import { bodyText } from "./body_text.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { type PendingCall, shardTokenOf } from "./pending_call.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import { follows } from "./relay_features.ts";
import type { Tunnel } from "./tunnel.ts";

const SHARD_TOKEN = HEADER.shardToken.toLowerCase();
const ACCEPTED = '{"status":"ok"}';

/**
 * Takes a response of an agent (P-167, P-168). A notification, or a request of the target, is answered
 * when there is room for it.
 * @throws {RelayError} with the contract's codes, in the order of P-167
 */
export async function takeResponse(
  core: RelayCore,
  tunnel: Tunnel,
  request: HttpRequest,
): Promise<HttpReply> {
  tunnel.seen();
  const shardToken = request.headers.get(SHARD_TOKEN);
  const response = parseAgentResponse(await bodyText(request, core.settings.maxResponseBytes));
  checkShardToken(core, response, shardToken);
  if (response.channel !== undefined && canonicalChannel(response.channel) === undefined) {
    throw new RelayError("invalid_channel_format", "The channel of the response is no channel name.", {
      param: "channel",
    });
  }
  const call = core.find(response.requestId);
  if (call === undefined) {
    tunnel.cancellations.forget(response.requestId);
    throw notPending(tunnel);
  }
  if (call.tunnel !== tunnel) {
    throw new RelayError("tunnel_request_mismatch", "This request belongs to another tunnel.", {
      param: "request_id",
    });
  }
  if (response.type === "jsonrpc_notify") {
    await takeEvent(core, tunnel, call, response);
    return eventTaken(core, call, request);
  }
  if (isStreamSign(response.type) && core.features.has(FEATURE_STREAM_CUT)) {
    const isSentAway = call.reply.follow?.(response.type, response) === true;
    const reply = eventTaken(core, call, request);
    if (isSentAway) core.clock.left(call);
    return reply;
  }
  if (core.answered(call)) call.reply.finish(response);
  return core.replies.json(ACCEPTED);
}

async function takeEvent(
  core: RelayCore,
  tunnel: Tunnel,
  call: PendingCall,
  response: AgentResponse,
): Promise<void> {
  const { question, withdrawn } = response;
  const taken = call.reply.notify(response);
  const isTaken = typeof taken === "boolean" ? taken : await taken;
  if (withdrawn !== undefined) core.clock.withdrawn(call, withdrawn);
  if (question === undefined || !core.settings.serverRequests) return;
  if (!isTaken) throw cannotAnswer(tunnel);
  core.clock.asked(call, question);
}

/** An agent that goes along is told how long the call may take from now on (`more-time`). */
function eventTaken(core: RelayCore, call: PendingCall, { headers }: HttpRequest): HttpReply {
  const goesAlong = core.features.has(FEATURE_MORE_TIME) && follows(headers, FEATURE_MORE_TIME);
  const remainingMs = goesAlong ? core.clock.extend(call) : undefined;
  if (remainingMs === undefined) return core.replies.json(ACCEPTED);
  return core.replies.json(`{"status":"ok","response_timeout":"${Math.floor(remainingMs)}ms"}`);
}

function isStreamSign(type: string): type is StreamSign {
  return type === "stream_opened" || type === "stream_cut";
}

function checkShardToken(core: RelayCore, response: AgentResponse, presented: string | undefined): void {
  const param = HEADER.shardToken;
  if (presented === undefined) {
    if (core.settings.strictness === "lenient") return;
    throw new RelayError("missing_shard_token", `Header ${param} of the polled command is required.`, {
      param,
    });
  }
  if (presented !== shardTokenOf(response.requestId)) {
    throw new RelayError("shard_token_mismatch", `Header ${param} is not that of this request.`, { param });
  }
}

/** The agent learns it at once, so that the target is refused instead of waiting for nobody. */
function cannotAnswer(tunnel: Tunnel): RelayError {
  tunnel.counters.requestsRefused++;
  return new RelayError(
    "connector_cannot_answer",
    "The connector cannot be asked: it takes no event stream, is gone, or does not read.",
    { param: "resp_json" },
  );
}

function notPending(tunnel: Tunnel): RelayError {
  tunnel.counters.late++;
  return new RelayError(
    "pending_request_not_found",
    "The request is unknown, already answered, or its caller is gone.",
    { param: "request_id" },
  );
}
