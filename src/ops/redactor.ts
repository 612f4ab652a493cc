import type { LogFields, LogValue } from "./observe.ts";
import { isSensitiveKey, REDACTED, scrubText } from "./redaction_rules.ts";

/** Shorter values are not replaced by name: they are ordinary words, and every line would be full of holes. */
const MIN_SECRET_CHARS = 4;
/** Up to this length a secret is replaced only where it stands alone, so that `prod` does not eat `production`. */
const MAX_WORD_SECRET_CHARS = 7;
/** How deep nested fields are followed; also what ends a cycle. */
const MAX_DEPTH = 8;
const MAX_CACHED_TEXTS = 1000;

/** Takes secrets out of everything that leaves the program towards an operator (spec 06 §10). */
export interface Redactor {
  /**
   * Makes a value known as secret: it is replaced wherever it occurs, also percent-encoded, JSON-escaped, and without
   * its `Bearer` or `Basic` word. Values of fewer than 4 characters are ignored.
   */
  addSecret(value: string): void;
  /** Makes the password and the query values of a URL known as secrets. A text that is no URL is ignored. */
  addUrlSecrets(url: string): void;
  text(text: string): string;
  /** For texts that come again and again, such as event names: remembers the answer. */
  constantText(text: string): string;
  /** A copy without secrets, keys included, at any depth (RD-2, RD-3). */
  fields(fields: LogFields): Record<string, LogValue>;
  /** The same for any plain value. */
  value(value: unknown): LogValue;
}

interface WordSecret {
  readonly text: string;
  readonly pattern: RegExp;
}

/** Makes a redactor that knows no secret yet, only the general rules. */
export function createRedactor(): Redactor {
  const literals = new Set<string>();
  const words = new Map<string, WordSecret>();
  let longestFirst: readonly string[] = [];
  const constants = new Map<string, string>();
  const sensitiveKeys = new Map<string, boolean>();

  function addLiteral(value: string): void {
    if (value.length < MIN_SECRET_CHARS) return;
    if (value.length > MAX_WORD_SECRET_CHARS) literals.add(value);
    else {words.set(value, {
        text: value,
        pattern: new RegExp(`(?<![\\w-])${RegExp.escape(value)}(?![\\w-])`, "g"),
      });}
  }

  function addSecret(value: string): void {
    const trimmed = value.trim();
    const credential = /^[A-Za-z][\w-]*[ \t]+(\S+)$/.exec(trimmed)?.[1];
    const basic = credential !== undefined && /^basic\s/i.test(trimmed) ? decodeBasic(credential) : [];
    for (const text of [trimmed, ...(credential === undefined ? [] : [credential]), ...basic]) {
      addLiteral(text);
      addLiteral(encodeURIComponent(text));
      addLiteral(JSON.stringify(text).slice(1, -1));
    }
    longestFirst = [...literals].sort((a, b) => b.length - a.length);
    constants.clear();
  }

  function text(input: string): string {
    let output = input;
    for (const secret of longestFirst) {
      if (output.includes(secret)) output = output.replaceAll(secret, REDACTED);
    }
    for (const word of words.values()) {
      if (output.includes(word.text)) output = output.replace(word.pattern, REDACTED);
    }
    return scrubText(output);
  }

  function constantText(input: string): string {
    const known = constants.get(input);
    if (known !== undefined) return known;
    const output = text(input);
    if (constants.size < MAX_CACHED_TEXTS) constants.set(input, output);
    return output;
  }

  function isSensitive(key: string): boolean {
    const known = sensitiveKeys.get(key);
    if (known !== undefined) return known;
    const sensitive = isSensitiveKey(key);
    if (sensitiveKeys.size < MAX_CACHED_TEXTS) sensitiveKeys.set(key, sensitive);
    return sensitive;
  }

  function record(fields: object, depth: number): Record<string, LogValue> {
    const output: Record<string, LogValue> = {};
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      output[constantText(key)] = isSensitive(key) ? REDACTED : nested(value, depth);
    }
    return output;
  }

  function nested(value: unknown, depth: number): LogValue {
    switch (typeof value) {
      case "string":
        return text(value);
      case "number":
      case "boolean":
      case "undefined":
        return value;
      case "object":
        if (value === null) return "null";
        if (value instanceof Error) return text(`${value.name}: ${value.message}`);
        if (value instanceof URL || value instanceof Date) return text(String(value));
        if (depth >= MAX_DEPTH) return "[…]";
        if (Array.isArray(value)) return value.map((item) => nested(item, depth + 1));
        return record(value, depth + 1);
      default:
        return text(String(value));
    }
  }

  return {
    addSecret,
    addUrlSecrets(url) {
      const parsed = URL.parse(url);
      if (parsed === null) return;
      addSecret(parsed.password);
      addSecret(safeDecode(parsed.password));
      for (const value of parsed.searchParams.values()) addSecret(value);
    },
    text,
    constantText,
    fields: (fields) => record(fields, 0),
    value: (value) => nested(value, 0),
  };
}

/** The pair and the password of `user:password` in base64; nothing when the text is something else. */
function decodeBasic(credential: string): readonly string[] {
  try {
    const pair = atob(credential);
    const colon = pair.indexOf(":");
    return colon < 0 ? [] : [pair, pair.slice(colon + 1)];
  } catch (error) {
    if (error instanceof DOMException && error.name === "InvalidCharacterError") return [];
    throw error;
  }
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
