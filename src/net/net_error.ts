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

/** An exchange failed before, or while, its response was read. */
export class NetError extends Error {
  override readonly name = "NetError";
  /**
   * @param kind published failure word
   * @param detail short text for the operator, e.g. `certificate expired`; never a URL beyond its origin, never a payload
   * @param requestWritten false only when it is certain that no byte of the request had left (P-132)
   * @param options the original error as `cause`
   */
  constructor(
    readonly kind: NetErrorKind,
    readonly detail: string,
    readonly requestWritten: boolean,
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }
}
