import { EventStream, type EventStreamOptions, eventText } from "./event_stream.ts";
import { equalsInConstantTime } from "./constant_time.ts";
import type { Session } from "./session_table.ts";

/** Proposed to a connector whose stream breaks, in ms. */
const RETRY_MS = 1_000;
/** First revision whose clients understand an event without data (SEP-1699). */
const FIRST_WITH_PRIMING = "2025-11-25";
/** Messages of one call that are kept for a connector that comes back, and their size in characters. */
const MAX_EVENTS = 1_024;
const MAX_SIZE = 1024 * 1024;
/** What a stream counts for beside its messages, in characters. */
const OWN_SIZE = 512;
const EVENT_ID = /^([a-z0-9]+)_([0-9a-z]{1,8})$/;

interface KeptEvent {
  readonly number: number;
  readonly json: string;
}

/** A position in a stream, as a connector names it. */
export interface StreamPosition {
  readonly token: string;
  /** The last event that was received. */
  readonly number: number;
}

/** Where a stream is kept while it can be resumed; see `StreamShelf`. */
export interface Shelf {
  add(stream: ResumableStream): void;
  hasRoom(size: number): boolean;
  grew(size: number): void;
  finished(stream: ResumableStream): void;
  remove(stream: ResumableStream): void;
}

const COMMAND_PREFIX = "cmd_";

/** The first part of the event ids of a command's stream. */
export function tokenOf(requestId: string): string {
  return requestId.slice(COMMAND_PREFIX.length);
}

/** The command whose stream it is. */
export function commandOf({ token }: ResumableStream): string {
  return COMMAND_PREFIX + token;
}

/** Whether the clients of a session understand an event without data. */
export function knowsPriming({ protocolVersion }: Session): boolean {
  return protocolVersion >= FIRST_WITH_PRIMING;
}

/** Reads a `Last-Event-ID`; undefined when it is none of this relay's. */
export function parseEventId(text: string): StreamPosition | undefined {
  const [, token, number] = EVENT_ID.exec(text) ?? [];
  return token === undefined || number === undefined ? undefined : { token, number: parseInt(number, 36) };
}

export interface ResumableStreamParts {
  /** First part of the event ids; unique, `[a-z0-9]`. */
  readonly token: string;
  readonly session: Session;
  /** `Authorization` of the request; a session id alone proves nothing (MCP, security best practices). Secret. */
  readonly authorization: string | undefined;
  readonly shelf: Shelf;
  readonly connection: EventStreamOptions;
}

/**
 * The events of one call, over as many connections as its connector needs (MCP 2025-11-25, resumability): each has an
 * id, and a connector that has lost its stream gets what it missed. What is kept is bounded; the answer goes last.
 */
export class ResumableStream {
  readonly token: string;
  readonly session: Session;
  readonly #authorization: string | undefined;
  readonly #shelf: Shelf;
  readonly #connection: EventStreamOptions;
  readonly #kept: KeptEvent[] = [];
  #last = 0;
  #size = OWN_SIZE;
  #reader: EventStream | undefined;
  #isOver = false;
  #isKept = true;

  constructor({ token, session, authorization, shelf, connection }: ResumableStreamParts) {
    this.token = token;
    this.session = session;
    this.#authorization = authorization;
    this.#shelf = shelf;
    this.#connection = connection;
    shelf.add(this);
  }

  /** Characters that it holds, for the bound of its tunnel. */
  get size(): number {
    return this.#size;
  }

  /** The first connection. */
  open(): EventStream {
    const reader = new EventStream(this.#connection);
    reader.put(this.opening);
    this.#reader = reader;
    return reader;
  }

  /** The event without data that gives a connector its first id; empty for revisions that cannot read it. */
  get opening(): string {
    if (!knowsPriming(this.session)) return "";
    return `id: ${this.token}_0\nretry: ${RETRY_MS}\ndata: \n\n`;
  }

  /** Whether an event of this number has been. */
  has(number: number): boolean {
    return number <= this.#last;
  }

  /** Whether a request comes from whom the answer is for. @param authorization what it shows, if anything */
  belongsTo(session: Session, authorization: string | undefined): boolean {
    if (session !== this.session) return false;
    if (authorization === undefined || this.#authorization === undefined) {
      return authorization === this.#authorization;
    }
    return equalsInConstantTime(authorization, this.#authorization);
  }

  /** A further connection, in place of the one there was: first what came behind an event, then what comes. */
  resume(number: number): EventStream {
    this.#reader?.cut();
    const reader = new EventStream(this.#connection);
    this.#reader = reader;
    for (const event of this.#kept) {
      if (event.number > number) reader.put(eventOf(event, this.token));
    }
    if (this.#isOver) reader.cut();
    return reader;
  }

  /** Whether there is a connection now. */
  get isRead(): boolean {
    return this.#reader !== undefined;
  }

  /**
   * Ends the connection behind what has been written; the connector is to come back for the rest.
   * @returns false when there was none, or nobody could come back
   */
  pause(): boolean {
    const reader = this.#reader;
    if (reader === undefined || this.#isOver || !this.#isKept) return false;
    this.#reader = undefined;
    reader.finish(undefined);
    return true;
  }

  /**
   * A connection has broken.
   * @returns false when the connector cannot come back to this stream
   */
  detach(reader: EventStream | undefined): boolean {
    if (reader !== undefined && reader !== this.#reader) return true;
    if (!this.#isKept) return false;
    const gone = this.#reader;
    this.#reader = undefined;
    gone?.cut();
    return true;
  }

  /** Writes an event. @returns whether the connector gets it; a promise when it has to wait for the reader */
  write(json: string): boolean | Promise<boolean> {
    if (this.#isOver) return false;
    const number = ++this.#last;
    const isKept = this.#keep({ number, json });
    const reader = this.#reader;
    if (reader === undefined) {
      this.#connection.onEvent(isKept ? "written" : "dropped");
      return isKept;
    }
    const written = reader.write(json, `${this.token}_${number.toString(36)}`);
    if (typeof written === "boolean") {
      if (!written) this.#forget(number);
      return written;
    }
    return written.then((isWritten) => {
      if (isWritten) return true;
      // Its connection broke while it waited; it waits on for the next one.
      if (this.#reader !== reader && this.#kept.some((event) => event.number === number)) return true;
      this.#forget(number);
      return false;
    });
  }

  /** Writes the last event, if there is one, and ends the stream; it is kept for a while. */
  finish(json: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (json !== undefined) {
      const number = ++this.#last;
      if (this.#isKept) this.#kept.push({ number, json });
      this.#grow(json.length);
    }
    this.#reader?.finish(json, `${this.token}_${this.#last.toString(36)}`);
    if (this.#isKept) this.#shelf.finished(this);
  }

  /** The whole stream as text, when all of it is there before the first connection. */
  finishedText(json: string): string {
    this.finish(json);
    return this.opening + eventOf({ number: this.#last, json }, this.token);
  }

  /** Ends the stream without a last event; nobody can come back to it. */
  cut(): void {
    this.#isOver = true;
    this.#shelf.remove(this);
    this.#reader?.cut();
  }

  /** The shelf has no place for it any more, or its session is over. */
  discard(): void {
    this.#isKept = false;
    this.#kept.length = 0;
    this.#size = 0;
  }

  #keep(event: KeptEvent): boolean {
    const size = event.json.length;
    if (!this.#isKept || size > MAX_SIZE) return false;
    const isFull = () => this.#kept.length >= MAX_EVENTS || this.#size + size > MAX_SIZE + OWN_SIZE;
    // Who reads has seen the oldest; who is away must not find a gap.
    if (isFull() && this.#reader === undefined) return false;
    while (isFull()) this.#drop(0);
    if (!this.#shelf.hasRoom(size)) return false;
    this.#kept.push(event);
    this.#grow(size);
    return true;
  }

  #forget(number: number): void {
    const at = this.#kept.findIndex((event) => event.number === number);
    if (at !== -1) this.#drop(at);
  }

  #drop(at: number): void {
    const [event] = this.#kept.splice(at, 1);
    if (event !== undefined) this.#grow(-event.json.length);
  }

  #grow(size: number): void {
    if (!this.#isKept) return;
    this.#size += size;
    this.#shelf.grew(size);
  }
}

function eventOf({ number, json }: KeptEvent, token: string): string {
  return eventText(json, `${token}_${number.toString(36)}`);
}
