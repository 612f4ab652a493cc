/** The bill of materials of a binary: SPDX 2.3 in JSON, from the lock file. */
import type { BundledPackage } from "./bundle.ts";

/** What the document says about the program itself. */
export interface SbomSubject {
  readonly version: string;
  /** File name of the binary. */
  readonly fileName: string;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Version of the Deno runtime inside. */
  readonly denoVersion: string;
  /** RFC 3339, UTC, whole seconds. */
  readonly created: string;
}

interface LockFile {
  readonly npm: Readonly<
    Record<string, { readonly integrity: string; readonly dependencies?: readonly string[] }>
  >;
}

/**
 * Writes the document.
 * @param lockText text of `deno.lock`
 * @param packages npm packages with code inside
 * @param licenses what each package declares, by `name@version`
 * @throws {Error} when a package inside is not in the lock file
 */
export function spdxDocument(
  subject: SbomSubject,
  lockText: string,
  packages: readonly BundledPackage[],
  licenses: ReadonlyMap<string, string>,
): string {
  const lock: LockFile = JSON.parse(lockText);
  const locked = new Map(Object.entries(lock.npm).map(([key, value]) => [withoutPeers(key), value]));
  const inside = new Set(packages.map(idOf));
  const relationships = [
    relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-tunnel-client"),
    relation("SPDXRef-tunnel-client", "CONTAINS", "SPDXRef-deno"),
  ];
  const described = packages.map((found) => {
    const entry = locked.get(idOf(found));
    if (entry === undefined) throw new Error(`${idOf(found)} is in the bundle but not in deno.lock`);
    relationships.push(relation("SPDXRef-tunnel-client", "CONTAINS", reference(found)));
    for (const dependency of dependenciesOf(entry.dependencies ?? [], locked, packages)) {
      if (inside.has(idOf(dependency))) {
        relationships.push(relation(reference(found), "DEPENDS_ON", reference(dependency)));
      }
    }
    return npmPackage(found, entry.integrity, licenses.get(idOf(found)));
  });
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `tunnel-client-${subject.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/tunnel-client-${subject.version}-${subject.sha256}`,
    creationInfo: { created: subject.created, creators: ["Tool: tunnel-client-compile"] },
    packages: [
      {
        name: "tunnel-client",
        SPDXID: "SPDXRef-tunnel-client",
        versionInfo: subject.version,
        packageFileName: subject.fileName,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        checksums: [{ algorithm: "SHA256", checksumValue: subject.sha256 }],
        licenseConcluded: "Apache-2.0",
        licenseDeclared: "Apache-2.0",
        copyrightText: "NOASSERTION",
      },
      {
        name: "deno",
        SPDXID: "SPDXRef-deno",
        versionInfo: subject.denoVersion,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseConcluded: "MIT",
        licenseDeclared: "MIT",
        copyrightText: "NOASSERTION",
      },
      ...described,
    ],
    relationships,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function npmPackage(found: BundledPackage, integrity: string, license: string | undefined) {
  const dash = integrity.indexOf("-");
  return {
    name: found.name,
    SPDXID: reference(found),
    versionInfo: found.version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    checksums: [{
      algorithm: integrity.slice(0, dash).toUpperCase(),
      checksumValue: hexOfBase64(integrity.slice(dash + 1)),
    }],
    licenseConcluded: "NOASSERTION",
    licenseDeclared: license ?? "NOASSERTION",
    copyrightText: "NOASSERTION",
    externalRefs: [{
      referenceCategory: "PACKAGE-MANAGER",
      referenceType: "purl",
      referenceLocator: `pkg:npm/${found.name.replace("@", "%40")}@${found.version}`,
    }],
  };
}

/** The lock file names a dependency by its name alone where it has only one version of it. */
function* dependenciesOf(
  names: readonly string[],
  locked: ReadonlyMap<string, unknown>,
  packages: readonly BundledPackage[],
): Generator<BundledPackage> {
  for (const name of names) {
    const exact = withoutPeers(name);
    for (const found of packages) {
      if (locked.has(exact) ? idOf(found) === exact : found.name === exact) yield found;
    }
  }
}

/** `name@version_peer@version` → `name@version`. */
function withoutPeers(key: string): string {
  return key.replace(/(?<=.@[^_]+)_.*$/, "");
}

function idOf({ name, version }: BundledPackage): string {
  return `${name}@${version}`;
}

function reference({ name, version }: BundledPackage): string {
  return `SPDXRef-npm-${`${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]+/g, "-")}`;
}

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

function hexOfBase64(text: string): string {
  return Array.from(atob(text), (char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}
