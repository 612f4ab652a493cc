/** A person at a terminal. */
export interface Terminal {
  /**
   * Shows a question and waits for a line.
   * @returns the line, trimmed; undefined when there will be none (Ctrl-D)
   */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/** The terminal of this process; undefined when somebody else is at either end of it. */
export function processTerminal(write: (text: string) => void): Terminal | undefined {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return undefined;
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(1024);
  let typed = "";
  return {
    ask: async (question) => {
      write(question);
      for (let end = typed.indexOf("\n"); end === -1; end = typed.indexOf("\n")) {
        const length = await Deno.stdin.read(chunk);
        if (length === null) return undefined;
        typed += decoder.decode(chunk.subarray(0, length), { stream: true });
      }
      const end = typed.indexOf("\n");
      const line = typed.slice(0, end);
      typed = typed.slice(end + 1);
      return line.trim();
    },
  };
}
