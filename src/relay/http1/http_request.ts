import type { HeaderFields } from "./header_fields.ts";
import type { RequestBody } from "./request_body.ts";
import type { RequestHead } from "./request_head.ts";

/** Body bytes that are no UTF-8. */
export class BodyEncodingError extends Error {
  override readonly name = "BodyEncodingError";
  constructor() {
    super("the body is not valid UTF-8");
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** What a request needs of its connection. */
export interface RequestSource {
  /** Tells the client to go on, if it waits for that. */
  sendContinue(): Promise<void>;
  /** The body has been read: from now on bytes, or the end, can only mean what comes behind this request. */
  watch(): void;
}

/** One request; its body is still on its way. */
export class HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Host and port that the client believes to speak to. */
  readonly authority: string;
  readonly headers: HeaderFields;
  readonly #body: RequestBody;
  readonly #source: RequestSource;
  readonly #expectsContinue: boolean;
  #onHangUp: (() => void) | undefined;
  #hungUp = false;

  constructor(head: RequestHead, body: RequestBody, source: RequestSource) {
    this.method = head.method;
    this.path = head.path;
    this.query = head.query;
    this.authority = head.authority;
    this.headers = head.headers;
    this.#body = body;
    this.#source = source;
    this.#expectsContinue = head.expectsContinue;
  }

  /** True when the caller has closed the connection before its reply was complete. */
  get hungUp(): boolean {
    return this.#hungUp;
  }

  /**
   * Reads the whole body as text. May be called once.
   * @param limitBytes longest body that is taken
   * @throws {BodyTooLongError} above the limit
   * @throws {BodyEncodingError} for bytes that are no UTF-8
   * @throws {PeerGoneError} when the caller goes before its end
   * @throws {HttpError} for malformed chunks
   */
  async text(limitBytes: number): Promise<string> {
    const bytes = this.#body.takeBuffered(limitBytes) ?? await this.#awaitBody(limitBytes);
    const text = decoded(bytes);
    this.#source.watch();
    return text;
  }

  /**
   * Reads over a body that means nothing, so that a hang-up can be noticed.
   * @throws {BodyTooLongError} above the limit
   * @throws {PeerGoneError} when the caller goes before its end
   * @throws {HttpError} for malformed chunks
   */
  async skipBody(limitBytes: number): Promise<void> {
    if (this.#body.isRead) return;
    if (this.#body.takeBuffered(limitBytes) === undefined) await this.#awaitBody(limitBytes);
    this.#source.watch();
  }

  async #awaitBody(limitBytes: number): Promise<Uint8Array> {
    const isTooLong = Number.isFinite(this.#body.unreadBytes) && this.#body.unreadBytes > limitBytes;
    if (this.#expectsContinue && !isTooLong) await this.#source.sendContinue();
    return await this.#body.bytes(limitBytes);
  }

  /** Registers who is told when the caller hangs up before the reply is complete; at once if that has happened. */
  onHangUp(listener: () => void): void {
    if (this.#hungUp) listener();
    else this.#onHangUp = listener;
  }

  /** The connection says that the caller is gone. */
  hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.#onHangUp?.();
  }
}

function decoded(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new BodyEncodingError();
    throw error;
  }
}
