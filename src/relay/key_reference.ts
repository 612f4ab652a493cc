/** A key could not be had; the message names setting and source, never the key. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

/** Where keys are read from; files and the environment of this process by default. */
export interface KeySources {
  readonly env: (name: string) => string | undefined;
  readonly readTextFile: (path: string) => string;
}

/** Whose key it is. */
export type KeyKind = "agent" | "connector" | "admin";

/** What an agent may hold (P-6). */
const AGENT_KEY = /^[0-9A-Za-z_-]+$/;
/** What fits into a header field as one word. */
const HEADER_WORD = /^[\x21-\x7e]+$/;

/**
 * Follows `env:NAME` or `file:PATH`; the text itself is never taken for a key, because command lines are public.
 * @param setting name of the flag or member, for errors
 * @throws {KeyError} when it is no reference, leads nowhere, or what it leads to is no key
 */
export function resolveKey(
  kind: KeyKind,
  reference: string,
  setting: string,
  sources: KeySources,
): string {
  const key = followed(reference, setting, sources).trim();
  if (key === "") throw new KeyError(`${setting}: ${sourceOf(reference)} is empty`);
  return checkedKey(kind, key, setting, sourceOf(reference));
}

/** @throws {KeyError} when the text cannot serve as a key of this kind */
export function checkedKey(
  kind: KeyKind,
  key: string,
  setting: string,
  source: string,
): string {
  const [pattern, valid] = kind === "agent"
    ? [AGENT_KEY, "letters, digits, hyphens and underscores"]
    : [HEADER_WORD, "visible characters without blanks"];
  if (!pattern.test(key)) throw new KeyError(`${setting}: the key in ${source} may hold only ${valid}`);
  return key;
}

function followed(reference: string, setting: string, { env, readTextFile }: KeySources): string {
  if (reference.startsWith("env:") && reference.length > 4) {
    const name = reference.slice(4);
    const value = env(name);
    if (value === undefined) throw new KeyError(`${setting}: environment variable ${name} is not set`);
    return value;
  }
  if (reference.startsWith("file:") && reference.length > 5) {
    const path = reference.slice(5);
    try {
      return readTextFile(path);
    } catch (error) {
      if (!isFileError(error)) throw error;
      throw new KeyError(`${setting}: cannot read key file ${path}: ${whyNot(error)}`);
    }
  }
  throw new KeyError(`${setting} takes no key itself; use env:NAME or file:PATH`);
}

function sourceOf(reference: string): string {
  return reference.startsWith("env:")
    ? `environment variable ${reference.slice(4)}`
    : `file ${reference.slice(5)}`;
}

/** True for what the system answers when a file cannot be read or written. */
export function isFileError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return /\(os error \d+\)/.test(error.message) ||
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}

/** The system's reason, without the path and the error number that it appends. */
export function whyNot(error: Error): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  return error.message.replace(/ ?\(os error \d+\).*$/s, "").toLowerCase();
}
