import { InvalidValueError } from "./invalid_value.ts";
import { lookUp, parseReference, type ReferenceSources } from "./references.ts";

/**
 * Reads a path reference (CFG-19): `env:NAME` names a variable whose value is the path, `file:PATH` and a plain text are
 * the path. What is at the path is not looked at.
 * @returns the path, trimmed, as it was spelled (CFG-11)
 * @throws {InvalidValueError} when there is no path
 */
export function resolvePath(text: string, { env }: Pick<ReferenceSources, "env">): string {
  const reference = parseReference(text.trim());
  if (reference === undefined) return checked(text, "the path is empty");
  const target = reference.target.trim();
  if (reference.kind === "file") return checked(target, "missing path after file:");
  if (target === "") throw new InvalidValueError("missing variable name after env:", VALID);
  const value = lookUp(env, target);
  if (value === undefined) {
    throw new InvalidValueError(`environment variable ${target} (env:${target}) is not set`, `set ${target}`);
  }
  return checked(value, `environment variable ${target} (env:${target}) is empty`);
}

const VALID = "write a path, env:NAME or file:/path";

function checked(text: string, complaint: string): string {
  const path = text.trim();
  if (path === "") throw new InvalidValueError(complaint, VALID);
  if (path.includes("\0")) throw new InvalidValueError("a path must not hold a NUL character", VALID);
  return path;
}
