/** One line on a terminal that says what is waited for and is gone at the end. */
export interface ProgressLine {
  /** @param waiting names of what still runs; none takes the line away */
  show(waiting: readonly string[]): void;
  clear(): void;
}

/** Where the line is shown. */
export interface ProgressPlace {
  readonly write: (text: string) => void;
  /** False for files and pipes, which get nothing. */
  readonly isTerminal: boolean;
  /** Width of the terminal; some do not know theirs and say 0. */
  readonly columns: () => number;
}

const USUAL_COLUMNS = 80;
const ERASE = "\r\x1b[K";

/** Makes the line; on anything but a terminal it says nothing. */
export function progressLine({ write, isTerminal, columns }: ProgressPlace): ProgressLine {
  let isShown = false;
  const clear = () => {
    if (isShown) write(ERASE);
    isShown = false;
  };
  return {
    clear,
    show(waiting) {
      if (!isTerminal) return;
      if (waiting.length === 0) return clear();
      // A line that wraps could not be taken away again.
      write(ERASE + `checking ${waiting.join(", ")}`.slice(0, (columns() || USUAL_COLUMNS) - 1));
      isShown = true;
    },
  };
}
