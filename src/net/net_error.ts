/**
 * What went wrong below HTTP. The words are the published `transport_error_kind` values (P-122), so that a
 * failure keeps its real cause all the way to the connector (P-124).
 */
export type NetErrorKind =
  | "dns"
  | "tls"
  | "timeout"
  | "connection_refused"
  | "network_unreachable"
  | "host_unreachable"
  | "dial"
  | "connection_reset"
  | "connection_aborted"
  | "connection_closed"
  | "closed_pipe"
  | "eof"
  | "unexpected_eof"
  | "unknown";

/** The same for the operator, finer: what he has to look at. Each has a next step in {@link nextStepOf}. */
export type NetErrorReason =
  | "dns"
  | "refused"
  | "unreachable"
  | "timeout"
  | "reset"
  | "closed"
  | "socket-missing"
  | "socket-denied"
  | "sandbox"
  | "tls-expired"
  | "tls-not-yet-valid"
  | "tls-wrong-host"
  | "tls-unknown-authority"
  | "tls-client-certificate-required"
  | "tls-client-certificate-refused"
  | "tls-protocol"
  | "tls-other"
  | "proxy-unreachable"
  | "proxy-auth"
  | "proxy-refused"
  | "proxy-protocol"
  | "other";

/** Where a failure arose, beside its words. */
export interface NetErrorOptions extends ErrorOptions {
  /** @default what the kind says */
  readonly reason?: NetErrorReason;
  /** Who failed: an origin, a proxy or a socket, e.g. `proxy http://proxy.example:3128`; never user info or a path of a URL. */
  readonly peer?: string;
  /** Status that a proxy refused with. */
  readonly proxyStatus?: number;
}

const REASON_OF_KIND: Readonly<Record<NetErrorKind, NetErrorReason>> = {
  dns: "dns",
  tls: "tls-other",
  timeout: "timeout",
  connection_refused: "refused",
  network_unreachable: "unreachable",
  host_unreachable: "unreachable",
  dial: "other",
  connection_reset: "reset",
  connection_aborted: "reset",
  connection_closed: "closed",
  closed_pipe: "closed",
  eof: "closed",
  unexpected_eof: "closed",
  unknown: "other",
};

/** Empty where nothing better can be said than what failed. */
const NEXT_STEPS: Readonly<Record<NetErrorReason, string>> = {
  "dns": "check the host name and the name servers of this machine",
  "refused": "check that it runs and listens on this port",
  "unreachable": "check routes and firewalls, or configure a proxy",
  "timeout": "check that it runs and that no firewall drops the connection",
  "reset": "check what stands between, and the peer's own log",
  "closed": "check the peer's own log",
  "socket-missing": "start the server that owns the socket, or correct the path",
  "socket-denied": "give this user the right to write to the socket",
  "sandbox": "add the host to the profile, or see `tunnel-client permissions`",
  "tls-expired": "renew the peer's certificate, or set this machine's clock",
  "tls-not-yet-valid": "set this machine's clock, or replace the peer's certificate",
  "tls-wrong-host": "use a host name that the peer's certificate is for",
  "tls-unknown-authority": "add the authority that signed it to ca-bundle",
  "tls-client-certificate-required": "configure client-cert and client-key for it",
  "tls-client-certificate-refused": "use a client certificate that the peer's authority has signed",
  "tls-protocol": "check scheme and port of the URL, and that the peer offers TLS 1.2 or 1.3 and HTTP/1.1",
  "tls-other": "",
  "proxy-unreachable": "check the proxy's address, and that it runs",
  "proxy-auth": "put user and password that it accepts into the proxy URL",
  "proxy-refused": "ask who runs the proxy to allow this host and port",
  "proxy-protocol": "check that the proxy's scheme and port are right",
  "other": "",
};

/** What an operator can do about a failure; empty when nothing general can be said. */
export function nextStepOf(reason: NetErrorReason): string {
  return NEXT_STEPS[reason];
}

/** An exchange failed before, or while, its response was read. */
export class NetError extends Error {
  override readonly name = "NetError";
  readonly reason: NetErrorReason;
  /** Status that a proxy refused with; undefined when no proxy did. */
  readonly proxyStatus: number | undefined;
  #peer: string;

  /**
   * @param kind published failure word
   * @param detail short text for the operator, e.g. `certificate expired`; never a URL beyond its origin, never a payload
   * @param requestWritten false only when it is certain that no byte of the request had left (P-132)
   * @param options the original error as `cause`, and where it arose
   */
  constructor(
    readonly kind: NetErrorKind,
    readonly detail: string,
    readonly requestWritten: boolean,
    { reason = REASON_OF_KIND[kind], peer = "", proxyStatus, ...options }: NetErrorOptions = {},
  ) {
    super(detail, options);
    this.reason = reason;
    this.proxyStatus = proxyStatus;
    this.#peer = peer;
  }

  /** Who failed; empty when that is not known. */
  get peer(): string {
    return this.#peer;
  }

  /** Says who failed, where nobody closer to it has. */
  at(peer: string): this {
    if (this.#peer === "") this.#peer = peer;
    return this;
  }

  /** Who failed, how, and what to do: `https://mcp.example: certificate expired; renew …`. */
  get explanation(): string {
    const nextStep = NEXT_STEPS[this.reason];
    return (this.#peer === "" ? "" : `${this.#peer}: `) + this.detail +
      (nextStep === "" ? "" : `; ${nextStep}`);
  }
}
