import { HEADER } from "../agent/wire.ts";
import type { EventStream } from "./event_stream.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { HttpRequest } from "./http1/http_request.ts";
import { acceptsEventStream, address, sessionOf } from "./ingress_route.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import { commandOf, parseEventId } from "./resumable_stream.ts";
import type { Session } from "./session_table.ts";
import type { Tunnel } from "./tunnel.ts";

const LAST_EVENT_ID = "last-event-id";

/**
 * Opens an event stream for a connector (MCP 2025-11-25, listening for messages and resumability): with `Last-Event-ID`
 * the rest of the answer that it has lost, else one that stays open as long as its session. Nothing is executed.
 * @throws {RelayError} 405 where no session is known, 404 for one that is over, 406, 400 for an event that is not kept
 */
export function openStream(
  core: RelayCore,
  tunnelId: string,
  channelSegment: string | undefined,
  request: HttpRequest,
): HttpReply {
  const { tunnel, channel } = address(core, tunnelId, channelSegment, request);
  const { headers } = request;
  const session = sessionOf(tunnel, channel, request);
  if (session === undefined) {
    throw new RelayError("method_not_allowed", "There is no stream without a session that began here.", {
      headers: { allow: "POST, DELETE" },
    });
  }
  if (!acceptsEventStream(headers.get("accept"))) {
    throw new RelayError("not_acceptable", "This is an event stream; accept text/event-stream.", {
      param: "Accept",
    });
  }
  const lastEventId = headers.get(LAST_EVENT_ID) ?? "";
  const body = lastEventId === ""
    ? listen(core, tunnel, session, request)
    : resume(core, tunnel, session, lastEventId, request);
  return {
    status: 200,
    headers: [
      ["content-type", "text/event-stream"],
      ["cache-control", "no-cache"],
      [HEADER.requestId.toLowerCase(), core.ids.next("req")],
    ],
    body,
  };
}

function resume(
  core: RelayCore,
  tunnel: Tunnel,
  session: Session,
  lastEventId: string,
  request: HttpRequest,
): EventStream {
  const position = parseEventId(lastEventId);
  const stream = position === undefined ? undefined : tunnel.resumable.get(position.token);
  const isOwn = stream?.belongsTo(session, request.headers.get("authorization")) === true;
  // 404 would tell the connector that its session is over.
  if (position === undefined || stream === undefined || !isOwn || !stream.has(position.number)) {
    throw new RelayError("unknown_event_id", "No stream of this session with that event is kept.", {
      param: "Last-Event-ID",
    });
  }
  const reader = stream.resume(position.number);
  const call = core.find(commandOf(stream));
  if (call !== undefined) core.clock.returned(call);
  request.onHangUp(() => {
    stream.detach(reader);
    if (call !== undefined && !stream.isRead) core.clock.left(call);
  });
  return reader;
}

function listen(core: RelayCore, tunnel: Tunnel, session: Session, request: HttpRequest): EventStream {
  if (core.stopped) throw new RelayError("relay_stopping", "The relay is stopping.");
  const stream = tunnel.listening.open(session, {
    bufferBytes: core.settings.streamBufferBytes,
    holdMs: core.settings.notificationHoldMs,
    onEvent: () => {},
  });
  request.onHangUp(() => tunnel.listening.close(session, stream));
  return stream;
}
