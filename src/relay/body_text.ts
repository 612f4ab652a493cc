import { HttpError, PeerGoneError } from "./http1/http_error.ts";
import { BodyEncodingError, type HttpRequest } from "./http1/http_request.ts";
import { BodyTooLongError } from "./http1/request_body.ts";
import { RelayError } from "./relay_error.ts";

/**
 * Reads a request body as UTF-8, without ever holding more than the limit.
 * @param limitBytes longest body that is taken
 * @throws {RelayError} 413 above the limit; 400 for bytes that are no UTF-8, a malformed or a broken off body
 */
export async function bodyText(request: HttpRequest, limitBytes: number): Promise<string> {
  try {
    return await request.text(limitBytes);
  } catch (error) {
    throw bodyError(error);
  }
}

/** What a caller is told whose body could not be read; anything else is given back as it is. */
export function bodyError(error: unknown): unknown {
  if (error instanceof BodyTooLongError) {
    return new RelayError("request_body_too_large", `The body is longer than ${error.limitBytes} bytes.`);
  }
  if (error instanceof BodyEncodingError) {
    return new RelayError("invalid_json_payload", "The body is not valid UTF-8.");
  }
  if (error instanceof PeerGoneError) return new RelayError("invalid_json_payload", "The body broke off.");
  if (error instanceof HttpError) {
    return new RelayError("malformed_request", error.message, { status: error.status });
  }
  return error;
}
