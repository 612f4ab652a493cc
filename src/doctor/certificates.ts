/** Certificates and roots, read as a run reads them: what is in them decides what every other check can be asked. */
import { X509Certificate } from "node:crypto";
import type { RunConfig } from "../config/mod.ts";
import { loadCaBundle, loadClientCertificate, loadSystemRoots, TlsMaterialError } from "../net/mod.ts";
import { certificatePathsOf, type CertificateText, type TlsTexts } from "../sandbox/mod.ts";
import type { Commands } from "./commands.ts";
import { type Check, fail, pass, skip, warn } from "./report.ts";

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is worth a word. */
const SOON_DAYS = 30;
const WHY =
  "Every connection over TLS trusts these roots and shows these certificates; a run does not start without them.";

/** What was read; undefined when it cannot be used. */
export interface LoadedCertificates {
  readonly check: Check;
  readonly texts: TlsTexts | undefined;
}

interface Found {
  readonly evidence: string[];
  readonly doubts: string[];
  /** Client certificates whose time is over: no peer takes them. */
  readonly over: string[];
}

/**
 * Reads everything that the configuration names.
 * @param env its `SSL_CERT_FILE` and `SSL_CERT_DIR` count as well
 * @param nowMs wall clock
 */
export async function loadCertificates(
  config: RunConfig,
  env: Readonly<Record<string, string>>,
  commands: Commands,
  nowMs: number = Date.now(),
): Promise<LoadedCertificates> {
  const found: Found = { evidence: [], doubts: [], over: [] };
  try {
    const texts: TlsTexts = {
      caPem: await rootsOf(config, env, found, nowMs),
      certificates: await clientCertificatesOf(config, found, nowMs),
    };
    return { check: verdict(found, commands), texts };
  } catch (error) {
    if (!(error instanceof TlsMaterialError)) throw error;
    const check = fail("certificates", error.message, {
      why: WHY,
      evidence: [error.message, ...found.evidence],
      next: [
        "correct the path, or replace the file: PEM, a key without a passphrase, readable by this user",
        `ask again: ${commands.doctor}`,
      ],
    });
    return { check, texts: undefined };
  }
}

async function rootsOf(
  { tls }: RunConfig,
  env: Readonly<Record<string, string>>,
  found: Found,
  nowMs: number,
): Promise<string | undefined> {
  const system = await loadSystemRoots(env, readFile, listFolder);
  const { fallback_note: note, source_paths: paths } = system.report;
  if (paths !== undefined) {
    found.evidence.push(`roots of SSL_CERT_FILE and SSL_CERT_DIR: ${paths.length} files`);
  }
  if (note !== undefined) found.doubts.push(`roots of the environment: ${note}`);
  if (tls.caBundle === "") return system.caPem || undefined;
  const bundle = await loadCaBundle([tls.caBundle], readFile, nowMs);
  found.evidence.push(`ca-bundle: ${bundle.report.cert_count} certificates`);
  found.doubts.push(...bundle.warnings);
  for (const { subject_cn: name, not_after: end } of bundle.report.certificates) {
    const days = Math.floor((Date.parse(end) - nowMs) / DAY_MS);
    if (days >= 0 && days < SOON_DAYS) found.doubts.push(`ca-bundle: "${name}" ends in ${days} days`);
  }
  return system.caPem + bundle.caPem;
}

async function clientCertificatesOf(
  config: RunConfig,
  found: Found,
  nowMs: number,
): Promise<Record<string, CertificateText>> {
  const texts: Record<string, CertificateText> = {};
  const own = config.controlPlane.clientCertificate?.certPath;
  for (const { certPath, keyPath } of certificatePathsOf(config)) {
    const scope = certPath === own ? "control-plane" : "MCP";
    const { certPem, keyPem } = await loadClientCertificate({ scope, certPath, keyPath }, readFile, nowMs);
    texts[certPath] = { certPem, keyPem };
    const { validFrom, validTo } = new X509Certificate(certPem);
    const days = Math.floor((Date.parse(validTo) - nowMs) / DAY_MS);
    const name = `${scope} client certificate ${certPath}`;
    if (days < 0) found.over.push(`${name} has expired ${-days} days ago`);
    else if (Date.parse(validFrom) > nowMs) found.over.push(`${name} is not valid yet`);
    else if (days < SOON_DAYS) found.doubts.push(`${name} expires in ${days} days`);
    else found.evidence.push(`${name} is valid for ${days} days`);
  }
  return texts;
}

function verdict({ evidence, doubts, over }: Found, commands: Commands): Check {
  const all = [...over, ...doubts, ...evidence];
  if (all.length === 0) return skip("certificates", "none configured; the roots of the system are trusted");
  const renew = ["renew what has expired, or set this machine's clock", `ask again: ${commands.doctor}`];
  const [worst = ""] = all;
  if (over.length > 0) return fail("certificates", worst, { why: WHY, evidence: all, next: renew });
  if (doubts.length > 0) return warn("certificates", worst, { why: WHY, evidence: all, next: renew });
  return pass("certificates", evidence.join("; "), { evidence });
}

function readFile(path: string): Promise<Uint8Array> {
  return Deno.readFile(path);
}

async function listFolder(path: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(path)) if (!isDirectory) names.push(name);
  return names;
}
