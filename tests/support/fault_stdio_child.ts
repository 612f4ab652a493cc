/**
 * A stdio MCP server that misbehaves as each call tells it to (`params.fault`). Before it does anything for a call it
 * writes the call's id, as its client knows it, to the file of its first argument, so that a test can count executions
 * even when this process is killed.
 */
const [journalPath = ""] = Deno.args;
const journal = Deno.openSync(journalPath, { append: true, create: true });
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly nonce?: string; readonly fault?: string };
}

function write(text: string, to: typeof Deno.stdout = Deno.stdout): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}

function answer({ id, params }: Message): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result: { worked: params?.nonce } });
}

function progress(step: number): string {
  return `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":${step}}}`;
}

/** What is said for a call, by the name of its fault. */
const faults: Readonly<Record<string, (message: Message) => void>> = {
  "killed in the middle": () => die(),
  "killed behind half an answer": (message) => {
    write(answer(message).slice(0, 20));
    die();
  },
  "killed behind the answer": (message) => {
    write(`${answer(message)}\n`);
    die();
  },
  "ends with code 0": () => Deno.exit(0),
  "says nothing": () => {},
  "talks on standard output": (message) => {
    write(`Listening on stdio\n{ not json\n[1, 2\n\n${"noise ".repeat(20)}\n${answer(message)}\n`);
  },
  "floods standard error": (message) => {
    const line = `${"é".repeat(200)}\n`.repeat(64);
    for (let times = 0; times < 500; times++) write(line, Deno.stderr);
    write(`${answer(message)}\n`);
  },
  "floods standard error without a line end": (message) => {
    for (let times = 0; times < 200; times++) write("x".repeat(65_536), Deno.stderr);
    write(`\n`, Deno.stderr);
    write(`${answer(message)}\n`);
  },
  "floods standard output": (message) => {
    const lines = `${"not json ".repeat(30)}\n`.repeat(64);
    for (let times = 0; times < 500; times++) write(lines);
    write(`${answer(message)}\n`);
  },
  "floods with notifications": (message) => {
    write(Array.from({ length: 3_000 }, (_, step) => `${progress(step)}\n`).join(""));
    write(`${answer(message)}\n`);
  },
  "answers twice": (message) => write(`${answer(message)}\n${answer(message)}\n`),
  "answers in single bytes": (message) => {
    for (const character of `${answer(message)}\n`) write(character);
  },
  "answers over many lines": (message) => {
    write(`${JSON.stringify(JSON.parse(answer(message)), undefined, 2)}\r\n`);
  },
  "answers in a batch": (message) => write(`[${progress(1)},${answer(message)}]\n`),
  "answers another call": (message) =>
    write(`{"jsonrpc":"2.0","id":"nobody's","result":{}}\n${answer(message)}\n`),
  "answers with something else": ({ id }) =>
    write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":1,"error":2}\n`),
  "asks first": (message) => {
    write(`{"jsonrpc":"2.0","id":"p","method":"ping"}\n`);
    write(`{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}\n${answer(message)}\n`);
  },
  "answers with two megabytes": (message) => {
    write(`${answer(message).replace('"worked"', `"pad":"${"é".repeat(1_000_000)}","worked"`)}\n`);
  },
};

function die(): never {
  Deno.kill(Deno.pid, "SIGKILL");
  for (;;);
}

function handle(line: string): void {
  const message: Message = JSON.parse(line);
  if (message.id === undefined || message.method === undefined) return;
  if (message.method === "initialize") {
    const result = {
      protocolVersion: "2025-06-18",
      capabilities: {},
      serverInfo: { name: "fault", version: "1" },
      worked: message.params?.nonce,
    };
    return write(`${JSON.stringify({ jsonrpc: "2.0", id: message.id, result })}\n`);
  }
  journal.writeSync(encoder.encode(`${message.params?.nonce}\n`));
  const fault = faults[message.params?.fault ?? ""];
  if (fault === undefined) write(`${answer(message)}\n`);
  else fault(message);
}

let rest = "";
for (const buffer = new Uint8Array(65_536);;) {
  const read = Deno.stdin.readSync(buffer);
  if (read === null) break;
  const lines = (rest + decoder.decode(buffer.subarray(0, read), { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  lines.forEach(handle);
}
