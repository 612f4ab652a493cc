/** Roots that `SSL_CERT_FILE` and `SSL_CERT_DIR` name (TL-1). Deno reads the first only where its store is the system's, the second never. */
import { type ReadFile, readPem } from "./pem.ts";

/** What the trust report says of them (TL-7); names as in the admin API. */
export interface SystemTrust {
  readonly enabled: boolean;
  readonly source: string;
  readonly source_paths?: readonly string[];
  readonly fallback_note?: string;
}

/** Roots as text, to stand beside a CA bundle in a route's `caPem`. */
export interface SystemRoots {
  /** Empty when neither variable is set. */
  readonly caPem: string;
  readonly report: SystemTrust;
}

/** The files of a folder. */
export type ListFolder = (path: string) => Promise<readonly string[]>;

const SOURCE = "system cert pool";

/**
 * Reads the roots that the variables name; several folders stand between colons. What cannot be read is left out and
 * told in the report, as other programs do that follow these variables.
 * @param variables the environment of the process
 */
export async function loadSystemRoots(
  variables: Readonly<Record<string, string | undefined>>,
  readFile: ReadFile,
  listFolder: ListFolder,
): Promise<SystemRoots> {
  const paths: string[] = [];
  const unread: string[] = [];
  if (variables.SSL_CERT_FILE) paths.push(variables.SSL_CERT_FILE);
  for (const folder of (variables.SSL_CERT_DIR ?? "").split(":").filter((path) => path !== "")) {
    try {
      paths.push(...(await listFolder(folder)).map((name) => `${folder}/${name}`));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      unread.push(folder);
    }
  }
  let caPem = "";
  const used: string[] = [];
  for (const path of paths) {
    try {
      const blocks = (await readPem(path, "system roots", readFile)).filter(({ label }) =>
        label === "CERTIFICATE"
      );
      if (blocks.length > 0) used.push(path);
      for (const { text } of blocks) if (!caPem.includes(text)) caPem += text;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      unread.push(path);
    }
  }
  if (paths.length === 0 && unread.length === 0) return { caPem, report: { enabled: true, source: SOURCE } };
  const report = { enabled: true, source: SOURCE, source_paths: used };
  if (unread.length === 0) return { caPem, report };
  return { caPem, report: { ...report, fallback_note: `not readable: ${unread.join(", ")}` } };
}
