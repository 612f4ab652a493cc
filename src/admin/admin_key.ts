import { quote, whyRefused } from "../config/mod.ts";
import { AdminError } from "./admin_error.ts";

/** Where keys come from. */
export interface AdminKeySources {
  /** Value of `--admin-key`; empty when it was not given. */
  readonly reference: string;
  readonly env: Readonly<Record<string, string>>;
  /** Reads a whole file as UTF-8. @throws when it cannot be read */
  readonly readTextFile: (path: string) => string;
}

const ADMIN_VARIABLE = "OPENAI_ADMIN_KEY";
const RUNTIME_VARIABLES = ["CONTROL_PLANE_API_KEY", "OPENAI_API_KEY"] as const;
/** What fits into a header field as one word. */
const HEADER_WORD = /^[\x21-\x7e]+$/;

/**
 * The key for everything that changes or lists tunnels: an admin key, never another one (A-3, A-4, CFG-150, CFG-151).
 * @throws {AdminError} naming flag, variable or file, never what is in it
 */
export function selectAdminKey({ reference, env, readTextFile }: AdminKeySources): string {
  if (reference !== "") return keyOfReference(reference, env, readTextFile);
  const key = variable(env, ADMIN_VARIABLE);
  if (key === undefined) {
    throw new AdminError(
      `admin key is required: set ${ADMIN_VARIABLE}, or pass --admin-key env:NAME or --admin-key file:/path`,
    );
  }
  if (key === "") throw new AdminError(`${ADMIN_VARIABLE} must be non-empty`);
  return checked(key, `variable ${ADMIN_VARIABLE}`);
}

/**
 * The key for looking at one tunnel: an admin key, or else the runtime key of that tunnel, but only when no admin key
 * was meant.
 * @throws {AdminError} when there is neither
 */
export function selectReadKey(sources: AdminKeySources): string {
  const { reference, env } = sources;
  const mayFallBack = (reference === "" || reference === `env:${ADMIN_VARIABLE}`) &&
    (variable(env, ADMIN_VARIABLE) ?? "") === "";
  if (mayFallBack) {
    for (const name of RUNTIME_VARIABLES) {
      const key = variable(env, name) ?? "";
      if (key !== "") return checked(key, `variable ${name}`);
    }
  }
  try {
    return selectAdminKey(sources);
  } catch (error) {
    if (!(error instanceof AdminError) || !mayFallBack) throw error;
    throw new AdminError(
      `${error.message}; the runtime key in ${RUNTIME_VARIABLES.join(" or ")} would do as well`,
    );
  }
}

function keyOfReference(
  reference: string,
  env: AdminKeySources["env"],
  readTextFile: AdminKeySources["readTextFile"],
): string {
  if (reference.startsWith("env:")) {
    const name = reference.slice(4);
    if (name === "") throw new AdminError("--admin-key: the name of the variable is missing after env:");
    const key = variable(env, name);
    if (key === undefined) throw new AdminError(`--admin-key: environment variable ${name} is not set`);
    if (key === "") throw new AdminError(`--admin-key: environment variable ${name} is empty`);
    return checked(key, `variable ${name}`);
  }
  if (reference.startsWith("file:")) {
    const path = reference.slice(5);
    if (path === "") throw new AdminError("--admin-key: the path is missing after file:");
    const key = contentOf(path, readTextFile).trim();
    if (key === "") throw new AdminError(`--admin-key: file ${quote(path)} is empty`);
    return checked(key, `file ${quote(path)}`);
  }
  throw new AdminError(
    "admin-key must use env: or file: prefixes: a key itself does not belong on the command line; " +
      "pass --admin-key env:NAME or --admin-key file:/path",
  );
}

function contentOf(path: string, readTextFile: AdminKeySources["readTextFile"]): string {
  try {
    return readTextFile(path);
  } catch (error) {
    throw new AdminError(
      `--admin-key: cannot read file ${quote(path)}: ${whyRefused(error)}; check the path`,
    );
  }
}

/** Trimmed; undefined when it is not set. */
function variable(env: AdminKeySources["env"], name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name]?.trim() : undefined;
}

function checked(key: string, where: string): string {
  if (HEADER_WORD.test(key)) return key;
  throw new AdminError(
    `the key in ${where} is malformed: it may hold only visible ASCII characters, no blanks`,
  );
}
