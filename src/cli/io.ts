/** What a command may say, and the environment it was started in. */
export interface CliIo {
  /** Writes to standard output, unbuffered. */
  readonly stdout: (text: string) => void;
  /** Writes to standard error, unbuffered. */
  readonly stderr: (text: string) => void;
  readonly env: Record<string, string>;
}

/** The streams and the environment of this process. */
export function processIo(): CliIo {
  const encoder = new TextEncoder();
  const writer = (stream: { writeSync(bytes: Uint8Array): number }) => (text: string) => {
    let rest = encoder.encode(text);
    try {
      while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
    } catch (error) {
      // Nobody reads any more (`tunnel-client help | head -1`); that is the reader's good right.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  };
  return { stdout: writer(Deno.stdout), stderr: writer(Deno.stderr), env: Deno.env.toObject() };
}
