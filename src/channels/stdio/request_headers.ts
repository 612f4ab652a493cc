import type { HeaderMap } from "../channel.ts";

const SENTINEL = /^=\?base64\?(.*)\?=$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
// Visible ASCII, blanks and tabs: all that a value may hold (MCP 2026-07-28, Value Encoding).
const PLAIN = /^[\t\x20-\x7e]*$/;

/**
 * The value of a header without the blanks around it (RFC 9110 §5.5), repeated ones joined.
 * @param name in lower case
 * @returns undefined when there is none
 */
export function headerOf(headers: HeaderMap, name: string): string | undefined {
  let found: string | undefined;
  for (const key in headers) {
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    for (const value of headers[key] ?? []) found = found === undefined ? value : `${found},${value}`;
  }
  return found?.replace(/^[\t ]+|[\t ]+$/g, "");
}

/**
 * The text that a mirrored value stands for: itself, or what its Base64 form holds.
 * @returns undefined when it holds characters that it must not hold, or no proper Base64
 */
export function decodeMirrored(value: string): string | undefined {
  if (!PLAIN.test(value)) return undefined;
  const encoded = SENTINEL.exec(value)?.[1];
  if (encoded === undefined) return value;
  if (!BASE64.test(encoded)) return undefined;
  const bytes = Uint8Array.from(atob(encoded), (byte) => byte.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return undefined;
  }
}
