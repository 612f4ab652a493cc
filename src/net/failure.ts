/** Words for what goes wrong below HTTP, from error codes and, where the runtime gives none, from its texts. */
import type { NetErrorKind, NetErrorReason } from "./net_error.ts";

/** One classified failure: the published word, the operator's phrase, and his reason where the word alone is too coarse. */
export interface Failure {
  readonly kind: NetErrorKind;
  readonly detail: string;
  readonly reason?: NetErrorReason;
}

const tls = (reason: NetErrorReason, detail: string): Failure => ({ kind: "tls", reason, detail });

const CLOSED_HERE: Failure = { kind: "connection_closed", detail: "connection was closed on this side" };
/** The peer ended the connection in the middle of its handshake. */
export const CLOSED_IN_HANDSHAKE: Failure = {
  kind: "eof",
  detail: "connection closed during the TLS handshake",
};
const NO_TLS = tls("tls-protocol", "peer does not speak TLS");
const NO_COMMON_TLS = tls("tls-protocol", "no TLS version or cipher in common");
const NO_COMMON_HTTP = tls("tls-protocol", "peer does not offer HTTP/1.1");
const REFUSED_TLS = tls("tls-protocol", "peer refused the TLS handshake");
const CLIENT_CERTIFICATE_REQUIRED = tls(
  "tls-client-certificate-required",
  "peer requires a client certificate",
);
const CLIENT_CERTIFICATE_REFUSED = tls(
  "tls-client-certificate-refused",
  "peer does not accept the client certificate",
);
/** What a certificate can be, also told by looking at it. */
export const CERTIFICATE_EXPIRED = tls("tls-expired", "certificate expired");
export const CERTIFICATE_NOT_VALID_YET = tls("tls-not-yet-valid", "certificate not valid yet");
const CERTIFICATE_FOR_OTHER_HOST = tls("tls-wrong-host", "wrong host name in certificate");
export const CERTIFICATE_OF_UNKNOWN_AUTHORITY = tls(
  "tls-unknown-authority",
  "certificate of unknown authority",
);
const SELF_SIGNED = tls("tls-unknown-authority", "self-signed certificate of unknown authority");

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
  // The codes of `node:tls`, which stands in where `Deno.startTls` cannot go.
  CERT_HAS_EXPIRED: CERTIFICATE_EXPIRED,
  CERT_NOT_YET_VALID: CERTIFICATE_NOT_VALID_YET,
  ERR_TLS_CERT_ALTNAME_INVALID: CERTIFICATE_FOR_OTHER_HOST,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE_OF_UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE_OF_UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE_OF_UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: SELF_SIGNED,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CLIENT_CERTIFICATE_REQUIRED,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_COMMON_TLS,
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: NO_COMMON_HTTP,
};

/**
 * First match wins, so precise texts stand before general ones. The phrases are those of the system and of the TLS
 * library behind `fetch`, `Deno.connect`, `Deno.startTls` and `node:tls`; the tests hold each that can be produced on
 * one machine.
 */
const BY_TEXT: ReadonlyArray<readonly [RegExp, Failure]> = [
  [/temporary failure in name resolution/i, BY_CODE.EAI_AGAIN],
  [/dns error|failed to lookup address/i, BY_CODE.ENOTFOUND],
  [/certificate (has )?expired|invalid peer certificate: Expired/i, CERTIFICATE_EXPIRED],
  [/not valid yet|NotValidYet/i, CERTIFICATE_NOT_VALID_YET],
  [/not valid for name|NotValidForName/i, CERTIFICATE_FOR_OTHER_HOST],
  [/UnknownIssuer/i, CERTIFICATE_OF_UNKNOWN_AUTHORITY],
  [/CaUsedAsEndEntity/i, SELF_SIGNED],
  [/invalid peer certificate: Revoked/i, tls("tls-other", "certificate revoked")],
  [/peer certificate/i, tls("tls-other", "invalid certificate")],
  [/fatal alert: CertificateRequired/i, CLIENT_CERTIFICATE_REQUIRED],
  [
    /fatal alert: (UnknownCA|BadCertificate|CertificateUnknown|CertificateExpired|CertificateRevoked|AccessDenied|UnsupportedCertificate)/i,
    CLIENT_CERTIFICATE_REFUSED,
  ],
  [/fatal alert: NoApplicationProtocol/i, NO_COMMON_HTTP],
  [/fatal alert: ProtocolVersion|peer is incompatible/i, NO_COMMON_TLS],
  [/received fatal alert/i, REFUSED_TLS],
  [/corrupt message|InvalidContentType/i, NO_TLS],
  [/tls handshake eof|disconnected before secure TLS connection/i, CLOSED_IN_HANDSHAKE],
  [/proxy authentication required/i, {
    kind: "dial",
    reason: "proxy-auth",
    detail: "proxy wants other credentials",
  }],
  [/eof while tunneling/i, { kind: "eof", reason: "proxy-refused", detail: "proxy closed the connection" }],
  [/unsuccessful tunnel/i, { kind: "dial", reason: "proxy-refused", detail: "proxy refused to connect" }],
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
  [/tls|rustls/i, tls("tls-other", "TLS failed")],
];

/** Classifies the text of a failure; undefined when no phrase of it is known. The text must be free of URLs. */
export function failureOfText(text: string): Failure | undefined {
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1];
}

/** A refused permission as a failure that names the host; undefined for any other error. */
export function failureOfPermission(error: unknown): Failure | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  const host = /(?:net|read|write) access to "([^"]*)"/.exec(error.message)?.[1] ?? "this host";
  return { kind: "dial", reason: "sandbox", detail: `the sandbox of this profile does not allow ${host}` };
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

/** Classifies what connecting to a Unix socket threw. */
export function failureOfSocketPath(error: unknown): Failure | undefined {
  if (error instanceof Deno.errors.NotFound) {
    // Nobody listens there yet: the published word for it is the one that a startup wait goes on for (PB-9).
    return { kind: "connection_refused", reason: "socket-missing", detail: "there is no such socket" };
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return { kind: "dial", reason: "socket-denied", detail: "no right to use the socket" };
  }
  return undefined;
}
