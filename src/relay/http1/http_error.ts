/** A request that breaks HTTP, or asks for what this server does not do. Its connection is closed behind the reply. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  /** @param status 4xx or 5xx */
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** The other side is gone, or gave no sign of life for too long; there is nobody to reply to. */
export class PeerGoneError extends Error {
  override readonly name = "PeerGoneError";
  constructor() {
    super("the peer closed the connection");
  }
}

/** True for what reads and writes throw on a connection that one side has closed. */
export function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.TimedOut || error instanceof Deno.errors.UnexpectedEof;
}
