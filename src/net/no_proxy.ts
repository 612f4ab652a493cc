/** `NO_PROXY`: which targets the conventional proxy variables do not apply to (CFG-61, PX-7). */
import type { BlockList } from "node:net";
import { nodeNet } from "./node_modules.ts";

interface DomainRule {
  /** With its leading dot. */
  readonly suffix: string;
  /** Whether the domain itself matches too, not only what is below it. */
  readonly itself: boolean;
  readonly port: string;
}

interface AddressRule {
  readonly addresses: BlockList;
  readonly port: string;
}

/** A parsed list. */
export interface NoProxy {
  /**
   * @param hostname lower case, an IPv6 address without brackets
   * @returns true when no proxy is to be used
   */
  matches(hostname: string, port: number): boolean;
}

/** The host is this machine; the conventional variables never apply to it. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || contains(loopback(), hostname);
}

function loopback(): BlockList {
  const list = new (nodeNet().BlockList)();
  list.addSubnet("127.0.0.0", 8, "ipv4");
  list.addAddress("::1", "ipv6");
  return list;
}

/**
 * Parses the list: entries between commas, trimmed, in any letter case; `*`, an address, a network, `host` (with its
 * subdomains), `.suffix` or `*.suffix` (subdomains only), each but networks with an optional `:port`. What is none of
 * these matches nothing.
 */
export function parseNoProxy(text: string): NoProxy {
  const { BlockList, isIP } = nodeNet();
  const domains: DomainRule[] = [];
  const addresses: AddressRule[] = [];
  for (const part of text.split(",")) {
    const entry = part.trim().toLowerCase();
    if (entry === "*") return EVERYTHING;
    const network = parseNetwork(entry);
    if (network !== undefined) {
      addresses.push({ addresses: network, port: "" });
      continue;
    }
    const { host, port } = splitPort(entry);
    if (host === "") continue;
    const family = isIP(host);
    if (family !== 0) {
      const address = new BlockList();
      address.addAddress(host, family === 4 ? "ipv4" : "ipv6");
      addresses.push({ addresses: address, port });
      continue;
    }
    const name = asciiName(host.startsWith("*.") ? host.slice(1) : host);
    if (name.startsWith(".")) domains.push({ suffix: name, itself: false, port });
    else domains.push({ suffix: `.${name}`, itself: true, port });
  }
  return {
    matches(hostname, port) {
      const portText = String(port);
      const portFits = (rule: { readonly port: string }) => rule.port === "" || rule.port === portText;
      if (isIP(hostname) !== 0) {
        return addresses.some((rule) => portFits(rule) && contains(rule.addresses, hostname));
      }
      return domains.some((rule) =>
        portFits(rule) &&
        (hostname.endsWith(rule.suffix) || (rule.itself && `.${hostname}` === rule.suffix))
      );
    },
  };
}

const EVERYTHING: NoProxy = { matches: () => true };

function parseNetwork(entry: string): BlockList | undefined {
  const { BlockList, isIP } = nodeNet();
  const match = /^([0-9a-f.:]+)\/([0-9]{1,3})$/.exec(entry);
  const [, address = "", digits = ""] = match ?? [];
  const family = isIP(address);
  const prefix = Number(digits);
  if (family === 0 || prefix > (family === 4 ? 32 : 128)) return undefined;
  const network = new BlockList();
  network.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  return network;
}

function splitPort(entry: string): { readonly host: string; readonly port: string } {
  const bracketed = /^\[([^\]]*)\](?::([0-9]*))?$/.exec(entry);
  if (bracketed !== null) return { host: bracketed[1] ?? "", port: bracketed[2] ?? "" };
  const match = /^([^:]*):([^:]*)$/.exec(entry);
  return match === null ? { host: entry, port: "" } : { host: match[1] ?? "", port: match[2] ?? "" };
}

/** A name in other scripts as it stands in a parsed URL. */
function asciiName(name: string): string {
  const dot = name.startsWith(".") ? "." : "";
  const parsed = URL.parse(`http://${name.slice(dot.length)}/`);
  return parsed === null || parsed.hostname === "" ? name : dot + parsed.hostname;
}

function contains(list: BlockList, hostname: string): boolean {
  const family = nodeNet().isIP(hostname);
  return family !== 0 && list.check(hostname, family === 4 ? "ipv4" : "ipv6");
}
