/** Words for what goes wrong below HTTP, from error codes and, where the runtime gives none, from its texts. */
import type { NetErrorKind } from "./net_error.ts";

/** One classified failure: the published word and the operator's phrase. */
export interface Failure {
  readonly kind: NetErrorKind;
  readonly detail: string;
}

const CLOSED_HERE: Failure = { kind: "connection_closed", detail: "connection was closed on this side" };

const BY_CODE: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: { kind: "connection_refused", detail: "connection refused" },
  ENETUNREACH: { kind: "network_unreachable", detail: "network is unreachable" },
  EHOSTUNREACH: { kind: "host_unreachable", detail: "no route to host" },
  ETIMEDOUT: { kind: "timeout", detail: "connection timed out" },
  ECONNRESET: { kind: "connection_reset", detail: "connection reset by peer" },
  ECONNABORTED: { kind: "connection_aborted", detail: "connection aborted" },
  EPIPE: { kind: "closed_pipe", detail: "peer no longer reads" },
  ENOTFOUND: { kind: "dns", detail: "host name not found" },
  EAI_AGAIN: { kind: "dns", detail: "host name lookup failed for now" },
};

/**
 * First match wins, so precise texts stand before general ones. The phrases are those of the system and of the TLS
 * library behind `fetch`, `Deno.connect` and `Deno.startTls`; the tests hold each that can be produced on one machine.
 */
const BY_TEXT: ReadonlyArray<readonly [RegExp, Failure]> = [
  [/temporary failure in name resolution/i, { kind: "dns", detail: "host name lookup failed for now" }],
  [/dns error|failed to lookup address/i, { kind: "dns", detail: "host name not found" }],
  [/certificate (has )?expired|invalid peer certificate: Expired/i, {
    kind: "tls",
    detail: "certificate expired",
  }],
  [/not valid yet|NotValidYet/i, { kind: "tls", detail: "certificate not valid yet" }],
  [/not valid for name|NotValidForName/i, { kind: "tls", detail: "wrong host name in certificate" }],
  [/UnknownIssuer/i, { kind: "tls", detail: "certificate of unknown authority" }],
  [/CaUsedAsEndEntity/i, { kind: "tls", detail: "self-signed certificate of unknown authority" }],
  [/invalid peer certificate: Revoked/i, { kind: "tls", detail: "certificate revoked" }],
  [/peer certificate/i, { kind: "tls", detail: "invalid certificate" }],
  [/CertificateRequired/i, { kind: "tls", detail: "peer requires a client certificate" }],
  [/received fatal alert: ProtocolVersion|peer is incompatible/i, {
    kind: "tls",
    detail: "no TLS version or cipher in common",
  }],
  [/received fatal alert/i, { kind: "tls", detail: "peer refused the TLS handshake" }],
  [/corrupt message|InvalidContentType/i, { kind: "tls", detail: "peer does not speak TLS" }],
  [/tls handshake eof/i, { kind: "eof", detail: "connection closed during the TLS handshake" }],
  [/proxy authentication required/i, { kind: "dial", detail: "proxy wants other credentials" }],
  [/eof while tunneling/i, { kind: "eof", detail: "proxy closed the connection" }],
  [/unsuccessful tunnel/i, { kind: "dial", detail: "proxy refused to connect" }],
  [/connection refused|actively refused/i, BY_CODE.ECONNREFUSED],
  [/network is unreachable|unreachable network/i, BY_CODE.ENETUNREACH],
  [/no route to host|unreachable host/i, BY_CODE.EHOSTUNREACH],
  [/timed out/i, BY_CODE.ETIMEDOUT],
  [/connection reset|forcibly closed/i, BY_CODE.ECONNRESET],
  [/connection aborted/i, BY_CODE.ECONNABORTED],
  [/broken pipe/i, BY_CODE.EPIPE],
  [/connection closed before message completed/i, {
    kind: "eof",
    detail: "connection closed without an answer",
  }],
  [/tls|rustls/i, { kind: "tls", detail: "TLS failed" }],
];

/** Classifies the text of a failure; undefined when no phrase of it is known. The text must be free of URLs. */
export function failureOfText(text: string): Failure | undefined {
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1];
}

/** A refused permission as a failure that names the host; undefined for any other error. */
export function failureOfPermission(error: unknown): Failure | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  const host = /net access to "([^"]*)"/.exec(error.message)?.[1] ?? "this host";
  return { kind: "dial", detail: `the sandbox of this profile does not allow ${host}` };
}

/**
 * Classifies what a socket operation threw: by permission, code, class, then text.
 * @param fallback what it is when nothing about it is known
 */
export function failureOfSocketError(error: unknown, fallback: Failure): Failure {
  if (!(error instanceof Error)) return fallback;
  if (error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource) {
    return CLOSED_HERE;
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return failureOfPermission(error) ?? BY_CODE[code] ?? failureOfText(error.message) ?? fallback;
}
