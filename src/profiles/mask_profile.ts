import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  type Scalar,
} from "yaml";
import {
  InvalidValueError,
  isCredentialName,
  type Location,
  type Member,
  parseCommandLine,
  type Setting,
  SETTINGS,
  shownArguments,
} from "../config/mod.ts";
import { literalArgument } from "./literal_text.ts";

/** A secret that stands in a profile itself; never holds it. */
export interface LiteralSecret {
  /** Path of keys: `control_plane.api_key`. */
  readonly key: string;
  readonly location: Location;
}

/** A profile that may be shown. */
export interface MaskedProfile {
  /** The same text, comments and all, without its secrets. */
  readonly text: string;
  readonly secrets: readonly LiteralSecret[];
}

const REDACTED = "[REDACTED]";
const API_KEY = /\bsk-[A-Za-z0-9_-]{10,}/g;
const USER_INFO = /(:\/\/)[^/?#\s"']*@/g;
const QUERY = /([?&])([A-Za-z_][\w.-]*)=([^&#\s"']+)/g;
const REFERENCE = /^\s*(?:env|file):/i;
const MIN_SECRET_LENGTH = 6;

/**
 * Masks the secrets of a profile: values of secret settings, header values, what is called like a secret, passwords and keys
 * in URLs and arguments, also in comments. References stay, for they are no secrets.
 * @param path names the file in locations
 * @returns undefined when the text is not YAML, so that nobody can tell what is a secret in it
 */
export function maskProfile(text: string, path: string): MaskedProfile | undefined {
  const masker = new Masker(text, path);
  const options = { schema: "failsafe", uniqueKeys: false, prettyErrors: false, logLevel: "silent" } as const;
  const documents = parseAllDocuments(text, options);
  if (!Array.isArray(documents)) return { text: maskText(text), secrets: [] };
  for (const document of documents) {
    if (document.errors.length > 0) return undefined;
    masker.walk(document, document.contents, []);
  }
  return masker.result();
}

class Masker {
  readonly #masked = new Map<number, { readonly end: number; readonly text: string }>();
  readonly #secrets = new Map<number, LiteralSecret>();
  readonly #values = new Set<string>();
  readonly #seen = new Set<Node>();

  constructor(readonly text: string, readonly path: string) {}

  walk(document: Document.Parsed, node: unknown, keys: readonly string[]): void {
    if (isAlias(node)) {
      const source = node.resolve(document);
      // The text stands where the anchor is; what it is there for decides nothing.
      if (isScalar(source)) this.#look(source, keys);
      else if (source !== undefined && !this.#seen.has(source)) {
        this.#seen.add(source);
        this.walk(document, source, keys);
        this.#seen.delete(source);
      }
    } else if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : "";
        this.walk(document, value, name === "<<" ? keys : [...keys, name]);
      }
    } else if (isSeq(node)) {
      for (const item of node.items) this.walk(document, item, keys);
    } else if (isScalar(node)) this.#look(node, keys);
  }

  #look(node: Scalar, keys: readonly string[]): void {
    const value = typeof node.value === "string" ? node.value : "";
    if (value.trim() === "" || REFERENCE.test(value) || !node.range) return;
    const kind = kindOf(keys);
    if (kind === "secret" || kind === "hidden") {
      this.#mask(node, REDACTED);
      if (kind === "secret") this.#note(node, keys);
      if (value.trim().length >= MIN_SECRET_LENGTH) this.#values.add(value.trim());
    } else if (kind === "command") {
      this.#lookAtCommand(node, value, keys);
    } else if (maskText(value) !== value) {
      this.#note(node, keys);
    }
  }

  #lookAtCommand(node: Scalar, value: string, keys: readonly string[]): void {
    let words: readonly string[];
    try {
      words = parseCommandLine(value);
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      return this.#mask(node, REDACTED); // nobody can tell its arguments apart
    }
    const shown = shownArguments(words).map(maskText);
    if (shown.some((word, index) => word !== words[index])) this.#mask(node, shown.map(shellWord).join(" "));
    if (literalArgument(words) !== undefined) this.#note(node, keys);
  }

  #mask({ range }: Scalar, text: string): void {
    if (!range) return;
    const [start, end] = range;
    const tail = this.text.slice(start, end).endsWith("\n") ? "\n" : "";
    this.#masked.set(start, { end, text: JSON.stringify(text) + tail });
  }

  #note({ range }: Scalar, keys: readonly string[]): void {
    const offset = range?.[0] ?? 0;
    const before = this.text.slice(0, offset).split("\n");
    const location = { path: this.path, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    this.#secrets.set(offset, { key: keys.join("."), location });
  }

  result(): MaskedProfile {
    let masked = "";
    let at = 0;
    for (const [start, { end, text }] of [...this.#masked].sort(([a], [b]) => a - b)) {
      if (start < at) continue;
      masked += this.#maskRest(this.text.slice(at, start)) + text;
      at = end;
    }
    const secrets = [...this.#secrets].sort(([a], [b]) => a - b).map(([, secret]) => secret);
    return { text: masked + this.#maskRest(this.text.slice(at)), secrets };
  }

  /** Whoever has a key in a value often has the old one in a comment. */
  #maskRest(text: string): string {
    let masked = text;
    for (const value of this.#values) masked = masked.replaceAll(value, REDACTED);
    return maskText(masked);
  }
}

/** Masks what is a secret by its looks, wherever it stands. */
function maskText(text: string): string {
  return text.replace(API_KEY, "sk-REDACTED").replace(USER_INFO, `$1${REDACTED}@`).replace(
    QUERY,
    (all, sign: string, name: string) => isCredentialName(name) ? `${sign}${name}=${REDACTED}` : all,
  );
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** `hidden`: not shown, and yet nothing to warn about, such as the value of just any header. */
type Kind = "secret" | "hidden" | "command" | "plain";

/** What the settings say of a path of keys; indexes of lists are not part of it. */
function kindOf(keys: readonly string[]): Kind {
  const path = keys.join(".");
  const settings: readonly Setting[] = SETTINGS;
  for (const setting of settings) {
    const yaml = setting.yaml;
    if (yaml === undefined || (path !== yaml && !path.startsWith(`${yaml}.`))) continue;
    if (path === yaml) return setting.secret === true ? "secret" : "plain";
    if (setting.type === "headers") return isCredentialName(keys.at(-1) ?? "") ? "secret" : "hidden";
    const kind = memberKind(setting.members ?? [], keys.slice(yaml.split(".").length));
    if (kind !== undefined) return kind;
  }
  return isCredentialName(keys.at(-1) ?? "") ? "secret" : "plain";
}

/** Undefined for what the table does not know. */
function memberKind(
  members: readonly Member[],
  [key, ...rest]: readonly string[],
): Kind | undefined {
  const member = members.find((candidate) => candidate.key === key);
  if (member === undefined) return undefined;
  if (member.type === "command") return "command";
  const name = rest.at(-1);
  if (member.type === "map" && name !== undefined) {
    if (isCredentialName(name)) return "secret";
    return member.secret === true ? "hidden" : "plain";
  }
  if (member.type === "object") return memberKind(member.members ?? [], rest);
  if (member.type === "objects") return memberKind(member.members ?? [], rest.slice(1));
  return member.secret === true && !["url", "proxy-ref"].includes(member.type) ? "secret" : "plain";
}
