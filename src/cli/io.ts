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
  return { stdout: writer(Deno.stdout), stderr: writer(Deno.stderr), env: processEnvironment() };
}

/**
 * The whole environment; where the process may ask for some names only, what looks like it: a variable that may not be
 * read is not set.
 */
function processEnvironment(): Record<string, string> {
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") return Deno.env.toObject();
  const valueOf = (variable: string | symbol) =>
    typeof variable === "string" && variable !== "" &&
      Deno.permissions.querySync({ name: "env", variable }).state === "granted"
      ? Deno.env.get(variable)
      : undefined;
  // What has been asked for stays as it was at start: secrets are taken out of the process afterwards.
  const known = new Map<string | symbol, string | undefined>();
  const lookUp = (name: string | symbol) => {
    if (!known.has(name)) known.set(name, valueOf(name));
    return known.get(name);
  };
  return new Proxy<Record<string, string>>({}, {
    get: (_, name) => lookUp(name),
    has: (_, name) => lookUp(name) !== undefined,
    getOwnPropertyDescriptor(_, name) {
      const value = lookUp(name);
      return value === undefined ? undefined : { value, enumerable: true, configurable: true };
    },
  });
}
