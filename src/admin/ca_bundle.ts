import { quote, whyRefused } from "../config/mod.ts";
import { AdminError } from "./admin_error.ts";

/** The setting of the CA bundle as it was given. */
export interface CaBundleSources {
  /** A path, `file:` before one, or `env:NAME` of one (CFG-19); empty for none. */
  readonly reference: string;
  readonly env: Readonly<Record<string, string>>;
  /** Reads a whole file as UTF-8. @throws when it cannot be read */
  readonly readTextFile: (path: string) => string;
}

/**
 * Reads the certificates that are trusted besides those of the system (CFG-55).
 * @returns PEM text; undefined when none is configured
 * @throws {AdminError} naming the reference when it leads to no certificate
 */
export function readCaBundle({ reference, env, readTextFile }: CaBundleSources): string | undefined {
  const given = reference.trim();
  if (given === "") return undefined;
  const path = pathOf(given, env);
  let pem: string;
  try {
    pem = readTextFile(path);
  } catch (error) {
    throw new AdminError(
      `invalid ca-bundle ${quote(path)}: it cannot be read: ${whyRefused(error)}; check the path`,
    );
  }
  if (/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.test(pem)) return pem;
  throw new AdminError(`invalid ca-bundle ${quote(path)}: it holds no certificate in PEM form`);
}

function pathOf(reference: string, env: CaBundleSources["env"]): string {
  const [, prefix = "", rest = ""] = /^(env|file):(.*)$/is.exec(reference) ?? [];
  if (prefix === "") return reference;
  const target = rest.trim();
  if (target === "") throw new AdminError(`ca-bundle: nothing stands after ${prefix}:`);
  if (prefix.toLowerCase() === "file") return target;
  const path = Object.hasOwn(env, target) ? env[target]?.trim() ?? "" : "";
  if (path === "") throw new AdminError(`ca-bundle: environment variable ${target} is not set or empty`);
  return path;
}
