/** Everything that can go wrong with one poll, by name. None of it is permanent by the published contract. */
import { bodyOf, JSON_TYPE, type Poll, type PollFault } from "./fault_control_plane.ts";
import { answerText } from "./fault_server.ts";

/** Between the pieces of a slow reply. */
const PIECE_PAUSE_MS = 4;

const HTML = { "Content-Type": "text/html" };
const ERROR_BODY =
  '{"error":{"message":"try later","type":"server_error","param":null,"code":"tunnel_transport_unavailable"}}';

/** Refuses the poll; what waits stays in the queue. */
function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ERROR_BODY): PollFault {
  return async ({ exchange }) => void await exchange.reply(code, body, { ...JSON_TYPE, ...headers });
}

/** Answers 200 with something that is no command list; what waits stays in the queue. */
function garbage(body: string, headers: Readonly<Record<string, string>> = HTML): PollFault {
  return async ({ exchange }) => void await exchange.reply(200, body, headers);
}

/** Brings commands in a way that is unusual and allowed. */
function unusual(send: (poll: Poll, body: string) => Promise<boolean>): PollFault {
  return async (poll) => {
    const body = await poll.body();
    if (poll.texts.length === 0) return void await poll.exchange.reply(204);
    poll.delivered(await send(poll, body));
  };
}

/** Begins a reply with commands and breaks it off: they go back to the queue. */
function broken(share: number, end: "end" | "reset"): PollFault {
  return async (poll) => {
    const reply = answerText(200, await poll.body(), JSON_TYPE);
    await poll.exchange.write(reply.slice(0, Math.floor(reply.length * share)));
    poll.exchange[end]();
  };
}

async function inPieces({ exchange }: Poll, text: string, pieces: number): Promise<boolean> {
  const size = Math.ceil(text.length / pieces);
  let written = true;
  for (let at = 0; at < text.length; at += size) {
    if (at > 0) await exchange.pause(PIECE_PAUSE_MS);
    written = await exchange.write(text.slice(at, at + size));
  }
  return written;
}

async function gzipped(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Lists nothing but what no agent can decode, beside what it can. */
const BAD_NEIGHBOURS = [
  "5",
  "null",
  "[]",
  '"text"',
  "{}",
  '{"command_type":"teleport","request_id":"bad-1","shard_token":"s"}',
  '{"command_type":"jsonrpc","request_id":"bad-2","shard_token":"s","jsonrpc":{"jsonrpc":"1.0","id":1,"method":"x"}}',
  '{"command_type":"jsonrpc","request_id":"bad-3","shard_token":7,"jsonrpc":{}}',
];

export const POLL_FAULTS = {
  "closed without an answer": ({ exchange }) => Promise.resolve(exchange.end()),
  "reset without an answer": ({ exchange }) => Promise.resolve(exchange.reset()),
  "never answered": ({ exchange }) => exchange.gone,
  "never answered beyond half a head": async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Le");
    await exchange.gone;
  },
  "half a head, then closed": async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Le");
    exchange.end();
  },
  "not HTTP": async ({ exchange }) => {
    await exchange.write("SSH-2.0-OpenSSH_9.6\r\n");
    exchange.end();
  },
  "408": status(408),
  "429 with Retry-After: 0": status(429, { "Retry-After": "0" }),
  "429 with Retry-After: 1": status(429, { "Retry-After": "1" }),
  "429 with Retry-After: later": status(429, { "Retry-After": "later" }),
  "500": status(500),
  "500 with an endless page": status(500, HTML, `<html>${"x".repeat(300_000)}`),
  "502 from a gateway": status(502, HTML, "<html><h1>502 Bad Gateway</h1></html>"),
  "503": status(503),
  "503 with a date": async ({ exchange }) => {
    const date = new Date(Date.now() + 1_500).toUTCString();
    await exchange.reply(503, ERROR_BODY, { ...JSON_TYPE, "Retry-After": date });
  },
  "504": status(504),
  "302 elsewhere": status(302, { Location: "http://127.0.0.1:9/" }, ""),
  "206 as if it were good": status(206, JSON_TYPE, '{"commands":[]}'),
  "a page with 200": garbage("<html>Please log in to the guest network</html>"),
  "cut JSON with 200": garbage('{"commands":[{"request_id":"req-0","shard_tok', JSON_TYPE),
  "a list with 200": garbage("[1,2,3]", JSON_TYPE),
  "commands of the wrong kind with 200": garbage('{"commands":{"request_id":"x"}}', JSON_TYPE),
  "bytes that are no text with 200": async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    await exchange.write(new Uint8Array([0xff, 0xfe, 0x00, 0x80]));
  },
  "two lengths": async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}");
    exchange.end();
  },
  "commands cut after the first byte": broken(0.01, "end"),
  "commands cut in the middle": broken(0.5, "end"),
  "commands cut in the middle by a reset": broken(0.5, "reset"),
  "commands cut before the last byte": broken(0.999, "end"),
  "commands piece by piece": unusual((poll, body) => inPieces(poll, answerText(200, body, JSON_TYPE), 20)),
  "commands in chunks": unusual((poll, body) => {
    const middle = Math.floor(body.length / 2);
    const chunks = [body.slice(0, 1), body.slice(1, middle), body.slice(middle)].filter((text) =>
      text !== ""
    );
    const framed = chunks.map((text) =>
      `${new TextEncoder().encode(text).length.toString(16)};x=1\r\n${text}\r\n`
    );
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    return inPieces(poll, `${head}${framed.join("")}0\r\n\r\n`, 4);
  }),
  "commands until the connection ends": unusual(async ({ exchange }, body) => {
    const written = await exchange.write(`HTTP/1.1 200 OK\r\n\r\n${body}`);
    exchange.end();
    return written;
  }),
  "commands behind interim answers": unusual(async ({ exchange }, body) => {
    await exchange.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    return await exchange.write(`HTTP/1.1 100 Continue\r\n\r\n${answerText(200, body)}`);
  }),
  "commands compressed": unusual(async ({ exchange }, body) => {
    const bytes = await gzipped(body);
    await exchange.write(
      `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    );
    return await exchange.write(bytes);
  }),
  "commands, then closed": unusual(async ({ exchange }, body) => {
    const written = await exchange.reply(200, body, { Connection: "close" });
    exchange.end();
    return written;
  }),
  "commands, then closed unannounced": unusual(async ({ exchange }, body) => {
    const written = await exchange.reply(200, body, JSON_TYPE);
    exchange.end();
    return written;
  }),
  "commands among others that cannot be decoded": unusual((poll) => {
    const texts = [...BAD_NEIGHBOURS, ...poll.texts, ...BAD_NEIGHBOURS];
    return poll.exchange.reply(200, bodyOf(texts), JSON_TYPE);
  }),
  "every command twice": unusual((poll) => {
    return poll.exchange.reply(200, bodyOf([...poll.texts, ...poll.texts]), JSON_TYPE);
  }),
  "commands that were delivered before": unusual((poll) => {
    return poll.exchange.reply(200, bodyOf([...poll.earlier(8), ...poll.texts]), JSON_TYPE);
  }),
  "more commands than asked for": async (poll) => {
    const body = await poll.body(poll.limit + 10);
    if (poll.texts.length === 0) await poll.exchange.reply(204);
    else poll.delivered(await poll.exchange.reply(200, body, JSON_TYPE));
  },
  "an empty list at once": async ({ exchange }) =>
    void await exchange.reply(200, '{"commands":[]}', JSON_TYPE),
  "null": async ({ exchange }) => void await exchange.reply(200, "null", JSON_TYPE),
} satisfies Readonly<Record<string, PollFault>>;
