import { checkHttpUrl, InvalidValueError, parseUrlPath, quoteUrl, shownUrlPath } from "../config/mod.ts";
import { AdminError } from "./admin_error.ts";

/** A value and where it came from, for errors. */
export interface NamedText {
  readonly text: string;
  /** `--control-plane.base-url` or the variable's name. */
  readonly source: string;
}

/**
 * What every route of the management API starts with: origin and prefix; path, query, fragment and user info of the base
 * URL are left out (P-3, P-4, P-143).
 * @throws {AdminError} for a base URL without scheme or host, or a prefix that is no plain path
 */
export function managementBase(baseUrl: NamedText, urlPath: NamedText): { origin: string; prefix: string } {
  try {
    checkHttpUrl(baseUrl.text);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new AdminError(
      `invalid control-plane.base-url ${quoteUrl(baseUrl.text)} (${baseUrl.source}): ${error.problem}; ` +
        "use the host root, such as https://api.openai.com",
    );
  }
  try {
    const prefix = parseUrlPath(urlPath.text);
    const { origin } = new URL(baseUrl.text);
    return { origin, prefix: prefix === "" ? "" : new URL(prefix.replace(/\/+/g, "/"), origin).pathname };
  } catch (error) {
    throw told(error, `invalid control-plane.url-path ${shownUrlPath(urlPath.text)} (${urlPath.source})`);
  }
}

function told(error: unknown, what: string): unknown {
  return error instanceof InvalidValueError ? new AdminError(`${what}: ${error.message}`) : error;
}
