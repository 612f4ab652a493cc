/**
 * The one shape in which every outgoing HTTP exchange is made, whatever stands behind it.
 *
 * Header lists are raw pairs in wire order, so repeated fields (`WWW-Authenticate`) stay apart, which the
 * Fetch standard's `Headers` cannot promise (P-188). Bodies are bytes; nobody decodes what nobody reads.
 */

/** Header fields in wire order; a name may occur more than once, in any letter case. Values are text, sent as UTF-8. */
export type HeaderPairs = ReadonlyArray<readonly [name: string, value: string]>;

/** One outgoing request. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute `http:` or `https:` URL. */
  readonly url: string;
  readonly headers: HeaderPairs;
  /** Whole body; a string is sent as UTF-8. Absent means no body. */
  readonly body?: string | Uint8Array;
  /** Aborting it closes the exchange at any moment, also while the body is read; its `reason` is what is thrown. */
  readonly signal?: AbortSignal;
}

/** A response whose head has arrived and whose body has not been read yet. */
export interface HttpResponse {
  /** HTTP status code, 200–599 (interim 1xx answers are skipped). */
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly body: HttpBody;
}

/** A body that is read once, or cancelled. One of the two must happen, or the connection is not reused (P-192). */
export interface HttpBody {
  /**
   * Reads the whole body.
   * @param limitBytes more than this many bytes is refused
   * @throws {BodyTooLargeError} when the body is longer than the limit
   * @throws {NetError} when the body breaks off
   */
  bytes(limitBytes?: number): Promise<Uint8Array>;
  /** Reads the whole body as UTF-8; same limits and errors as {@link HttpBody.bytes}. */
  text(limitBytes?: number): Promise<string>;
  /** The body piece by piece, as it arrives. Ending the loop early cancels the rest. */
  chunks(): AsyncIterableIterator<Uint8Array>;
  /** Gives up what has not been read. Never throws, may be called at any time, more than once. */
  cancel(): void;
}

/** Something that makes HTTP exchanges. */
export interface HttpClient {
  /**
   * Sends one request and resolves when the response head has arrived. Redirects are never followed.
   * @throws {NetError} when no response head arrived
   * @throws the signal's `reason` when it was aborted
   */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Closes idle connections; running exchanges end by their own signals. */
  close(): void;
}

/** A body was longer than its reader allowed. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
  constructor(readonly limitBytes: number) {
    super(`body is larger than ${limitBytes} bytes`);
  }
}
