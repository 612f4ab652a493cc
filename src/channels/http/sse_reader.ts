import { createParser, type EventSourceParser } from "eventsource-parser";
import type { HttpBody } from "../../net/mod.ts";

/** The stream is not UTF-8 text. */
export class NotTextError extends Error {
  override readonly name = "NotTextError";
  constructor(options?: ErrorOptions) {
    super("the event stream is not valid UTF-8", options);
  }
}

/**
 * The messages of one event stream, in order. Events with another name than `message`, and events without data,
 * are skipped (HT-18, HT-19). LF, CR LF and bare CR all end a line.
 */
export class SseReader {
  /** Last event id of this stream; empty when it gave none (HT-21). */
  lastEventId = "";
  /** Reconnection delay that the server asked for on this stream, in ms. */
  retryMs: number | undefined;

  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #parser: EventSourceParser;
  readonly #onIdle: (() => void) | undefined;
  /** Parsed and not yet handed out, from `#head` on. */
  #messages: string[] = [];
  #head = 0;
  #ended = false;

  /** @param onIdle told when events were read that carry no message, and the stream has an id by now */
  constructor(body: HttpBody, onIdle?: () => void) {
    this.#onIdle = onIdle;
    this.#chunks = body.chunks();
    this.#parser = createParser({
      onEvent: (event) => {
        const name = event.event?.trim();
        if (name !== undefined && name !== "" && name !== "message") return;
        if (event.data.trim() !== "") this.#messages.push(event.data);
      },
      onId: (id) => {
        this.lastEventId = id.trim();
      },
      onRetry: (retryMs) => {
        this.retryMs = retryMs;
      },
    });
  }

  /**
   * The data of the next message; undefined at the end of the stream.
   * @throws {NetError} when the body breaks off
   * @throws {NotTextError} when it is not UTF-8
   */
  async next(): Promise<string | undefined> {
    while (this.#head === this.#messages.length) {
      if (this.#ended) return undefined;
      this.#messages.length = 0;
      this.#head = 0;
      const chunk = await this.#chunks.next();
      if (chunk.done === true) this.#end();
      else {
        this.#parser.feed(this.#decode(chunk.value));
        if (this.lastEventId !== "" && this.#messages.length === 0) this.#onIdle?.();
      }
    }
    return this.#messages[this.#head++];
  }

  #decode(chunk: Uint8Array): string {
    try {
      return this.#decoder.decode(chunk, { stream: true });
    } catch (error) {
      if (error instanceof TypeError) throw new NotTextError({ cause: error });
      throw error;
    }
  }

  /** A last event without its empty line counts if it is whole (HT-18); a cut one never happened. */
  #end(): void {
    this.#ended = true;
    const idBefore = this.lastEventId;
    this.#parser.feed("\n\n");
    const last = this.#messages[0];
    if (last !== undefined && isJson(last)) return;
    this.#messages.length = 0;
    this.lastEventId = idBefore;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
