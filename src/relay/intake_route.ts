import { canonicalChannel, HEADER } from "../agent/wire.ts";
import { type AgentResponse, parseAgentResponse } from "./agent_response.ts";
import { bodyText } from "./body_text.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { shardTokenOf } from "./pending_call.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
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
  if (call === undefined) throw notPending(tunnel);
  if (call.tunnel !== tunnel) {
    throw new RelayError("tunnel_request_mismatch", "This request belongs to another tunnel.", {
      param: "request_id",
    });
  }
  if (response.type === "jsonrpc_notify") {
    const taken = call.reply.notify(response);
    const isTaken = typeof taken === "boolean" ? taken : await taken;
    if (!isTaken && response.asksConnector && core.settings.serverRequests) throw cannotAnswer(tunnel);
  } else if (core.answered(call)) call.reply.finish(response);
  return core.replies.json(ACCEPTED);
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
