/**
 * A scripted MCP server on stdin and stdout, for tests: what it does is in the method of each message. Everything is
 * synchronous, so that the order of its output is the order of its input.
 *
 * Arguments: `batch`, `pretty` and `crlf` say how answers are printed; `banner`, `die-at-once`, `hold-initialize`,
 * `refuse-initialize`, `ignore-term` and `ignore-eof` say how it misbehaves.
 */
type Message = {
  id?: string | number;
  method?: string;
  params?: Record<string, unknown>;
  [member: string]: unknown;
};

const flags = new Set(Deno.args);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const seen: string[] = [];
const replies: unknown[] = [];
/** Requests that were not answered when they came. */
const held: Message[] = [];
let asking: Message | undefined;
/** Ids of open subscriptions. */
const listening = new Set<unknown>();

function writeText(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function write(message: unknown): void {
  if (flags.has("batch")) writeText(JSON.stringify([message]) + "\n");
  else if (flags.has("pretty")) writeText(JSON.stringify(message, null, 2) + "\n");
  else writeText(JSON.stringify(message) + (flags.has("crlf") ? "\r\n" : "\n"));
}

function respond(message: Message, result: unknown): void {
  write({ jsonrpc: "2.0", id: message.id, result });
}

function notify(method: string, params: unknown): void {
  write({ jsonrpc: "2.0", method, params });
}

function tokenOf(message: Message): unknown {
  return (message.params?._meta as { progressToken?: unknown } | undefined)?.progressToken;
}

const actions: Record<string, (message: Message, line: string) => void> = {
  initialize: (message) => {
    if (flags.has("refuse-initialize")) {
      write({ jsonrpc: "2.0", id: message.id, error: { code: -32000, message: "no" } });
    } else if (flags.has("hold-initialize")) held.push(message);
    else {
      respond(message, {
        protocolVersion: "2025-06-18",
        capabilities: {},
        serverInfo: { name: "scripted", version: "1" },
      });
    }
  },
  echo: (message) => respond(message, message.params ?? null),
  pid: (message) => respond(message, Deno.pid),
  env: (message) => respond(message, Deno.env.toObject()),
  /** The lines this child has read so far, without this one. */
  seen: (message) => respond(message, seen.slice(0, -1)),
  /** Answers with the given text in the place of the result. */
  result: (message, line) => {
    const id = /"id":\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)/.exec(line)?.[1];
    writeText(`{"jsonrpc":"2.0","id":${id},"result":${message.params?.text}}\n`);
  },
  /** Writes text as it is; `$ID` stands for the id of this request. */
  raw: (message) => writeText(String(message.params?.text).replaceAll("$ID", JSON.stringify(message.id))),
  hold: (message) => void held.push(message),
  /** Answers everything held, newest first, then this. */
  release: (message) => {
    for (const late of held.splice(0).reverse()) respond(late, { late: late.params ?? null });
    respond(message, "released");
  },
  progress: (message) => {
    const count = Number(message.params?.count ?? 1);
    for (let step = 1; step <= count; step++) {
      notify("notifications/progress", { progressToken: tokenOf(message), progress: step, total: count });
    }
    respond(message, "done");
  },
  /** A progress notification for a held request, then one without an address, then the result. */
  gossip: (message) => {
    for (const late of held) notify("notifications/progress", { progressToken: tokenOf(late), progress: 1 });
    notify("notifications/message", { level: "info", data: "whose?" });
    notify("notifications/progress", { progressToken: tokenOf(message), progress: 2 });
    respond(message, "done");
  },
  listen: (message) => {
    const meta = { "io.modelcontextprotocol/subscriptionId": message.id };
    notify("notifications/tools/list_changed", { _meta: meta });
    write({ jsonrpc: "2.0", id: message.id, result: { _meta: meta } });
  },
  "subscriptions/listen": (message) => {
    listening.add(message.id);
    const _meta = { "io.modelcontextprotocol/subscriptionId": message.id };
    notify("notifications/subscriptions/acknowledged", {
      _meta,
      notifications: message.params?.notifications,
    });
  },
  "notifications/cancelled": (message) => void listening.delete(message.params?.requestId),
  /** Tells every subscription of a change, then answers with how many there are. */
  change: (message) => {
    for (const id of listening) {
      const _meta = { "io.modelcontextprotocol/subscriptionId": id };
      notify("notifications/tools/list_changed", { _meta });
    }
    respond(message, listening.size);
  },
  /** Ends every subscription from this side. */
  "end-listens": (message) => {
    for (const requestId of listening) notify("notifications/cancelled", { requestId });
    listening.clear();
    respond(message, "ended");
  },
  /** Sends a notification as it stands in the parameters; `$TOKEN` stands for this request's token. */
  say: (message) => {
    const params = JSON.stringify(message.params?.params ?? {})
      .replaceAll('"$TOKEN"', JSON.stringify(tokenOf(message) ?? null));
    notify(String(message.params?.method), JSON.parse(params));
    respond(message, "said");
  },
  "raise": (message) => {
    write({ jsonrpc: "2.0", id: message.id, error: { code: message.params?.code, message: "raised" } });
  },
  "server/discover": (message) => {
    write({ jsonrpc: "2.0", id: message.id, error: { code: message.params?.code, message: "raised" } });
  },
  /** Asks the client something, and takes it back. */
  "ask-and-withdraw": (message) => {
    write({ jsonrpc: "2.0", id: "s-2", method: "sampling/createMessage", params: {} });
    held.push(message);
  },
  withdraw: (message) => {
    notify("notifications/cancelled", { requestId: "s-2" });
    respond(message, "withdrawn");
  },
  "tools/list": (message) => respond(message, message.params?.answer),
  "tools/call": (message) => respond(message, message.params?.name),
  /** Asks the client two things and answers with the replies. */
  ask: (message) => {
    asking = message;
    replies.length = 0;
    write({ jsonrpc: "2.0", id: "s-1", method: "ping" });
    write({
      jsonrpc: "2.0",
      id: 12345678901234567000,
      method: "sampling/createMessage",
      params: { messages: [] },
    });
  },
  big: (message) => respond(message, "é".repeat(Number(message.params?.mebibytes) * 512 * 1024)),
  stderr: (message) => {
    const bytes = encoder.encode(String(message.params?.text).repeat(Number(message.params?.times ?? 1)));
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
    if (message.id !== undefined) respond(message, "written");
  },
  exit: (message) => {
    if (message.params?.answer === true) respond(message, "last words");
    if (typeof message.params?.stderr === "string") {
      Deno.stderr.writeSync(encoder.encode(message.params.stderr));
    }
    Deno.exit(Number(message.params?.code ?? 0));
  },
  /** Leaves a process behind in this child's group, and answers with its id. */
  spawn: (message) => {
    const child = new Deno.Command("sleep", {
      args: ["1000"],
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    })
      .spawn();
    child.unref();
    respond(message, child.pid);
  },
  /** Writes text, then stops reading for a while. */
  stall: (message) => {
    if (typeof message.params?.text === "string") writeText(message.params.text);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(message.params?.ms));
    respond(message, "awake");
  },
};

function handle(line: string): void {
  seen.push(line);
  const message: Message = JSON.parse(line);
  if (message.method === undefined) {
    replies.push(message);
    if (replies.length === 2 && asking !== undefined) respond(asking, replies);
    return;
  }
  const action = actions[message.method];
  if (action !== undefined) action(message, line);
  else if (message.id !== undefined) {
    write({ jsonrpc: "2.0", id: message.id, error: { code: -32601, message: "no such method" } });
  }
}

if (flags.has("ignore-term")) Deno.addSignalListener("SIGTERM", () => undefined);
if (flags.has("die-at-once")) {
  Deno.stderr.writeSync(encoder.encode("cannot open \x1b[31mdatabase\x1b[0m\n"));
  Deno.exit(7);
}
if (flags.has("banner")) writeText("Server listening\n[INFO] ready\n{ not json\n");

const buffer = new Uint8Array(64 * 1024);
/** Pieces of a line whose end has not come; joined once, so that 20 MB cost no more than their length. */
let pieces: string[] = [];
for (;;) {
  const read = Deno.stdin.readSync(buffer);
  if (read === null) break;
  const lines = decoder.decode(buffer.subarray(0, read), { stream: true }).split("\n");
  const open = lines.pop() ?? "";
  for (const line of lines) {
    handle(pieces.join("") + line);
    pieces = [];
  }
  pieces.push(open);
}
if (flags.has("ignore-eof")) await new Promise<never>(() => setInterval(() => undefined, 1000));
