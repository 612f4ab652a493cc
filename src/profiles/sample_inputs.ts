import {
  checkHttpUrl,
  InvalidValueError,
  parseCommandLine,
  parseListenAddress,
  parseUrlPath,
  quote,
  quoteUrl,
  shownUrlPath,
} from "../config/mod.ts";
import { literalArgument, literalInUrl } from "./literal_text.ts";
import { ProfileError } from "./profile_error.ts";
import type { Sample } from "./samples.ts";

/** What fills the gaps of a sample. */
export interface SampleInputs {
  readonly tunnelId: string;
  readonly baseUrl: string;
  /** Empty for none. */
  readonly urlPath: string;
  readonly apiKeyReference: string;
  readonly listenAddr: string;
  readonly openBrowser: boolean;
  /** Empty when not given; one of the two is. */
  readonly serverUrl: string;
  readonly command: string;
}

export const DEFAULT_BASE_URL = "https://api.openai.com";
export const DEFAULT_KEY_REFERENCE = "env:CONTROL_PLANE_API_KEY";
export const DEFAULT_LISTEN_ADDR = "127.0.0.1:8080";

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What a person may give; blank counts as absent. */
export type GivenInputs = Partial<Omit<SampleInputs, "tunnelId">> & { readonly tunnelId: string };

/**
 * Checks what fills a sample's gaps, in the order of I-1, and puts defaults where nothing was given (CFG-147).
 * @throws {ProfileError} naming the flag
 */
export function checkSampleInputs(sample: Sample, given: GivenInputs): SampleInputs {
  const text = (value: string | undefined, standard: string) => (value ?? "").trim() || standard;
  const tunnelId = checkTunnelId(given.tunnelId);
  const baseUrl = text(given.baseUrl, DEFAULT_BASE_URL);
  checkUrl(baseUrl, "--control-plane-base-url");
  const urlPath = checkUrlPath(text(given.urlPath, ""));
  const apiKeyReference = checkKeyReference(text(given.apiKeyReference, DEFAULT_KEY_REFERENCE));
  const listenAddr = text(given.listenAddr, DEFAULT_LISTEN_ADDR);
  checked("--health-listen-addr", () => quote(listenAddr), () => parseListenAddress(listenAddr));
  const openBrowser = given.openBrowser ?? false;
  const target = checkTarget(sample, text(given.serverUrl, ""), text(given.command, ""));
  return { tunnelId, baseUrl, urlPath, apiKeyReference, listenAddr, openBrowser, ...target };
}

/** @returns the id, trimmed (CFG-46) @throws {ProfileError} when it is none */
export function checkTunnelId(text: string): string {
  const tunnelId = text.trim();
  if (/^tunnel_[a-z0-9]{32}$/.test(tunnelId)) return tunnelId;
  throw new ProfileError(
    `--tunnel-id ${quote(tunnelId)} is no tunnel ID; use tunnel_ and 32 lower-case letters or digits`,
  );
}

/** @throws {ProfileError} when it is no reference; it may be the key itself, so it is not shown */
export function checkKeyReference(text: string): string {
  const [, kind, target = ""] = /^(env|file):(.*)$/s.exec(text) ?? [];
  const isGood = kind === "env" ? VARIABLE_NAME.test(target) : kind === "file" && target.trim() !== "";
  if (isGood && !hasControl(text)) return text;
  throw new ProfileError(
    "--control-plane-api-key-ref must be env:NAME or file:/path; a key itself has no place in a profile",
  );
}

/**
 * Applies the rule of a sample to what the MCP server was given as (S-3).
 * @throws {ProfileError} when the target is missing, doubled or not valid
 */
export function checkTarget(
  { name, target }: Pick<Sample, "name" | "target">,
  serverUrl: string,
  command: string,
): Pick<SampleInputs, "serverUrl" | "command"> {
  if (target === "url" && serverUrl === "") throw new ProfileError(`${name} needs --mcp-server-url`);
  if (target === "command" && command === "") throw new ProfileError(`${name} needs --mcp-command`);
  if (target === "either" && (serverUrl === "") === (command === "")) {
    throw new ProfileError(`${name} needs exactly one of --mcp-server-url and --mcp-command`);
  }
  if (target === "command" || serverUrl === "") {
    checkCommand(command);
    return { serverUrl: "", command };
  }
  checkUrl(serverUrl, "--mcp-server-url");
  return { serverUrl, command: "" };
}

function checkUrl(text: string, flag: string): void {
  if (isReference(text)) return checkReference(text, flag);
  checked(flag, () => quoteUrl(text), () => checkHttpUrl(text));
  const literal = literalInUrl(text);
  if (literal !== undefined) throw literalError(flag, literal);
}

function checkUrlPath(text: string): string {
  if (text === "" || isReference(text)) {
    if (text !== "") checkReference(text, "--control-plane-url-path");
    return text;
  }
  checked("--control-plane-url-path", () => shownUrlPath(text), () => parseUrlPath(text));
  return text;
}

function checkCommand(text: string): void {
  if (isReference(text)) return checkReference(text, "--mcp-command");
  if (hasControl(text)) {
    throw new ProfileError("--mcp-command must stand on one line, without control characters");
  }
  const words = checked("--mcp-command", () => "", () => parseCommandLine(text));
  const literal = literalArgument(words);
  if (literal !== undefined) throw literalError("--mcp-command", literal);
}

/** A profile may take these values from a variable or a file (section 3.3 of the specification). */
function isReference(text: string): boolean {
  return /^(?:env|file):/i.test(text);
}

function checkReference(text: string, flag: string): void {
  const [, kind, target = ""] = /^(env|file):(.*)$/is.exec(text) ?? [];
  const isGood = kind?.toLowerCase() === "env" ? VARIABLE_NAME.test(target) : target.trim() !== "";
  if (!isGood || hasControl(text)) throw new ProfileError(`${flag}: write env:NAME or file:/path`);
}

function literalError(flag: string, what: string): ProfileError {
  return new ProfileError(
    `${flag} holds ${what}, and a profile holds no secrets; put the whole value into a variable or a file and pass ` +
      `${flag} env:NAME or ${flag} file:/path`,
  );
}

/** @param shown the value as it may be shown; empty for not at all */
function checked<T>(flag: string, shown: () => string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    const value = shown();
    const hint = error.valid === "" ? "" : `; ${error.valid}`;
    throw new ProfileError(`invalid ${flag}${value === "" ? "" : ` ${value}`}: ${error.problem}${hint}`);
  }
}

function hasControl(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /[\u0000-\u001f\u007f]/.test(text);
}
