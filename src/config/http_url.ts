import { InvalidValueError } from "./invalid_value.ts";

const VALID = "use an http:// or https:// URL with a host, such as https://mcp.example.com/mcp";
const SHAPE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)/;
/** First and last character visible, no control character in between. */
// deno-lint-ignore no-control-regex
const CLEAN = /^[^\s\u0000-\u001f\u007f](?:[^\u0000-\u001f\u007f]*[^\s\u0000-\u001f\u007f])?$/;

/**
 * Checks that a text is an absolute http(s) URL with a host (CFG-17); its spelling is kept, nothing is normalised.
 * @throws {InvalidValueError} when it is not
 */
export function checkHttpUrl(text: string): void {
  const [, scheme, authority] = SHAPE.exec(text) ?? [];
  if (scheme === undefined || authority === undefined) {
    throw new InvalidValueError("a URL needs both a scheme and a host", VALID);
  }
  if (!/^https?$/i.test(scheme)) throw new InvalidValueError("only http and https URLs are supported", VALID);
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  // `http://:8080` would pass elsewhere as a URL without a name to connect to.
  if (host === "" || host.startsWith(":")) {
    throw new InvalidValueError("a URL needs both a scheme and a host", VALID);
  }
  if (!CLEAN.test(text)) {
    throw new InvalidValueError("spaces around a URL or control characters in it", VALID);
  }
  if (!URL.canParse(text) || /[\\\s]/.test(authority)) throw new InvalidValueError("not a valid URL", VALID);
}
