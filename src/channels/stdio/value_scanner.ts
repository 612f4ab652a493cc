/** The kinds of token that may come next. Named after what the scanner waits for. */
const enum Expect {
  /** Between values: nothing is open. */
  Start,
  Value,
  ValueOrClose,
  Key,
  KeyOrClose,
  Colon,
  CommaOrClose,
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const SCALAR = /(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=[\s,\]}]|$)/y;

/**
 * Follows JSON over line ends, so that a value may be printed on many lines (ST-10) and a batch gives its elements
 * one by one (ST-11). Every character is looked at once; what has been read is never read again.
 *
 * It knows the grammar's order of tokens, but leaves the fine print of numbers and escapes to `JSON.parse`.
 */
export class ValueScanner {
  #expect = Expect.Start;
  /** Brackets that are open inside the current value. */
  readonly #open: number[] = [];
  #inBatch = false;
  /** Finished lines of the current value. */
  #lines: string[] = [];
  #chars = 0;

  /** True when a value or a batch has begun and not ended. */
  get pending(): boolean {
    return this.#expect !== Expect.Start;
  }

  /** Characters held for the unfinished value. */
  get pendingChars(): number {
    return this.#chars;
  }

  /**
   * Reads one line, without its line end.
   * @param values receives the text of every value that ended in this line: top-level objects and elements of batches
   * @returns position at which the line stopped being JSON, or -1. After that {@link reset} must be called.
   */
  feed(line: string, values: string[]): number {
    let valueStart = this.#lines.length > 0 ? 0 : -1;
    let at = 0;
    for (;;) {
      at = skipBlanks(line, at);
      if (at >= line.length) break;
      const code = line.charCodeAt(at);
      if (this.#open.length === 0 && this.#beginsValue(code)) valueStart = at;
      const next = this.#token(line, at, code);
      if (next === -1) return at;
      if (valueStart !== -1 && this.#open.length === 0) {
        values.push(this.#take(line.slice(valueStart, next)));
        valueStart = -1;
      }
      at = next;
    }
    if (valueStart !== -1) {
      this.#lines.push(line.slice(valueStart));
      this.#chars += line.length - valueStart + 1;
    }
    return -1;
  }

  /**
   * Forgets what was begun.
   * @returns the lines of the unfinished value
   */
  reset(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    this.#chars = 0;
    this.#expect = Expect.Start;
    this.#open.length = 0;
    this.#inBatch = false;
    return lines;
  }

  /** True when a value that will be handed out starts here: at the top an object, in a batch anything. */
  #beginsValue(code: number): boolean {
    if (this.#expect === Expect.Start) return code === OPEN_BRACE;
    return this.#inBatch && code !== COMMA && code !== CLOSE_BRACKET;
  }

  #take(lastLine: string): string {
    if (this.#lines.length === 0) return lastLine;
    this.#lines.push(lastLine);
    const text = this.#lines.join("\n");
    this.#lines = [];
    this.#chars = 0;
    return text;
  }

  /** Reads the token at `at`. @returns the position behind it, or -1 when it must not stand here */
  #token(line: string, at: number, code: number): number {
    switch (this.#expect) {
      case Expect.Start:
        if (code === OPEN_BRACKET) {
          this.#inBatch = true;
          this.#expect = Expect.ValueOrClose;
          return at + 1;
        }
        return code === OPEN_BRACE ? this.#enter(at, code) : -1;
      case Expect.ValueOrClose:
        if (code === CLOSE_BRACKET) return this.#leave(at, code);
        return this.#value(line, at, code);
      case Expect.Value:
        return this.#value(line, at, code);
      case Expect.KeyOrClose:
        if (code === CLOSE_BRACE) return this.#leave(at, code);
        return this.#key(line, at, code);
      case Expect.Key:
        return this.#key(line, at, code);
      case Expect.Colon:
        this.#expect = Expect.Value;
        return code === COLON ? at + 1 : -1;
      case Expect.CommaOrClose:
        if (code !== COMMA) return this.#leave(at, code);
        this.#expect = this.#open.at(-1) === OPEN_BRACE ? Expect.Key : Expect.Value;
        return at + 1;
    }
  }

  #value(line: string, at: number, code: number): number {
    if (code === OPEN_BRACE || code === OPEN_BRACKET) return this.#enter(at, code);
    this.#expect = Expect.CommaOrClose;
    if (code === QUOTE) return skipString(line, at);
    SCALAR.lastIndex = at;
    return SCALAR.test(line) ? SCALAR.lastIndex : -1;
  }

  #key(line: string, at: number, code: number): number {
    this.#expect = Expect.Colon;
    return code === QUOTE ? skipString(line, at) : -1;
  }

  #enter(at: number, code: number): number {
    this.#open.push(code);
    this.#expect = code === OPEN_BRACE ? Expect.KeyOrClose : Expect.ValueOrClose;
    return at + 1;
  }

  #leave(at: number, code: number): number {
    if (this.#open.length === 0) {
      if (!this.#inBatch || code !== CLOSE_BRACKET) return -1;
      this.#inBatch = false;
      this.#expect = Expect.Start;
      return at + 1;
    }
    if (code !== (this.#open.pop() === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) return -1;
    this.#expect = this.#open.length > 0 || this.#inBatch ? Expect.CommaOrClose : Expect.Start;
    return at + 1;
  }
}

/** Position behind the string that starts at `at`, or -1 when the line ends before it: strings hold no line ends. */
function skipString(line: string, at: number): number {
  let quote = at;
  for (;;) {
    quote = line.indexOf('"', quote + 1);
    if (quote === -1) return -1;
    let before = quote - 1;
    while (line.charCodeAt(before) === BACKSLASH) before--;
    if (((quote - 1 - before) & 1) === 0) return quote + 1;
  }
}

function skipBlanks(line: string, at: number): number {
  while (at < line.length) {
    const code = line.charCodeAt(at);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0d && code !== 0x0a) return at;
    at++;
  }
  return at;
}
