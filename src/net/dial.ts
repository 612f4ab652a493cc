/**
 * How a connection comes about. Whatever will stand between this client and a target (a proxy, a Unix socket, a client
 * certificate) is another {@link Dial}; nothing above it changes.
 */
import { type Failure, failureOfSocketError } from "./failure.ts";
import { NetError } from "./net_error.ts";

/** Where a connection leads. */
export interface Endpoint {
  /** TLS from the first byte on. */
  readonly secure: boolean;
  /** Name or address, an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** An open byte stream in both directions; what `Deno.Conn` is, and no more of it than is needed here. */
export interface Wire {
  /** Reads at least one byte; null at the end. Closing makes a read that waits fail. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/**
 * Opens a wire; TLS has been negotiated when the promise resolves.
 * @throws whatever the system says; aborting the signal makes it fail and leaves nothing open
 */
export type Dial = (endpoint: Endpoint, signal: AbortSignal) => Promise<Wire>;

const UNKNOWN_DIAL_FAILURE: Failure = { kind: "dial", detail: "could not connect" };

/** Connects straight to the endpoint. */
export const dialDirect: Dial = async (endpoint, signal) => {
  const { hostname, port } = endpoint;
  const connection = await Deno.connect({ hostname, port, signal });
  connection.setNoDelay(true);
  connection.setKeepAlive(true);
  if (!endpoint.secure) return connection;
  // Not `Deno.connectTls`, which takes no signal. Of a handshake that is given up, Deno (2.7 to 2.9) keeps the socket
  // until the peer says or closes something; only `node:tls` can end it, which checks certificates less exactly.
  let wire: Deno.Conn = connection;
  const close = () => closeWire(wire);
  signal.addEventListener("abort", close, { once: true });
  try {
    const secured = await Deno.startTls(connection, { hostname, alpnProtocols: ["http/1.1"] });
    wire = secured;
    signal.throwIfAborted();
    await secured.handshake();
    return secured;
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
};

/**
 * Dials within a time limit.
 * @throws {NetError} with `requestWritten` false when there is no connection
 * @throws the signal's `reason` when it was aborted
 */
export async function dialWithin(
  timeoutMs: number,
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
  dial: Dial,
): Promise<Wire> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(onAbort, timeoutMs);
  try {
    return await dial(endpoint, stop.signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (stop.signal.aborted) {
      throw new NetError("timeout", `no connection within ${timeoutMs} ms`, false, { cause: error });
    }
    const { kind, detail } = failureOfDial(error, endpoint);
    throw new NetError(kind, detail, false, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function failureOfDial(error: unknown, endpoint: Endpoint): Failure {
  if (endpoint.secure && error instanceof Deno.errors.UnexpectedEof) {
    return { kind: "eof", detail: "connection closed during the TLS handshake" };
  }
  return failureOfSocketError(error, UNKNOWN_DIAL_FAILURE);
}

/** Closes a wire that may be closed already. */
export function closeWire(wire: Wire): void {
  try {
    wire.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
