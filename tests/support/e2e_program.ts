/** The command line as an operator meets it: a child process whose output is kept and which never outlives its test. */
import { DENO_OF_BASE } from "../../scripts/compile/denort.ts";
import { eventually, within } from "./e2e_wait.ts";

/** The checkout; every program starts here. */
export const CHECKOUT = new URL("../../", import.meta.url).pathname;

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** Beside what every program gets to find Deno and its cache; nothing else of this process's environment is passed. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder in which the program starts; the checkout if not said. */
  readonly cwd?: string;
}

/** Variables of this process that a program needs to run at all. */
const INHERITED = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "TMPDIR", "LANG", "TZ"];

/** A running program, by default `tunnel-client`. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly #name: string;
  #ended: Deno.CommandStatus | undefined;
  #stdout = "";
  #stderr = "";

  /** @param argv executable and its arguments */
  constructor(argv: readonly string[], { env = {}, cwd = CHECKOUT }: ProgramOptions = {}) {
    const [executable = "", ...args] = argv;
    this.#name = argv.slice(-3).join(" ");
    const inherited = Object.fromEntries(
      INHERITED.map((name) => [name, Deno.env.get(name)]).filter(([, value]) => value !== undefined),
    );
    this.#child = new Deno.Command(executable, {
      args,
      cwd,
      clearEnv: true,
      env: { ...inherited, NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#status = this.#child.status.then((status) => this.#ended = status);
    this.#reading = Promise.all([
      read(this.#child.stdout, (text) => this.#stdout += text),
      read(this.#child.stderr, (text) => this.#stderr += text),
    ]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What was printed so far. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get running(): boolean {
    return this.#ended === undefined;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** The end of the program, with everything it has printed. */
  async ended(limitMs = 20_000): Promise<ProgramEnd> {
    return await this.#explained(async () => {
      const { code } = await within(`end of "${this.#name}"`, this.#status, limitMs);
      await within(`end of the output of "${this.#name}"`, this.#reading, limitMs);
      return { code, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  /** Sends SIGTERM and waits for the end. */
  async stopped(limitMs = 20_000): Promise<ProgramEnd> {
    this.signal("SIGTERM");
    return await this.ended(limitMs);
  }

  /** Waits for something that this program does; gives up as soon as the program has ended. */
  async until<T>(what: string, look: () => T | Promise<T>, limitMs = 30_000) {
    return await this.#explained(() =>
      eventually(what, async () => {
        const wasRunning = this.running;
        const found = await look();
        if (!found && !wasRunning) throw new Error(`${what}: the program has ended`);
        return found;
      }, limitMs)
    );
  }

  /** The first match on standard output. */
  async untilPrinted(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.until(`${pattern} on stdout`, () => pattern.exec(this.#stdout));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#child.kill("SIGKILL");
    await this.#status;
    await this.#reading;
  }

  /** Adds what the program has printed to a failure. */
  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const end = this.#ended === undefined ? "it still runs" : `it ended with code ${this.#ended.code}`;
      throw new Error(
        `${error.message}\n"${this.#name}": ${end}\n-- stdout\n${tail(this.#stdout)}\n-- stderr\n${
          tail(this.#stderr)
        }`,
        { cause: error },
      );
    }
  }
}

/** Version of Deno that `tunnel-client` runs on: this one, or that of the base which the tests' binary stands on. */
export const PROGRAM_DENO = Deno.env.get("TUNNEL_CLIENT_BINARY") ? DENO_OF_BASE : Deno.version.deno;

/** Deno 2.7 and 2.8 lack some of what 2.9 can do; what depends on it says so. */
export const PROGRAM_IS_OLD = /^2\.[0-8]\./.test(PROGRAM_DENO);

/** Words that start `tunnel-client`: from source, or the compiled binary that `TUNNEL_CLIENT_BINARY` names. */
export function tunnelClientWords(): string[] {
  const binary = Deno.env.get("TUNNEL_CLIENT_BINARY");
  return binary ? [binary] : [Deno.execPath(), "run", "-A", "--no-check", "--frozen", `${CHECKOUT}main.ts`];
}

/** Starts `tunnel-client`. */
export function tunnelClient(args: readonly string[], options: ProgramOptions = {}): Program {
  return new Program([...tunnelClientWords(), ...args], options);
}

/** Runs `tunnel-client` to its end. */
export async function tunnelClientEnd(args: readonly string[], options: ProgramOptions = {}) {
  await using program = tunnelClient(args, options);
  return await program.ended();
}

async function read(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
  add(decoder.decode());
}

function tail(text: string): string {
  return text.length > 6000 ? `…${text.slice(-6000)}` : text;
}
