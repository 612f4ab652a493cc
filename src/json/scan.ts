/** Where one JSON value stands: `text.slice(start, end)` is exactly the value, without blanks around it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Finds the value of one member of an object.
 * @param text valid JSON; what stands at `from` (blanks allowed before it) must be an object
 * @param name member name as parsed, compared exactly
 * @returns the place of its value; with duplicate members the last one, the one that `JSON.parse` keeps
 */
export function findMember(text: string, name: string, from = 0): Span | undefined {
  return scanObject(text, name, from).member;
}

/**
 * Like {@link findMember}, and tells where the object ends, so that a list of objects is walked in one pass.
 * @returns `end` is the position behind the object, or behind the value if it is not an object
 */
export function scanObject(text: string, name: string, from = 0): { member: Span | undefined; end: number } {
  let at = skipBlanks(text, from);
  if (text.charCodeAt(at) !== OPEN_BRACE) return { member: undefined, end: skipValue(text, at) };
  let member: Span | undefined;
  at = skipBlanks(text, at + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACE) {
    const keyEnd = skipString(text, at);
    const hit = isKey(text, at, keyEnd, name);
    at = skipBlanks(text, keyEnd);
    if (text.charCodeAt(at) === COLON) at = skipBlanks(text, at + 1);
    const end = skipValue(text, at);
    if (hit) member = { start: at, end };
    at = skipBlanks(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1);
  }
  return { member, end: at + 1 };
}

/**
 * All members of the object at `from`, in order, those with the same name too.
 * @param text valid JSON
 * @returns undefined when what stands there is no object
 */
export function objectMembers(text: string, from = 0): { name: string; value: Span }[] | undefined {
  let at = skipBlanks(text, from);
  if (text.charCodeAt(at) !== OPEN_BRACE) return undefined;
  const members: { name: string; value: Span }[] = [];
  at = skipBlanks(text, at + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACE) {
    const keyEnd = skipString(text, at);
    const name: string = JSON.parse(text.slice(at, keyEnd));
    const start = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    const end = skipValue(text, start);
    members.push({ name, value: { start, end } });
    at = skipBlanks(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1);
  }
  return members;
}

/** Start positions of the elements of the array at `from`; empty when there is no array. */
export function arrayElements(text: string, from = 0): Span[] {
  const elements: Span[] = [];
  let at = skipBlanks(text, from);
  if (text.charCodeAt(at) !== OPEN_BRACKET) return elements;
  at = skipBlanks(text, at + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = skipValue(text, at);
    elements.push({ start: at, end });
    at = skipBlanks(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1);
  }
  return elements;
}

/** The text with the value at `span` replaced; everything else stays as it was. */
export function replaceSpan(text: string, span: Span, replacement: string): string {
  return text.slice(0, span.start) + replacement + text.slice(span.end);
}

/**
 * The same JSON on one line: line ends become blanks. Lossless, because inside JSON strings a line end can only
 * stand escaped.
 */
export function oneLine(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, " ") : text;
}

/** Position behind the JSON value that starts exactly at `at`. */
export function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(text, at);
  let end = at;
  while (end < text.length && !endsScalar(text.charCodeAt(end))) end++;
  return end;
}

function skipNested(text: string, at: number): number {
  let depth = 0;
  const length = text.length;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    at++;
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return at;
  }
  return length;
}

/** Jumps from quote to quote with the native search, so that a long string costs next to nothing. */
function skipString(text: string, at: number): number {
  let quote = at;
  for (;;) {
    quote = text.indexOf('"', quote + 1);
    if (quote === -1) return text.length;
    let before = quote - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if (((quote - 1 - before) & 1) === 0) return quote + 1;
  }
}

function isKey(text: string, start: number, end: number, name: string): boolean {
  if (end - start === name.length + 2) return text.startsWith(name, start + 1);
  const raw = text.slice(start, end);
  return raw.includes("\\") && JSON.parse(raw) === name;
}

function skipBlanks(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

function endsScalar(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code === 0x20 || code === 0x0a ||
    code === 0x0d || code === 0x09;
}
