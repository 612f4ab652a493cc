/** What counts as a secret in free text and in field names: the tables of spec 06 §10, with the gaps of RD-0 closed. */

/** Stands where a secret stood. */
export const REDACTED = "[REDACTED]";

interface TextRule {
  readonly pattern: RegExp;
  readonly replace: (match: string, ...groups: string[]) => string;
}

const wholly = () => REDACTED;
const afterPrefix = (_match: string, prefix: string) => prefix + REDACTED;

const SECRET_NAMES = "api[_-]?key|access_token|refresh_token|id_token|client_secret|code|password|secret";
/** Names beyond the published list, whose values survived there (RD-0). */
const MORE_NAMES =
  "token|shard_token|x-tunnel-shard-token|x-api-key|private_key|(?:proxy-)?authorization|(?:set-)?cookie";
const QUERY_ONLY_NAMES = "key|sig|signature|auth";
const AUTH_SCHEMES = "Bearer|Basic|Digest|Negotiate|Token|ApiKey";
/** A value that T6 has replaced already; T7 would take the `#fragment` behind it as well. */
const DONE = "(?!\\[REDACTED\\](?:[#&\\s\"']|$))";
/** A quoted value, perhaps cut off. What a colon follows is the name of the next member, and must stay to be seen as one. */
const QUOTED = `"(?:[^"\\\\]|\\\\.)*(?:"(?!\\w|\\s*:)|$)`;

/** `"code": -32601` and `code=500` are JSON-RPC and HTTP numbers, not OAuth codes (RD-1). */
function isPlainErrorCode(name: string, value: string): boolean {
  return name.toLowerCase() === "code" && /^-?\d{1,6}$/.test(value);
}

/** In the order in which they must run (T1 … T9), then what the published rules lack. */
const TEXT_RULES: readonly TextRule[] = [
  {
    pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    replace: wholly,
  },
  // T1 … T4, and the same for every scheme and for the other headers that carry credentials.
  {
    pattern: new RegExp(
      `(\\b(?:proxy-)?authorization:[ \\t]*(?:(?:${AUTH_SCHEMES})[ \\t]+)?)[^\\r\\n]+`,
      "gi",
    ),
    replace: afterPrefix,
  },
  { pattern: /(\bx-tunnel-shard-token:[ \t]*)[^\r\n]+/gi, replace: afterPrefix },
  { pattern: /(\b(?:set-)?cookie:[ \t]*)[^\r\n]+/gi, replace: afterPrefix },
  // Not `control-plane.api-key: …`, the way errors name a setting.
  { pattern: /((?<![\w.-])(?:x-)?api-?key:[ \t]*)[^\r\n]+/gi, replace: afterPrefix },
  // T5
  { pattern: /\bsk-[A-Za-z0-9_-]{10,}/g, replace: () => "sk-REDACTED" },
  // T6
  {
    pattern: new RegExp(`([?&](?:${SECRET_NAMES}|${MORE_NAMES}|${QUERY_ONLY_NAMES})=)[^&#\\s"]+`, "gi"),
    replace: afterPrefix,
  },
  // T7
  {
    pattern: new RegExp(
      `\\b((${SECRET_NAMES}|${MORE_NAMES})[ \\t]*=[ \\t]*(?:(?:${AUTH_SCHEMES})[ \\t]+)?)${DONE}(${QUOTED}|'[^']*'|[^&\\s]+)`,
      "gi",
    ),
    replace: (match, prefix, name, value) => isPlainErrorCode(name, value) ? match : prefix + REDACTED,
  },
  // T8, arrays included: header maps hold lists of values.
  {
    pattern: new RegExp(
      `("(${SECRET_NAMES}|${MORE_NAMES})"\\s*:\\s*)(${QUOTED}|\\[(?:[^\\]"]|${QUOTED})*\\]?|[^,}\\]\\s]+)`,
      "gi",
    ),
    replace: (match, prefix, name, value) => isPlainErrorCode(name, value) ? match : `${prefix}"${REDACTED}"`,
  },
  // The same inside a JSON string, where every quote is escaped.
  {
    pattern: new RegExp(`(\\\\"(?:${SECRET_NAMES}|${MORE_NAMES})\\\\"\\s*:\\s*\\\\").*?(\\\\"|$)`, "gim"),
    replace: (_match, prefix, quote) => prefix + REDACTED + quote,
  },
  // T9
  {
    pattern: /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"':]*:[^\s/?#"]*@/gi,
    replace: (_match, scheme) => `${scheme}${REDACTED}@`,
  },
  // A scheme word in prose ("Basic authentication") is followed by a plain word, a credential is not.
  {
    pattern:
      /\b([Bb]earer|[Bb]asic|BEARER|BASIC)[ \t]+(?![A-Za-z][a-z]{0,18}\b(?![=.\d_~+/-]))[\w.~+/-]{6,}={0,2}/g,
    replace: (_match, scheme) => `${scheme} ${REDACTED}`,
  },
  { pattern: /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?/g, replace: wholly },
  { pattern: /\b(?:gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|xox[a-z]-[\w-]{10,})/g, replace: wholly },
];

/** No rule can match a text without one of these; most texts have none and cost one scan. */
const NEEDS_PUNCTUATION = /[-=:."_ ]/;
const NEEDS_KEYWORD =
  /authorization|cookie|token|secret|password|api[_-]?key|private.key|code|bearer|basic|sk-|:\/\/|[?&](?:key|sig|auth)|eyJ|gh[oprsu]_|github_pat_|xox[a-z]-/i;

/** Replaces everything in `text` that looks like a credential (T1 … T9 and RD-0). */
export function scrubText(text: string): string {
  if (!NEEDS_PUNCTUATION.test(text) || !NEEDS_KEYWORD.test(text)) return text;
  let scrubbed = text;
  for (const { pattern, replace } of TEXT_RULES) {
    scrubbed = scrubbed.replace(pattern, replace);
  }
  return scrubbed;
}

const SENSITIVE_KEYS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "set_cookie",
  "x_tunnel_shard_token",
  "shard_token",
  "api_key",
  "apikey",
  "access_token",
  "refresh_token",
  "id_token",
  "client_secret",
  "password",
  "secret",
  "proxy_authorization",
  "x_api_key",
  "private_key",
  "token",
]);

/** True when the value under this field name is a secret whatever it looks like (RD-2). */
export function isSensitiveKey(key: string): boolean {
  return SENSITIVE_KEYS.has(key.toLowerCase().replaceAll("-", "_"));
}
