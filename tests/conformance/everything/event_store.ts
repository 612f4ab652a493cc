import type { EventId, EventStore, JSONRPCMessage, StreamId } from "@modelcontextprotocol/server";

/** Events of one session, kept so that a cut stream can be resumed behind any of them. */
export class SessionEvents implements EventStore {
  readonly #events: { readonly streamId: StreamId; readonly message: JSONRPCMessage }[] = [];

  /** An id counts the events of the session. */
  storeEvent(streamId: StreamId, message: JSONRPCMessage): Promise<EventId> {
    return Promise.resolve(String(this.#events.push({ streamId, message })));
  }

  getStreamIdForEventId(eventId: EventId): Promise<StreamId | undefined> {
    return Promise.resolve(this.#events[Number(eventId) - 1]?.streamId);
  }

  async replayEventsAfter(
    lastEventId: EventId,
    { send }: { send: (eventId: EventId, message: JSONRPCMessage) => Promise<void> },
  ): Promise<StreamId> {
    const streamId = await this.getStreamIdForEventId(lastEventId);
    if (streamId === undefined) throw new Error("unknown event id");
    for (const [index, event] of this.#events.entries()) {
      const isMessage = Object.keys(event.message).length > 0; // a priming event is stored as an empty one
      if (index >= Number(lastEventId) && event.streamId === streamId && isMessage) {
        await send(String(index + 1), event.message);
      }
    }
    return streamId;
  }
}
