import type { LineLog } from "./line_log.ts";

/** A logged line is cut to this length. */
const LINE_CHARS = 2000;
/** What is remembered of the child's last words. */
const TAIL_LINES = 5;
const TAIL_LINE_CHARS = 200;

/** Turns what a child writes to stderr into log lines and remembers the last few of them. */
export class StderrCapture {
  readonly #lines: LineLog;
  readonly #decoder = new TextDecoder();
  /** Beginning of a line whose end has not arrived; never longer than a line may be. */
  #open = "";
  #tail: string[] = [];

  constructor(lines: LineLog) {
    this.#lines = lines;
  }

  push(chunk: Uint8Array): void {
    this.#text(this.#decoder.decode(chunk, { stream: true }));
  }

  /** Takes a last line without a line end, too. */
  end(): void {
    this.#text(this.#decoder.decode() + "\n");
    this.#lines.close();
  }

  /** The last lines, oldest first, cut to 200 characters and free of control characters. */
  tail(): readonly string[] {
    return this.#tail;
  }

  #text(text: string): void {
    const lines = text.split("\n");
    const open = lines.pop() ?? "";
    if (lines.length > 0) {
      lines[0] = this.#open + lines[0];
      this.#open = "";
      for (const line of lines) this.#line(line);
    }
    if (this.#open.length < LINE_CHARS) this.#open += open.slice(0, LINE_CHARS - this.#open.length);
  }

  #line(line: string): void {
    const visible = printable(line.slice(0, LINE_CHARS)).trimEnd();
    if (visible === "") return;
    this.#lines.write({ line: visible });
    this.#tail.push(visible.slice(0, TAIL_LINE_CHARS));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  }
}

// deno-lint-ignore no-control-regex
const TERMINAL_SEQUENCE = /\x1b\[[0-9;?]*[ -/]*[@-~]/g;
// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\x00-\x1f\x7f-\x9f]/g;

/** The text without terminal colours and control characters; tabs become blanks. */
export function printable(text: string): string {
  return text.replaceAll("\t", " ").replace(TERMINAL_SEQUENCE, "").replace(CONTROL_CHARACTER, "");
}
