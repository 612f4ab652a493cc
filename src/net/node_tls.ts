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
    const { hostname } = who;
    // Handing over all roots costs 25 ms per connection, so the route's own ones are tried alone first.
    if (this.#caPem !== undefined && !this.#elsewhereSigned.has(hostname)) {
      try {
        return new StreamWire(await this.#handshake(open, who, this.#trusting([this.#caPem]), signal));
      } catch (error) {
        if (!isUntrusted(error)) throw error;
      }
    }
    const roots = this.#caPem === undefined ? undefined : [...tls.getCACertificates("default"), this.#caPem];
    try {
      const wire = new StreamWire(await this.#handshake(open, who, this.#trusting(roots), signal));
      this.#elsewhereSigned.add(hostname);
      return wire;
    } catch (error) {
      if (!isUntrusted(error)) throw error;
      const seen = await this.#look(open, who, signal);
      if (seen === undefined) throw error;
      const { kind, detail, reason } = seen;
      throw new NetError(kind, detail, false, { cause: error, reason, peer: who.step.peer.shown });
    }
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
    return await step(who.step, signal, (stop) => handshake(stream, who.hostname, trust, stop));
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
    stream.destroy();
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
