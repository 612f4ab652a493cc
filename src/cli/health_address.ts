import type { Locator } from "./health_options.ts";

const UNIX_SCHEME = "http+unix://";

/** Where the listener of an agent is. */
export interface HealthAddress {
  /** As it is shown; keeps the `http+unix` form, and no user info. */
  readonly baseUrl: string;
  /** What is asked: as above with user info, and `http://localhost` for a socket. */
  readonly requestBase: string;
  /** Socket to dial; empty for TCP. */
  readonly socketPath: string;
}

/** The listener could not be found out; shown inside the report (H-5). */
export class LocatorError extends Error {
  override readonly name = "LocatorError";
}

/**
 * Finds out where to ask.
 * @throws {LocatorError} when a file cannot be read or holds no usable URL
 */
export async function resolveLocator(locator: Locator): Promise<HealthAddress> {
  switch (locator.kind) {
    case "port":
      return tcpAddress(`http://127.0.0.1:${locator.port}`);
    case "unix_socket":
      return socketAddress(formatUnixUrl(locator.unixSocket), locator.unixSocket);
    case "url":
      return addressOf(locator.url, "the URL");
    case "url_file":
      return addressOf(await readUrlFile(locator.urlFile), "the URL file");
  }
}

async function readUrlFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const why = error instanceof Deno.errors.NotFound
      ? "it does not exist; the agent writes it when it starts and removes it when it stops"
      : error.message;
    throw new LocatorError(`cannot read the URL file: ${why}`);
  }
}

/** H-2; `/healthz/` counts as `/healthz`. */
function addressOf(text: string, what: string): HealthAddress {
  const base = text.trim().replace(/\/+$/, "").replace(/\/healthz$/, "").replace(/\/readyz$/, "").replace(
    /\/+$/,
    "",
  );
  if (base === "") throw new LocatorError(`${what} is empty`);
  if (base.startsWith(UNIX_SCHEME)) return socketAddress(base, socketPathOf(base));
  return tcpAddress(base, what);
}

function tcpAddress(base: string, what = "the URL"): HealthAddress {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    throw new LocatorError(`${what} is not an http, https or http+unix URL with a host`);
  }
  return { baseUrl: withoutUserInfo(base), requestBase: base, socketPath: "" };
}

/** A URL, or what somebody took for one, as it may be shown. */
export function withoutUserInfo(url: string): string {
  return url.replace(/\/\/[^/]*@/, "//");
}

function socketAddress(baseUrl: string, socketPath: string): HealthAddress {
  return { baseUrl, requestBase: "http://localhost", socketPath };
}

function socketPathOf(base: string): string {
  const host = base.slice(UNIX_SCHEME.length);
  try {
    const bytes = Uint8Array.from(
      atob(host.replaceAll("-", "+").replaceAll("_", "/")),
      (char) => char.charCodeAt(0),
    );
    const path = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (path !== "") return path;
  } catch (error) {
    // atob refuses with a DOMException, the decoder with a TypeError.
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
  }
  throw new LocatorError("the host of an http+unix URL must be the socket's path in base64url");
}

function formatUnixUrl(path: string): string {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(path)));
  return UNIX_SCHEME + base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
