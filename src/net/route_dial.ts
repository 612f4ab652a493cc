/** How the connections of a route come about, step by step. */
import {
  closeWire,
  connectTcp,
  connectUnix,
  type Dial,
  type Endpoint,
  peerOf,
  startTls,
  unlessAborted,
  type Wire,
} from "./dial.ts";
import { CLOSED_IN_HANDSHAKE, type Failure, failureOfSocketPath } from "./failure.ts";
import { NetError } from "./net_error.ts";
import type { NodeTls, Open } from "./node_tls.ts";
import type { Proxy } from "./proxy.ts";
import type { ClientCertificate } from "./route.ts";
import { connectSocks5 } from "./socks5.ts";
import { type Peer, type Step, step } from "./step.ts";
import { openTunnel, proxyPeer } from "./tunnel.ts";

/** What all steps of a route share. */
export interface RouteDialOptions {
  /** Roots that are trusted besides those of the process. */
  readonly caPem: string | undefined;
  readonly connectMs: number;
  readonly handshakeMs: number;
  /** `User-Agent` for proxies. */
  readonly userAgent: string;
}

/** Dials of one route. Client certificates are only ever shown to targets, never to a proxy (TL-6). */
export class RouteDialer {
  readonly #options: RouteDialOptions;
  readonly #plainTls: LazyNodeTls;

  constructor(options: RouteDialOptions) {
    this.#options = options;
    this.#plainTls = lazyNodeTls(options.caPem, undefined);
  }

  /** Straight to the target. */
  direct(certificate: ClientCertificate | undefined): Dial {
    return this.#targetDial((endpoint, peer) => (signal) => this.#tcp(endpoint, peer, signal), certificate, {
      isDirect: true,
    });
  }

  /** To a socket, whatever the endpoint says (CFG-64). */
  unix(path: string, certificate: ClientCertificate | undefined): Dial {
    const peer: Peer = { shown: `Unix socket ${path}`, role: "target" };
    const open: Open = (signal) => this.#unix(path, peer, signal);
    return this.#targetDial(() => open, certificate);
  }

  /** To the proxy itself, which gets requests in absolute form. */
  forward(proxy: Proxy): Dial {
    return (_endpoint, signal) => this.toProxy(proxy, signal);
  }

  /** Through the proxy to the target: CONNECT or SOCKS. The target's name is the proxy's to resolve. */
  through(proxy: Proxy, certificate: ClientCertificate | undefined): Dial {
    return this.#targetDial((endpoint) => (signal) => this.#tunnel(proxy, endpoint, signal), certificate);
  }

  /** Opens a connection to a proxy, TLS included where it is an https one. */
  async toProxy(proxy: Proxy, signal: AbortSignal): Promise<Wire> {
    return await this.secureToProxy(await this.tcpToProxy(proxy, signal), proxy, signal);
  }

  /** First step to a proxy. */
  tcpToProxy(proxy: Proxy, signal: AbortSignal): Promise<Deno.TcpConn> {
    return this.#tcp(proxy, proxyRole(proxy), signal);
  }

  /** Second step: TLS, where it is an https proxy. */
  async secureToProxy(connection: Deno.TcpConn, proxy: Proxy, signal: AbortSignal): Promise<Wire> {
    if (proxy.scheme !== "https") return connection;
    return await this.#startTls(connection, proxy.hostname, proxyRole(proxy), signal);
  }

  /** Last step: has the proxy connect to the target. Closes the wire when it does not. */
  async askProxy(wire: Wire, proxy: Proxy, endpoint: Address, signal: AbortSignal): Promise<void> {
    const limit = {
      peer: proxyRole(proxy),
      limitMs: this.#options.handshakeMs,
      awaited: "no answer to a request to connect",
    };
    const close = () => closeWire(wire);
    try {
      await step(limit, signal, async (stop) => {
        stop.addEventListener("abort", close, { once: true });
        try {
          if (proxy.scheme.startsWith("socks")) await connectSocks5(wire, endpoint, proxy);
          else await openTunnel(wire, addressOf(endpoint), { proxy, userAgent: this.#options.userAgent });
        } finally {
          stop.removeEventListener("abort", close);
        }
      });
    } catch (error) {
      close();
      throw error;
    }
  }

  /** @param way opens what lies below the target's TLS */
  #targetDial(
    way: (endpoint: Endpoint, peer: Peer) => Open,
    certificate: ClientCertificate | undefined,
    { isDirect = false } = {},
  ): Dial {
    const nodeTls = certificate === undefined
      ? this.#plainTls
      : lazyNodeTls(this.#options.caPem, certificate);
    return async (endpoint, signal) => {
      const { hostname } = endpoint;
      const peer: Peer = { shown: peerOf(endpoint), role: "target" };
      const open = way(endpoint, peer);
      if (certificate !== undefined && isDirect && endpoint.secure && !(await nodeTls()).isUsable) {
        return await this.#connectTls(endpoint, certificate, peer, signal);
      }
      const wire = await open(signal);
      if (!endpoint.secure) return wire;
      if (certificate === undefined && isTcp(wire)) return await this.#startTls(wire, hostname, peer, signal);
      const { isUsable, speaker } = await nodeTls();
      if (!isUsable) {
        closeWire(wire);
        throw new NetError("tls", NEEDS_NEWER_DENO, false, { peer: peer.shown });
      }
      return await speaker.secure(firstOf(wire, open), { hostname, step: this.#handshakeOf(peer) }, signal);
    };
  }

  #tcp(to: Address, peer: Peer, signal: AbortSignal): Promise<Deno.TcpConn> {
    const limit = { peer, limitMs: this.#options.connectMs, awaited: "no connection" };
    return step(limit, signal, (stop) => connectTcp(to, stop));
  }

  #unix(path: string, peer: Peer, signal: AbortSignal): Promise<Wire> {
    const limit = {
      peer,
      limitMs: this.#options.connectMs,
      awaited: "no connection",
      classify: failureOfSocketPath,
    };
    return step(limit, signal, (stop) => connectUnix(path, stop));
  }

  async #startTls(wire: Deno.TcpConn, hostname: string, peer: Peer, signal: AbortSignal): Promise<Wire> {
    const { caPem } = this.#options;
    try {
      return await step(this.#handshakeOf(peer), signal, (stop) => startTls(wire, hostname, caPem, stop));
    } catch (error) {
      closeWire(wire); // it has not even begun when the signal was aborted in between
      throw error;
    }
  }

  /** For Deno before 2.9, whose `node:tls` shows no certificate; Nagle's algorithm cannot be switched off there. */
  #connectTls(
    { hostname, port }: Endpoint,
    { certPem, keyPem }: ClientCertificate,
    peer: Peer,
    signal: AbortSignal,
  ): Promise<Wire> {
    const { caPem } = this.#options;
    const caCerts = caPem === undefined ? undefined : [caPem];
    const tls = { caCerts, cert: certPem, key: keyPem, alpnProtocols: ["http/1.1"] };
    return step(this.#handshakeOf(peer), signal, async (stop) => {
      const connecting = Deno.connectTls({ hostname, port, ...tls });
      const shaken = connecting.then(async (wire) => {
        try {
          await wire.handshake();
          return wire;
        } catch (error) {
          closeWire(wire);
          throw error;
        }
      });
      return await unlessAborted(shaken, stop);
    });
  }

  async #tunnel(proxy: Proxy, endpoint: Endpoint, signal: AbortSignal): Promise<Wire> {
    const wire = await this.toProxy(proxy, signal);
    await this.askProxy(wire, proxy, endpoint, signal);
    return wire;
  }

  #handshakeOf(peer: Peer): Step {
    return {
      peer,
      limitMs: this.#options.handshakeMs,
      awaited: "no TLS handshake",
      classify: failureOfHandshake,
    };
  }
}

const NEEDS_NEWER_DENO =
  "TLS inside a TLS connection, on a Unix socket, or with a client certificate inside a proxy's tunnel needs Deno 2.9";

/** `node:tls` as one certificate speaks it; loaded for the first connection that needs it. */
type LazyNodeTls = () => Promise<{ readonly isUsable: boolean; readonly speaker: NodeTls }>;

function lazyNodeTls(caPem: string | undefined, certificate: ClientCertificate | undefined): LazyNodeTls {
  let loaded: ReturnType<LazyNodeTls> | undefined;
  const load = async () => {
    const { hasNodeTls, NodeTls } = await import("./node_tls.ts");
    return { isUsable: hasNodeTls, speaker: new NodeTls(caPem, certificate) };
  };
  return () => loaded ??= load();
}

function failureOfHandshake(error: unknown): Failure | undefined {
  // `node:tls` gives an ordinary end the code of a reset.
  const ended = error instanceof Deno.errors.UnexpectedEof ||
    (error instanceof Error && error.message.includes("disconnected before secure TLS connection"));
  return ended ? CLOSED_IN_HANDSHAKE : undefined;
}

/** Where a connection ends. */
type Address = Pick<Endpoint, "hostname" | "port">;

function proxyRole(proxy: Proxy): Peer {
  return { shown: proxyPeer(proxy), role: "proxy" };
}

function isTcp(wire: Wire): wire is Deno.TcpConn {
  return "setNoDelay" in wire;
}

/** Gives out a wire that is open already, and opens more of its kind afterwards. */
function firstOf(wire: Wire, open: Open): Open {
  let first: Wire | undefined = wire;
  return (signal) => {
    const given = first;
    first = undefined;
    return given === undefined ? open(signal) : Promise.resolve(given);
  };
}

/** `host:port` for a request line. */
function addressOf({ hostname, port }: Address): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
