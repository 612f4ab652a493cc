/**
 * The certificate files of a configuration, on the main thread: read and checked at start, and read again when they
 * change. The agent gets what is in them as text, for it may read no file.
 */
import type { RunConfig } from "../config/mod.ts";
import type { TrustReport } from "../ops/mod.ts";
import { certificatePathsOf, type CertificateText, NO_TLS_TEXTS, type TlsTexts } from "./routes.ts";

/** How often the files are looked at; a look that finds them as they were reads nothing. */
const LOOK_EVERY_MS = 5_000;

/** What the files held. */
export interface TlsFiles {
  readonly texts: TlsTexts;
  readonly trust: TrustReport;
  /** What the operator should know, e.g. that a certificate has expired. */
  readonly warnings: readonly string[];
}

/** What happens when the files change. */
export interface TlsFileHooks {
  readonly changed: (files: TlsFiles) => void;
  /** They cannot be used as they are; what was in use stays so. Told once per message. */
  readonly failed: (error: Error) => void;
}

type NetRoom = typeof import("../net/mod.ts");
type SystemRoots = Awaited<ReturnType<NetRoom["loadSystemRoots"]>>;

/** Where neither the configuration nor the environment names a file. */
const NOTHING_NAMED: TlsFiles = {
  texts: NO_TLS_TEXTS,
  trust: { system_trust: { enabled: true, source: "system cert pool" } },
  warnings: [],
};

/** Reads the files of one configuration. */
export class TlsFileReader {
  readonly #config: RunConfig;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  #systemRoots: SystemRoots | undefined;

  /** @param environment the process's environment as it was at start */
  constructor(config: RunConfig, environment: Readonly<Record<string, string | undefined>>) {
    this.#config = config;
    this.#environment = environment;
  }

  /**
   * Reads every certificate, key and root that the configuration names, and the roots that `SSL_CERT_FILE` and
   * `SSL_CERT_DIR` name; of these what was read first stays.
   * @throws {TlsMaterialError} naming the file that cannot be used, and why
   */
  async load(): Promise<TlsFiles> {
    const { SSL_CERT_FILE: file, SSL_CERT_DIR: folder } = this.#environment;
    if (this.#paths.length === 0 && !file && !folder) return NOTHING_NAMED;
    const net = await netRoom();
    const { tls: { caBundle }, controlPlane } = this.#config;
    this.#systemRoots ??= await net.loadSystemRoots(this.#environment, readFile, listFolder);
    const system = this.#systemRoots;
    const bundle = caBundle === "" ? undefined : await net.loadCaBundle([caBundle], readFile);
    const warnings = [...bundle?.warnings ?? []];
    const certificates: Record<string, CertificateText> = {};
    for (const { certPath, keyPath } of certificatePathsOf(this.#config)) {
      const scope = certPath === controlPlane.clientCertificate?.certPath ? "control-plane" : "MCP";
      const pair = await net.loadClientCertificate({ scope, certPath, keyPath }, readFile);
      certificates[certPath] = { certPem: pair.certPem, keyPem: pair.keyPem };
      warnings.push(...pair.warnings);
    }
    return {
      texts: { caPem: system.caPem + (bundle?.caPem ?? "") || undefined, certificates },
      trust: {
        system_trust: { ...system.report },
        ...(bundle === undefined ? {} : { extra_bundle: asFields(bundle.report) }),
      },
      warnings,
    };
  }

  /**
   * Looks at the files that the configuration names until the signal ends it.
   * @param current what {@link TlsFileReader.load} has read
   * @param everyMs pause between two looks
   */
  async watch(
    current: TlsFiles,
    hooks: TlsFileHooks,
    signal: AbortSignal,
    everyMs = LOOK_EVERY_MS,
  ): Promise<void> {
    if (this.#paths.length === 0) return;
    const { watchMaterial } = await netRoom();
    let last = current;
    let seen = "";
    const load = async () => {
      const now = await this.#state();
      if (now === seen) return last;
      last = await this.load();
      seen = now;
      return last;
    };
    await watchMaterial({ load, everyMs, ...hooks }, current, signal);
  }

  get #paths(): readonly string[] {
    const { caBundle } = this.#config.tls;
    const pairs = certificatePathsOf(this.#config).flatMap(({ certPath, keyPath }) => [certPath, keyPath]);
    return caBundle === "" ? pairs : [caBundle, ...pairs];
  }

  /** Changes whenever a file does, also when a link leads to another one (Kubernetes). */
  async #state(): Promise<string> {
    const states = this.#paths.map(async (path) => {
      try {
        const { mtime, size, ino, dev } = await Deno.stat(path);
        return [mtime?.getTime(), size, ino, dev].join();
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return error.name;
      }
    });
    return (await Promise.all(states)).join(" ");
  }
}

/** Hidden from Deno, which would otherwise load the room at every start, on a thread that mostly needs none of it. */
async function netRoom(): Promise<NetRoom> {
  return await import(new URL("../net/mod.ts", import.meta.url).href);
}

function asFields(
  { certificates, ...report }: Awaited<ReturnType<NetRoom["loadCaBundle"]>>["report"],
): TrustReport["extra_bundle"] {
  return { ...report, certificates: certificates.map((certificate) => ({ ...certificate })) };
}

function readFile(path: string): Promise<Uint8Array> {
  return Deno.readFile(path);
}

async function listFolder(path: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) names.push(name);
  return names;
}
