/**
 * Speaks MCP over the stdin and stdout of a child process, as the official clients' own transport does, but leaves no
 * timer behind and hands over one message per turn of the event loop, so that no client mixes up their order.
 */
import type { JSONRPCMessage } from "@modelcontextprotocol/client";

export class LineTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: <Message extends JSONRPCMessage>(message: Message) => void;
  readonly #argv: readonly string[];
  #child: Deno.ChildProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #reading: Promise<void> = Promise.resolve();

  /** @param argv executable and its arguments */
  constructor(argv: readonly string[]) {
    this.#argv = argv;
  }

  // Asynchronous by the interface; starting a process is not.
  // deno-lint-ignore require-await
  async start(): Promise<void> {
    const [executable = "", ...args] = this.#argv;
    this.#child = new Deno.Command(executable, { args, stdin: "piped", stdout: "piped", stderr: "null" })
      .spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read(this.#child.stdout);
  }

  async send(message: unknown): Promise<void> {
    await this.#writer?.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    await this.#writer?.close();
    await child.status;
    await this.#reading;
    this.onclose?.();
  }

  async #read(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let open: string[] = [];
    for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
      const lines = text.split("\n");
      const last = lines.pop() ?? "";
      for (const line of lines) {
        this.onmessage?.(JSON.parse(open.join("") + line));
        open = [];
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      open.push(last);
    }
  }
}
