/** Certificates and keys from files, for the main thread: read, checked, and handed on as text (CFG-55, CFG-56). */
import type { KeyObject, X509Certificate } from "node:crypto";
import { nodeCrypto } from "./node_modules.ts";
import { type PemBlock, type ReadFile, readPem, TlsMaterialError } from "./pem.ts";

/** What the trust report says of one certificate (TL-7); names as in the admin API. */
export interface TrustedCertificate {
  /** Hex SHA-256 of its DER; empty when it cannot be parsed. */
  readonly cert_id: string;
  readonly name: string;
  readonly description: string;
  readonly subject_cn: string;
  readonly issuer_cn: string;
  /** RFC 3339, UTC. */
  readonly not_before: string;
  readonly not_after: string;
  /** The file. */
  readonly source: string;
  /** `ok`, or why it is not used. */
  readonly parse_status: string;
}

/** What the trust report says of the extra roots (TL-7). */
export interface ExtraBundle {
  readonly path: string;
  readonly cert_count: number;
  readonly parse_errors: number;
  readonly certificates: readonly TrustedCertificate[];
}

/** Extra roots, ready to use. */
export interface CaBundle {
  /** Only what could be parsed; goes into a route's `caPem`. */
  readonly caPem: string;
  readonly report: ExtraBundle;
  /** What the operator should know, e.g. that a root has expired. */
  readonly warnings: readonly string[];
}

/**
 * Reads extra roots. Blocks that are no certificates are skipped; at least one certificate must parse.
 * @param paths one file, or several that are read as one
 * @param nowMs wall clock
 * @throws {TlsMaterialError} whose message contains `invalid ca-bundle` and the path
 */
export async function loadCaBundle(
  paths: readonly string[],
  readFile: ReadFile,
  nowMs: number = Date.now(),
): Promise<CaBundle> {
  const certificates: TrustedCertificate[] = [];
  const warnings: string[] = [];
  let caPem = "";
  for (const path of paths) {
    const use = "invalid ca-bundle";
    const blocks = (await readPem(path, use, readFile)).filter(isCertificate);
    const seen = blocks.map((block) => ({ block, parsed: parseCertificate(block) }));
    if (seen.every(({ parsed }) => typeof parsed === "string")) {
      const what = blocks.length === 0 ? "no certificate in" : "no certificate that can be parsed in";
      throw new TlsMaterialError(`${use}: ${what} ${path}`);
    }
    for (const { block, parsed } of seen) {
      certificates.push(trustedCertificate(parsed, path));
      if (typeof parsed === "string") continue;
      caPem += block.text;
      const doubt = doubtOfDates(parsed, nowMs);
      if (doubt !== undefined) warnings.push(`ca-bundle ${path}: certificate "${nameOf(parsed)}" ${doubt}`);
    }
  }
  const count = certificates.filter(({ parse_status }) => parse_status === "ok").length;
  const report = {
    path: paths.join(", "),
    cert_count: count,
    parse_errors: certificates.length - count,
    certificates,
  };
  return { caPem, report, warnings };
}

/** A client certificate, ready to use. */
export interface ClientCertificateFiles {
  /** The certificate first, then what leads from it to an authority. */
  readonly certPem: string;
  /** Secret. */
  readonly keyPem: string;
  /** What the operator should know, e.g. that it has expired. */
  readonly warnings: readonly string[];
}

/**
 * Reads a client certificate and its key, and checks that they belong together.
 * @param options.scope `control-plane` or `MCP`; begins every message
 * @param nowMs wall clock
 * @throws {TlsMaterialError} that names the file and says whether it is missing, unreadable, DER, encrypted, or of another pair
 */
export async function loadClientCertificate(
  options: { readonly scope: string; readonly certPath: string; readonly keyPath: string },
  readFile: ReadFile,
  nowMs: number = Date.now(),
): Promise<ClientCertificateFiles> {
  const { scope, certPath, keyPath } = options;
  const certUse = `invalid ${scope} client certificate`;
  const blocks = (await readPem(certPath, certUse, readFile)).filter(isCertificate);
  if (blocks.length === 0) throw new TlsMaterialError(`${certUse}: no certificate in ${certPath}`);
  const chain = blocks.map((block, index) => {
    const parsed = parseCertificate(block);
    if (typeof parsed !== "string") return parsed;
    throw new TlsMaterialError(`${certUse}: certificate ${index + 1} of ${certPath} is not valid`);
  });
  const keyUse = `invalid ${scope} client key`;
  const { keyPem, key } = keyOf(await readPem(keyPath, keyUse, readFile), keyUse, keyPath);
  const leaf = chain[0];
  if (leaf === undefined || !leaf.checkPrivateKey(key)) {
    throw new TlsMaterialError(
      `${keyUse}: private key does not match: ${keyPath} is not the key of ${certPath}`,
    );
  }
  const warnings: string[] = [];
  for (const certificate of chain) {
    const doubt = doubtOfDates(certificate, nowMs);
    if (doubt !== undefined) {
      warnings.push(`${scope} client certificate ${certPath}: certificate "${nameOf(certificate)}" ${doubt}`);
    }
  }
  return { certPem: blocks.map(({ text }) => text).join(""), keyPem, warnings };
}

function keyOf(blocks: readonly PemBlock[], use: string, path: string): { keyPem: string; key: KeyObject } {
  const block = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (block === undefined) throw new TlsMaterialError(`${use}: no private key in ${path}`);
  if (block.label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type:.*ENCRYPTED/m.test(block.text)) {
    throw new TlsMaterialError(
      `${use}: the key in ${path} is encrypted; decrypt it with \`openssl pkey -in … -out …\``,
    );
  }
  try {
    return { keyPem: block.text, key: nodeCrypto().createPrivateKey(block.text) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new TlsMaterialError(`${use}: the key in ${path} is not valid`);
  }
}

function isCertificate({ label }: PemBlock): boolean {
  return label === "CERTIFICATE";
}

/** The certificate, or why it cannot be used. */
function parseCertificate({ text }: PemBlock): X509Certificate | string {
  try {
    return new (nodeCrypto().X509Certificate)(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "certificate cannot be parsed";
  }
}

function trustedCertificate(parsed: X509Certificate | string, source: string): TrustedCertificate {
  if (typeof parsed === "string") {
    const unknown = { cert_id: "", name: "", description: "", subject_cn: "", issuer_cn: "" };
    return { ...unknown, not_before: "", not_after: "", source, parse_status: parsed };
  }
  return {
    cert_id: parsed.fingerprint256.replaceAll(":", "").toLowerCase(),
    name: nameOf(parsed),
    description: parsed.subject.replaceAll("\n", ", "),
    subject_cn: commonName(parsed.subject),
    issuer_cn: commonName(parsed.issuer),
    not_before: instant(parsed.validFrom),
    not_after: instant(parsed.validTo),
    source,
    parse_status: "ok",
  };
}

function nameOf(certificate: X509Certificate): string {
  return commonName(certificate.subject) || certificate.subject.replaceAll("\n", ", ");
}

function commonName(subject: string): string {
  return /(?:^|\n)CN=([^\n]*)/.exec(subject)?.[1] ?? "";
}

/** RFC 3339 without fractions. */
function instant(date: string): string {
  return new Date(date).toISOString().replace(".000Z", "Z");
}

/** What is wrong with the dates; undefined when nothing is. */
function doubtOfDates(certificate: X509Certificate, nowMs: number): string | undefined {
  if (Date.parse(certificate.validTo) < nowMs) return `expired at ${instant(certificate.validTo)}`;
  if (Date.parse(certificate.validFrom) > nowMs) {
    return `is not valid before ${instant(certificate.validFrom)}`;
  }
  return undefined;
}
