import { whyRefused } from "./why_refused.ts";

/** What is needed to follow `env:NAME` and `file:PATH`. */
export interface ReferenceSources {
  readonly env: Readonly<Record<string, string>>;
  /** Reads a whole file as UTF-8. @throws when it cannot be read */
  readonly readTextFile: (path: string) => string;
}

/** A reference taken apart. */
export interface Reference {
  readonly kind: "env" | "file";
  /** Name of the variable or path of the file; may be empty. */
  readonly target: string;
}

/** Reads `env:NAME` or `file:PATH` with lower-case prefixes only (the API-key flag, section 3.3). */
export function parseExactReference(text: string): Reference | undefined {
  if (text.startsWith("env:")) return { kind: "env", target: text.slice(4) };
  if (text.startsWith("file:")) return { kind: "file", target: text.slice(5) };
  return undefined;
}

/** Reads `env:NAME` or `file:PATH` with prefixes in any letter case (HD-15). */
export function parseReference(text: string): Reference | undefined {
  const prefix = /^(env|file):/i.exec(text)?.[1]?.toLowerCase();
  if (prefix === "env") return { kind: "env", target: text.slice(4) };
  if (prefix === "file") return { kind: "file", target: text.slice(5) };
  return undefined;
}

/** The value of a variable, or undefined when it is not set. */
export function lookUp(env: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}

/**
 * Content of a referenced file, or why it cannot be read.
 * @throws what is not a failure to read the file
 */
export function readReferencedFile(
  path: string,
  readTextFile: ReferenceSources["readTextFile"],
): { readonly content: string } | { readonly failure: string } {
  try {
    return { content: readTextFile(path) };
  } catch (error) {
    return { failure: whyRefused(error) };
  }
}
