import type { HttpRequest } from "./http1/http_request.ts";
import { RelayError } from "./relay_error.ts";

const LOOPBACK =
  /^(?:localhost|(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\])$/;

/** True for names and addresses that cannot mean another machine. @param name host without port, IPv6 in brackets */
export function isLoopbackName(name: string): boolean {
  return LOOPBACK.test(name);
}

/**
 * Keeps web pages away from a relay that listens on loopback only: a page may make the browser send requests to it,
 * also under a name of its own that resolves to 127.0.0.1 (DNS rebinding). `Host` must be a loopback name or a
 * configured one, and `Origin`, where there is one, too.
 */
export class HostGuard {
  readonly #allowedNames: ReadonlySet<string>;
  #lastGoodHost = "";

  /** @param allowedNames host names beyond loopback, without port */
  constructor(allowedNames: readonly string[]) {
    this.#allowedNames = new Set(allowedNames.map((name) => name.toLowerCase()));
  }

  /** What is wrong with the request, or undefined. */
  check({ authority, headers }: Pick<HttpRequest, "authority" | "headers">): RelayError | undefined {
    if (authority !== this.#lastGoodHost || authority === "") {
      if (!this.#isAllowed(hostName(authority))) {
        return new RelayError(
          "forbidden_host",
          "This Host is not one under which the relay may be addressed.",
          {
            param: "Host",
          },
        );
      }
      this.#lastGoodHost = authority;
    }
    const origin = headers.get("origin");
    if (origin === undefined || this.#isAllowedOrigin(origin)) return undefined;
    return new RelayError("forbidden_origin", "Pages of this Origin may not use the relay.", {
      param: "Origin",
    });
  }

  #isAllowedOrigin(origin: string): boolean {
    const match = /^https?:\/\/(.+)$/.exec(origin.toLowerCase());
    return match?.[1] !== undefined && this.#isAllowed(hostName(match[1]));
  }

  #isAllowed(name: string): boolean {
    return isLoopbackName(name) || this.#allowedNames.has(name);
  }
}

/** Host without port, in lower case; empty when it is no host. */
function hostName(host: string): string {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)\.?(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1]?.replace(
    /\.$/,
    "",
  ) ?? "";
}
