/**
 * A stdio server that writes what a call tells it to, in one piece or several, and then the call's answer on a line of its own.
 * Argument: the file that takes lines which are no JSON-RPC message.
 */
const [report = ""] = Deno.args;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const clock = new Int32Array(new SharedArrayBuffer(4));
let rest = "";

function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function writeInPieces(bytes: Uint8Array): void {
  const size = Math.ceil(bytes.length / (1 + bytes.length % 4));
  for (let at = 0; at < bytes.length; at += size) {
    write(bytes.subarray(at, at + size));
    if (size < bytes.length) Atomics.wait(clock, 0, 0, 1);
  }
}

function handle(line: string): void {
  const message = messageOf(line);
  if (message === undefined) {
    return Deno.writeTextFileSync(report, `${line.slice(0, 500)}\n`, { append: true });
  }
  if (message.id === undefined || message.method === undefined) return;
  const { bytes } = Object(message.params);
  if (typeof bytes === "string") {
    writeInPieces(Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0)));
    write(encoder.encode("\n"));
  }
  // The id as it was written: a parsed number may be another one.
  const id = /"id":\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)/.exec(line)?.[1];
  write(encoder.encode(`{"jsonrpc":"2.0","id":${id},"result":{"text":"ok"}}\n`));
}

function messageOf(line: string): Record<string, unknown> | undefined {
  try {
    const message = JSON.parse(line);
    return message?.jsonrpc === "2.0" ? message : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

for (const buffer = new Uint8Array(65_536);;) {
  const read = Deno.stdin.readSync(buffer);
  if (read === null) break;
  const lines = (rest + decoder.decode(buffer.subarray(0, read), { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  lines.forEach(handle);
}
