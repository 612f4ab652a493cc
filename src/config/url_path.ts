import { InvalidValueError } from "./invalid_value.ts";
import { quote, quoteUrl } from "./quote.ts";

const VALID = "use a plain path such as /workspace/dev/us";

/**
 * Reads a prefix for control-plane routes (CFG-45).
 * @returns percent-encoded, without a slash at the end; empty for none
 * @throws {InvalidValueError} for anything but a plain path
 */
export function parseUrlPath(text: string): string {
  const path = text.trim();
  if (path === "" || path === "/") return "";
  if (path.startsWith("//")) throw new InvalidValueError("it must not contain a host", VALID);
  if (!path.startsWith("/")) {
    throw new InvalidValueError("it must start with / and hold no scheme or host", VALID);
  }
  if (/[?#]/.test(path)) throw new InvalidValueError("it must not contain a query or fragment", VALID);
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(path)) {
    throw new InvalidValueError("it must not contain control characters", VALID);
  }
  try {
    return path.replace(/\/+$/, "").split("/").map((part) => encodeURIComponent(decodeURIComponent(part)))
      .join("/");
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new InvalidValueError("it holds a broken percent escape", VALID);
  }
}

/** A prefix as it may be shown in an error: a whole URL in its place may carry user info. */
export function shownUrlPath(text: string): string {
  const path = text.trim();
  return path.startsWith("/") && !path.startsWith("//")
    ? quote(path.replace(/[?#].*$/s, "…"))
    : quoteUrl(path);
}
