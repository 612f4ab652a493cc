/**
 * How a connection comes about. Whatever will stand between this client and a target (a proxy, a Unix socket, a client
 * certificate) is another {@link Dial}; nothing above it changes.
 */
import { CLOSED_IN_HANDSHAKE, type Failure, failureOfSocketError } from "./failure.ts";
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
export const dialDirect: Dial = dialDirectTrusting(undefined);

/** Makes a dial that connects straight to the endpoint. @param caPem roots that are trusted besides those of the process */
export function dialDirectTrusting(caPem: string | undefined): Dial {
  return async (endpoint, signal) => {
    const connection = await connectTcp(endpoint, signal);
    return endpoint.secure ? await startTls(connection, endpoint.hostname, caPem, signal) : connection;
  };
}

/** Opens a TCP connection. */
export async function connectTcp(
  { hostname, port }: Pick<Endpoint, "hostname" | "port">,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  signal.throwIfAborted();
  const cancel = new AbortController();
  // `Deno.connect` (2.7 to 2.9) asks the signal once more when the connection is there, and when it was aborted in the same
  // turn of the event loop it throws and leaves the connection open for ever. So it is not told.
  Object.defineProperty(cancel.signal, "throwIfAborted", { value: () => {} });
  const onAbort = () => cancel.abort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const connection = await Deno.connect({ hostname, port, signal: cancel.signal });
    if (signal.aborted) closeWire(connection);
    signal.throwIfAborted();
    connection.setNoDelay(true);
    connection.setKeepAlive(true);
    return connection;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Opens a connection to a Unix socket. */
export async function connectUnix(path: string, signal: AbortSignal): Promise<Wire> {
  return await unlessAborted(Deno.connect({ transport: "unix", path }), signal);
}

/** Waits for a wire whose opening takes no signal; one that comes too late is closed. */
export async function unlessAborted<T extends Wire>(opening: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => {
    reject(signal.reason);
    opening.then(closeWire, () => {}); // nobody waits for it any more
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([opening, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Speaks TLS on a connection from here on, or closes it. @param hostname who the peer has to be */
export async function startTls(
  connection: Deno.TcpConn,
  hostname: string,
  caPem: string | undefined,
  signal: AbortSignal,
): Promise<Deno.TlsConn> {
  // Not `Deno.connectTls`, which takes no signal. Of a handshake that is given up, Deno (2.7 to 2.9) keeps the socket
  // until the peer says or closes something; only `node:tls` can end it, which checks certificates less exactly.
  let wire: Deno.Conn = connection;
  const close = () => closeWire(wire);
  signal.addEventListener("abort", close, { once: true });
  try {
    const caCerts = caPem === undefined ? undefined : [caPem];
    const secured = await Deno.startTls(connection, { hostname, caCerts, alpnProtocols: ["http/1.1"] });
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
}

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
    const peer = peerOf(endpoint);
    if (error instanceof NetError) throw error.at(peer);
    if (stop.signal.aborted) {
      throw new NetError("timeout", `no connection within ${timeoutMs} ms`, false, { cause: error, peer });
    }
    const { kind, detail, reason } = failureOfDial(error, endpoint);
    throw new NetError(kind, detail, false, { cause: error, reason, peer });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function failureOfDial(error: unknown, endpoint: Endpoint): Failure {
  if (endpoint.secure && error instanceof Deno.errors.UnexpectedEof) return CLOSED_IN_HANDSHAKE;
  return failureOfSocketError(error, UNKNOWN_DIAL_FAILURE);
}

/** An endpoint as it is shown: `https://host:port`, without the scheme's own port. */
export function peerOf({ secure, hostname, port }: Endpoint): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${secure ? "https" : "http"}://${host}${port === (secure ? 443 : 80) ? "" : `:${port}`}`;
}

/** Closes a wire that may be closed already. */
export function closeWire(wire: Wire): void {
  try {
    wire.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
