/**
 * TLS where `Deno.startTls` cannot go: on a Unix socket, inside another TLS connection, and with a client certificate
 * on a connection that stands already. `node:tls` verifies as strictly, but says less of a certificate that it refuses.
 */
import { isIP, type Socket } from "node:net";
import tls from "node:tls";
import type { Wire } from "./dial.ts";
import { CERTIFICATE_EXPIRED, CERTIFICATE_NOT_VALID_YET, type Failure } from "./failure.ts";
import { NetError } from "./net_error.ts";
import type { ClientCertificate } from "./route.ts";
import { type Step, step } from "./step.ts";
import { StreamWire, WireStream } from "./wire_stream.ts";

/** Opens the wire that TLS is going to be spoken on; called again when a certificate has to be looked at. */
export type Open = (signal: AbortSignal) => Promise<Wire>;

/**
 * Whether this Deno's `node:tls` can be used here. Before 2.9 it shows no client certificate on such connections, and
 * closing one leaves a rejection behind that nobody can catch.
 */
export const hasNodeTls = "getCACertificates" in tls;

/** What a handshake trusts and shows. */
interface Trust {
  readonly context: tls.SecureContext;
  readonly rejectUnauthorized: boolean;
}

/** Who has to be there, and how its handshakes are bounded and blamed. */
export interface Handshake {
  readonly hostname: string;
  readonly step: Step;
}

/** Speaks TLS for one route: its roots, its client certificate. */
export class NodeTls {
  readonly #caPem: string | undefined;
  readonly #clientCertificate: ClientCertificate | undefined;
  /** Hosts whose certificates were not signed by the route's own roots. */
  readonly #elsewhereSigned = new Set<string>();

  /** @param caPem roots that are trusted besides those of the process */
  constructor(caPem: string | undefined, clientCertificate: ClientCertificate | undefined) {
    this.#caPem = caPem;
    this.#clientCertificate = clientCertificate;
  }

  /**
   * Opens a wire and speaks TLS on it.
   * @param who who the peer has to be, and how long each handshake may take
   * @throws {NetError} when the peer is not trusted, with the reason
   */
  async secure(open: Open, who: Handshake, signal: AbortSignal): Promise<Wire> {
    let refused: unknown;
    for (const roots of this.#rootsInTurn(who.hostname)) {
      try {
        const wire = new StreamWire(await this.#handshake(open, who, this.#trusting(roots), signal));
        if (roots === undefined) this.#elsewhereSigned.add(who.hostname);
        else this.#elsewhereSigned.delete(who.hostname);
        return wire;
      } catch (error) {
        if (!isUntrusted(error)) throw error;
        refused = error;
      }
    }
    const seen = await this.#look(open, who, signal);
    if (seen === undefined) throw refused;
    const { kind, detail, reason } = seen;
    throw new NetError(kind, detail, false, { cause: refused, reason, peer: who.step.peer.shown });
  }

  /**
   * The roots to try, those that fitted last time first; undefined stands for those of the process. They are not joined:
   * a sandboxed thread has no right to the latter as text, and parsing them again costs 25 ms per connection. A chain
   * ends in one root, so trusting one or the other is trusting both.
   */
  #rootsInTurn(hostname: string): readonly (string[] | undefined)[] {
    if (this.#caPem === undefined) return [undefined];
    const own = [this.#caPem];
    return this.#elsewhereSigned.has(hostname) ? [undefined, own] : [own, undefined];
  }

  #trusting(roots: string[] | undefined): Trust {
    const context = tls.createSecureContext({
      ca: roots,
      cert: this.#clientCertificate?.certPem,
      key: this.#clientCertificate?.keyPem,
    });
    return { context, rejectUnauthorized: true };
  }

  /**
   * Why a certificate was refused: asks for it once more, without showing one and without sending anything.
   * @returns undefined when its dates are right
   */
  async #look(open: Open, who: Handshake, signal: AbortSignal): Promise<Failure | undefined> {
    const trust = { context: tls.createSecureContext(), rejectUnauthorized: false };
    let socket: tls.TLSSocket;
    try {
      socket = await this.#handshake(open, who, trust, signal);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      return undefined; // what is known already has to do
    }
    const failure = failureOfDates(socket.getPeerCertificate(true));
    socket.destroy();
    return failure;
  }

  async #handshake(open: Open, who: Handshake, trust: Trust, signal: AbortSignal): Promise<tls.TLSSocket> {
    const stream = new WireStream(await open(signal));
    try {
      return await step(who.step, signal, (stop) => handshake(stream, who.hostname, trust, stop));
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }
}

async function handshake(
  stream: WireStream,
  hostname: string,
  { context, rejectUnauthorized }: Trust,
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<tls.TLSSocket>();
  const socket = tls.connect({
    // Any duplex stream does; the types want a socket.
    socket: stream as unknown as Socket,
    host: hostname,
    servername: isIP(hostname) === 0 ? hostname : undefined,
    ALPNProtocols: ["http/1.1"],
    secureContext: context,
    rejectUnauthorized,
  });
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.on("error", reject);
  socket.on("close", () => reject(new Deno.errors.UnexpectedEof("closed during the TLS handshake")));
  socket.once("secureConnect", () => {
    if (rejectUnauthorized && !socket.authorized) reject(new Deno.errors.InvalidData("UnknownIssuer"));
    else resolve(socket);
  });
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** These codes stand for every doubt about a certificate, its dates included. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

function isUntrusted(error: unknown): boolean {
  const cause = error instanceof NetError ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" &&
    UNTRUSTED.has(cause.code);
}

/** Looks at the dates of a certificate and of those that came with it. */
function failureOfDates(leaf: tls.DetailedPeerCertificate): Failure | undefined {
  const seen = new Set<tls.DetailedPeerCertificate>();
  const now = Date.now();
  for (let certificate = leaf; certificate?.valid_to !== undefined && !seen.has(certificate);) {
    seen.add(certificate);
    if (Date.parse(certificate.valid_to) < now) return CERTIFICATE_EXPIRED;
    if (Date.parse(certificate.valid_from) > now) return CERTIFICATE_NOT_VALID_YET;
    certificate = certificate.issuerCertificate;
  }
  return undefined;
}
