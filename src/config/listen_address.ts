import { InvalidValueError } from "./invalid_value.ts";

/** A TCP address to listen on. */
export interface ListenAddress {
  /** Without brackets; empty means all interfaces. */
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

const VALID = "use host:port such as 127.0.0.1:8080, :8080 for all interfaces, or [::1]:8080";

/**
 * Reads `host:port` (CFG-97).
 * @throws {InvalidValueError} when it does not split into host and port, or the port is not 0 to 65535
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.%A-Za-z]+)\]|([^\s:[\]/@]*)):(\d{1,5})$/.exec(text);
  if (match === null) throw new InvalidValueError("not a listen address", VALID);
  const port = Number(match[3]);
  if (port > 65535) throw new InvalidValueError("port is above 65535", VALID);
  return { hostname: match[1] ?? match[2] ?? "", port };
}
