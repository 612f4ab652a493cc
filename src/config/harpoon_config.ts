/** The Harpoon part of the finished configuration. */
import type { ProxyChoice } from "./network_config.ts";

/** A URL that the built-in channel may call (CFG-83). */
export interface HarpoonUrlTarget {
  readonly kind: "url";
  readonly label: string;
  readonly description: string;
  /** As configured. May hold secrets; show only its origin. */
  readonly url: string;
  /** Absolute; every request dials this socket and no proxy. Absent when not configured. */
  readonly unixSocket?: string;
}

/** What a caller may put into a placeholder of a template. */
export interface HarpoonTemplateParameter {
  readonly name: string;
  readonly description: string;
  readonly examples: readonly string[];
  /** Always matched against the whole value; absent when there is an `enum` only. */
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly minLength: number;
  readonly maxLength: number;
  readonly reservedValues: readonly string[];
}

/** A request whose blanks callers fill in (08 §11); no part of it but label, description and parameters is ever shown. */
export interface HarpoonTemplateTarget {
  readonly kind: "template";
  readonly label: string;
  readonly description: string;
  readonly template: {
    readonly version: 1;
    /** `https://host[:port]`. */
    readonly origin: string;
    readonly method: "GET";
    readonly pathTemplate: string;
    /** Values are one placeholder or a literal text, in order of configuration. */
    readonly query: readonly (readonly [key: string, value: string])[];
    readonly parameters: readonly HarpoonTemplateParameter[];
    /** Secret values, references resolved. */
    readonly headers: readonly (readonly [name: string, value: string])[];
    /** Canonical names of headers that callers may set. */
    readonly allowedHeaders: readonly string[];
    readonly followRedirects: false;
  };
}

export type HarpoonTarget = HarpoonUrlTarget | HarpoonTemplateTarget;

export interface HarpoonConfig {
  readonly targets: readonly HarpoonTarget[];
  readonly allowPlaintextHttp: boolean;
  readonly maxResponseBytes: number;
  readonly maxRedirects: number;
  readonly proxy: ProxyChoice;
  /** Further ways to reach the built-in channel besides the tunnel (CFG-86). */
  readonly additionalTransports: readonly "http-streamable"[];
  readonly capturePayloads: boolean;
  /** As typed, for display; `.example.com` and `example.com` mean the same (CFG-87). */
  readonly hostsIncludeSuffix: readonly string[];
  /** As typed; compile with `hostPattern()` (CFG-88). */
  readonly hostsIncludeRegex: readonly string[];
  readonly hostsIncludeLoopback: boolean;
  readonly hostsIncludePrivate: boolean;
}
