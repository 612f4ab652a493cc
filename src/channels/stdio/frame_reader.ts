import { ValueScanner } from "./value_scanner.ts";

/** One JSON object of the child, as text and parsed to look at. */
export interface Frame {
  readonly value: Readonly<Record<string, unknown>>;
  /** The object's text exactly as received, without blanks around it. */
  readonly text: string;
  /** The same as bytes, where that spares a large value the way back from text; always valid UTF-8. */
  readonly bytes: Uint8Array | undefined;
}

/** Something on stdout that is no JSON object. */
export interface SkippedOutput {
  readonly reason: "not JSON" | "not a JSON object" | "unfinished JSON" | "too large";
  readonly bytes: number;
  /** Beginning of the text, or empty where it may be a damaged message and so a payload (L-8). */
  readonly head: string;
}

/** Values from this size on are handed out as bytes too: re-encoding them would cost more than keeping them. */
const KEEP_BYTES_FROM = 64 * 1024;
/** How much of a skipped line is kept for the log. */
const HEAD_BYTES = 400;
/**
 * Largest value, in bytes. Far beyond anything sensible: it only keeps a child that never ends its line from
 * filling the memory, and stays below the longest string of the engine.
 */
export const MAX_VALUE_BYTES = 256 * 1024 * 1024;

const LF = 0x0a;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * Cuts what a child writes into JSON objects: values separated by line ends, one line or many lines each (ST-10),
 * batches opened (ST-11), anything else skipped (ST-12). The cost is linear in the bytes, wherever the chunks end.
 *
 * The caller pushes a chunk, takes frames until there is none, and pushes the next; in between the chunk must not change.
 */
export class FrameReader {
  readonly #onSkipped: (skipped: SkippedOutput) => void;
  readonly #limitBytes: number;
  readonly #strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #lenient = new TextDecoder();
  readonly #scanner = new ValueScanner();

  #chunk = new Uint8Array(0);
  #at = 0;
  /** Pieces of a line whose end has not arrived, copied out of their chunks. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Set while the rest of a line is thrown away. */
  #skipping: { reason: SkippedOutput["reason"]; bytes: number; head: string } | undefined;
  #ready: Frame[] = [];
  #readyAt = 0;
  #ended = false;

  constructor(onSkipped: (skipped: SkippedOutput) => void, limitBytes: number = MAX_VALUE_BYTES) {
    this.#onSkipped = onSkipped;
    this.#limitBytes = limitBytes;
  }

  /** Adds bytes. Everything that {@link next} could give must have been taken before. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk as Uint8Array<ArrayBuffer>;
    this.#at = 0;
  }

  /** Tells that nothing more will come; a last line without a line end counts too. */
  end(): void {
    this.#ended = true;
  }

  /** The next object, or undefined when more bytes are needed. */
  next(): Frame | undefined {
    for (;;) {
      if (this.#readyAt < this.#ready.length) return this.#ready[this.#readyAt++];
      if (this.#ready.length > 0) {
        this.#ready = [];
        this.#readyAt = 0;
      }
      const line = this.#nextLine();
      if (line !== undefined) {
        const frame = this.#readLine(line);
        if (frame !== undefined) return frame;
      } else if (!this.#ended || !this.#scanner.pending) return undefined;
      else this.#giveUpUnfinished();
    }
  }

  /** The next whole line, without its line end. */
  #nextLine(): Uint8Array | undefined {
    while (this.#at < this.#chunk.length) {
      const start = this.#at;
      const lineEnd = this.#chunk.indexOf(LF, start);
      this.#at = lineEnd === -1 ? this.#chunk.length : lineEnd + 1;
      const piece = this.#chunk.subarray(start, lineEnd === -1 ? undefined : lineEnd);
      if (this.#skipping !== undefined) {
        this.#skipping.bytes += piece.length;
        if (lineEnd !== -1) this.#finishSkipping();
        continue;
      }
      if (this.#partBytes + piece.length + this.#scanner.pendingChars > this.#limitBytes) {
        this.#beginSkipping("too large", piece, "");
        if (lineEnd !== -1) this.#finishSkipping();
        continue;
      }
      // A large line is kept beyond the chunk, see `Frame.bytes`.
      if (lineEnd !== -1) {
        return this.#partBytes === 0 && piece.length < KEEP_BYTES_FROM ? piece : this.#join(piece);
      }
      this.#keep(piece);
    }
    return this.#ended ? this.#lastLine() : undefined;
  }

  #keep(piece: Uint8Array): void {
    if (this.#partBytes === 0 && !this.#scanner.pending) {
      const first = firstByte(piece);
      if (
        first !== undefined && first !== OPEN_BRACE && first !== OPEN_BRACKET && first !== BYTE_ORDER_MARK[0]
      ) {
        this.#beginSkipping("not JSON", piece, this.#lenient.decode(piece.subarray(0, HEAD_BYTES)));
        return;
      }
    }
    this.#parts.push(piece.slice());
    this.#partBytes += piece.length;
  }

  #beginSkipping(reason: SkippedOutput["reason"], piece: Uint8Array, head: string): void {
    this.#skipping = { reason, bytes: piece.length + this.#partBytes + this.#scanner.pendingChars, head };
    this.#parts = [];
    this.#partBytes = 0;
    this.#scanner.reset();
  }

  #finishSkipping(): void {
    if (this.#skipping !== undefined) this.#onSkipped(this.#skipping);
    this.#skipping = undefined;
  }

  #join(last: Uint8Array): Uint8Array {
    const line = new Uint8Array(this.#partBytes + last.length);
    let at = 0;
    for (const part of this.#parts) {
      line.set(part, at);
      at += part.length;
    }
    line.set(last, at);
    this.#parts = [];
    this.#partBytes = 0;
    return line;
  }

  #lastLine(): Uint8Array | undefined {
    this.#finishSkipping();
    return this.#partBytes > 0 ? this.#join(new Uint8Array(0)) : undefined;
  }

  /** Reads a line. One object comes back at once; what else is found waits in `#ready`. */
  #readLine(line: Uint8Array): Frame | undefined {
    if (this.#scanner.pending) {
      this.#scan(this.#lenient.decode(line), line.length);
      return undefined;
    }
    const bytes = trimBlanks(line);
    const first = bytes[0];
    if (first === undefined) return undefined;
    if (first === OPEN_BRACE) {
      const frame = this.#readObject(bytes);
      if (frame !== undefined) return frame;
      this.#scan(this.#lenient.decode(line), bytes.length);
    } else if (first === OPEN_BRACKET) this.#scan(this.#lenient.decode(line), bytes.length);
    else {
      this.#onSkipped({
        reason: "not JSON",
        bytes: bytes.length,
        head: this.#lenient.decode(bytes.subarray(0, HEAD_BYTES)),
      });
    }
    return undefined;
  }

  /** The usual case: one object, one line. */
  #readObject(bytes: Uint8Array): Frame | undefined {
    let text: string;
    let kept: Uint8Array | undefined;
    try {
      text = this.#strict.decode(bytes);
      kept = bytes.length >= KEEP_BYTES_FROM ? bytes : undefined;
    } catch (error) {
      // Not UTF-8: the damaged characters are replaced, and the text is handed on instead of the bytes.
      if (!(error instanceof TypeError)) throw error;
      text = this.#lenient.decode(bytes);
    }
    const value = parseObject(text);
    return value === undefined ? undefined : { value, text, bytes: kept };
  }

  /** Reads a line that is not simply one object: a piece of a value, several values, a batch, or no JSON at all. */
  #scan(line: string, lineBytes: number): void {
    const continued = this.#scanner.pending;
    const values: string[] = [];
    const stoppedAt = this.#scanner.feed(line, values);
    for (const text of values) this.#accept(text);
    if (stoppedAt === -1) return;
    if (!continued || values.length > 0) {
      this.#scanner.reset();
      this.#onSkipped({ reason: "not JSON", bytes: lineBytes, head: headOf(line) });
      return;
    }
    this.#giveUpUnfinished();
    const text = line.trim();
    const value = text.startsWith("{") ? parseObject(text) : undefined;
    if (value !== undefined) this.#ready.push({ value, text, bytes: undefined });
    else if (text.startsWith("{") || text.startsWith("[")) this.#scan(text, lineBytes);
    else if (text !== "") this.#onSkipped({ reason: "not JSON", bytes: lineBytes, head: headOf(text) });
  }

  /**
   * What earlier lines began does not go on. Those lines may be whole messages of their own, so each is tried alone, and
   * only once, which keeps the cost linear.
   */
  #giveUpUnfinished(): void {
    this.#onSkipped({ reason: "unfinished JSON", bytes: this.#scanner.pendingChars, head: "" });
    for (const line of this.#scanner.reset()) {
      const text = line.trim();
      const value = text.startsWith("{") ? parseObject(text) : undefined;
      if (value !== undefined) this.#ready.push({ value, text, bytes: undefined });
    }
  }

  #accept(text: string): void {
    const value = parseObject(text);
    if (value !== undefined) this.#ready.push({ value, text, bytes: undefined });
    else this.#onSkipped({ reason: "not a JSON object", bytes: text.length, head: "" });
  }
}

/** The object that the text is, or undefined if it is no JSON or no object. */
function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What a skipped line may show of itself: a line that begins like an object may be a damaged payload. */
function headOf(line: string): string {
  const text = line.trimStart();
  return text.startsWith("{") ? "" : text.slice(0, HEAD_BYTES);
}

function firstByte(bytes: Uint8Array): number | undefined {
  let at = 0;
  while (at < bytes.length && isBlank(bytes[at])) at++;
  return bytes[at];
}

function trimBlanks(bytes: Uint8Array): Uint8Array {
  let start = 0;
  let end = bytes.length;
  if (bytes[0] === BYTE_ORDER_MARK[0] && BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte)) {
    start = 3;
  }
  while (start < end && isBlank(bytes[start])) start++;
  while (end > start && isBlank(bytes[end - 1])) end--;
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === LF;
}
