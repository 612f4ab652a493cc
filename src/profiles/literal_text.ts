/** What is surely a secret inside a URL or a command line. Used where refusing something innocent would be a nuisance. */
import { isCredentialName } from "../config/mod.ts";

const API_KEY = /\bsk-[A-Za-z0-9_-]{10,}/;
/** Names that people also use for what is no secret: a kind of sign-in, a sort key. */
const AMBIGUOUS = /^(?:auth|key)$/i;
const MIN_SECRET_LENGTH = 6;

/** What is literal in a URL: a phrase for a message; undefined when nothing is. */
export function literalInUrl(text: string): string | undefined {
  if (API_KEY.test(text)) return "an API key";
  if (!URL.canParse(text)) return undefined;
  const { password, searchParams } = new URL(text);
  if (password !== "") return "a password";
  for (const [name, value] of searchParams) {
    if (isCredentialName(name) && value !== "") return `the value of ${name}`;
  }
  return undefined;
}

/** The same for the words of a command line. */
export function literalArgument(words: readonly string[]): string | undefined {
  let flag = "";
  for (const word of words) {
    if (API_KEY.test(word)) return "an API key";
    const [, name, value] = /^-{0,2}([A-Za-z_][\w.-]*)=(.*)$/s.exec(word) ?? ["", flag, word];
    flag = /^--?[A-Za-z][\w-]*$/.test(word) ? word.replace(/^-+/, "") : "";
    if (isSecretPair(name ?? "", value ?? "")) return `the value of ${name}`;
    const url = /[A-Za-z][A-Za-z0-9+.-]*:\/\/\S+/.exec(word)?.[0];
    const inUrl = url === undefined ? undefined : literalInUrl(url);
    if (inUrl !== undefined) return inUrl;
    if (/\bBearer +[\w.~+/-]{6,}/i.test(word)) return "a bearer token";
  }
  return undefined;
}

function isSecretPair(name: string, value: string): boolean {
  const last = name.split(/[-_.]/).at(-1) ?? "";
  if (!isCredentialName(last) || AMBIGUOUS.test(name)) return false;
  if (value.length < MIN_SECRET_LENGTH || /^(?:[-$~]|env:|file:|\.{0,2}\/)/.test(value)) return false;
  return !/[/\\]/.test(value) && !/\.\w{1,5}$/.test(value);
}
