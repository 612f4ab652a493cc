import { RelayError } from "./relay_error.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a request body as UTF-8, without ever holding more than the limit.
 * @param limitBytes longest body that is taken
 * @throws {RelayError} 413 above the limit; 400 for bytes that are no UTF-8 or a body that broke off
 */
export async function bodyText(request: Request, limitBytes: number): Promise<string> {
  const bytes = await bodyBytes(request, limitBytes);
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new RelayError("invalid_json_payload", "The body is not valid UTF-8.");
  }
}

async function bodyBytes(request: Request, limitBytes: number): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > limitBytes) throw tooLarge(limitBytes);
  try {
    // With a Content-Length the server itself takes no more than announced.
    return announced !== null ? await request.bytes() : await limitedBytes(request, limitBytes);
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Http)) throw error;
    throw new RelayError("invalid_json_payload", "The body broke off.");
  }
}

async function limitedBytes(request: Request, limitBytes: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.length;
    if (length > limitBytes) throw tooLarge(limitBytes);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function tooLarge(limitBytes: number): RelayError {
  return new RelayError("request_body_too_large", `The body is longer than ${limitBytes} bytes.`);
}
