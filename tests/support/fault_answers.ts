/** Everything that can go wrong with one call at an HTTP target, by name; the call itself says which (`params.fault`). */
import { gzipSync } from "node:zlib";
import { JSON_TYPE } from "./fault_control_plane.ts";
import type { Exchange } from "./fault_server.ts";

/** One call in the hands of a fault. */
export interface TargetCall {
  readonly exchange: Exchange;
  /** JSON-RPC id as text. */
  readonly idText: string;
  /** The right answer. */
  readonly answer: string;
}

export interface TargetFault {
  /** What the connector gets: the target's own result, an error, or either. */
  readonly expects: "result" | "error";
  /** Whether only a time limit ends the call. */
  readonly hangs?: boolean;
  readonly run: (call: TargetCall) => Promise<unknown>;
}

const EVENTS = { "Content-Type": "text/event-stream" };
const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const STREAM_END = "0\r\n\r\n";
const PROGRESS = [1, 2, 3].map((progress) =>
  `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":${progress}}}`
);

function good(run: TargetFault["run"]): TargetFault {
  return { expects: "result", run };
}

function bad(run: TargetFault["run"]): TargetFault {
  return { expects: "error", run };
}

/** Answers with a whole body that is no answer. */
function body(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): TargetFault {
  return bad(({ exchange }) => exchange.reply(status, text, headers));
}

function chunk(text: string): string {
  return `${new TextEncoder().encode(text).length.toString(16)}\r\n${text}\r\n`;
}

function event(data: string, id = ""): string {
  return `event: message\n${id === "" ? "" : `id: ${id}\n`}data: ${data}\n\n`;
}

/** A stream of these events, one write each, closed in order. */
async function stream({ exchange }: TargetCall, events: readonly string[]): Promise<void> {
  await exchange.write(STREAM_HEAD);
  for (const text of events) await exchange.write(chunk(text));
  await exchange.write(STREAM_END);
}

export const TARGET_FAULTS: Readonly<Record<string, TargetFault>> = {
  "closed without an answer": bad(({ exchange }) => Promise.resolve(exchange.end())),
  "reset without an answer": bad(({ exchange }) => Promise.resolve(exchange.reset())),
  "never answered": { ...bad(({ exchange }) => exchange.gone), hangs: true },
  "never answered beyond the head": {
    ...bad(async ({ exchange }) => {
      await exchange.write(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n",
      );
      await exchange.gone;
    }),
    hangs: true,
  },
  "not HTTP": bad(async ({ exchange }) => {
    await exchange.write("\u0000\u0001\u0002 hello");
    exchange.end();
  }),
  "half a head, then closed": bad(async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Type: appl");
    exchange.end();
  }),
  "half a body, then closed": bad(async ({ exchange, answer }) => {
    await exchange.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n${answer}`,
    );
    exchange.end();
  }),
  "half a chunk, then reset": bad(async ({ exchange, answer }) => {
    await exchange.write(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    await exchange.write(`fff\r\n${answer}`);
    exchange.reset();
  }),
  "truncated JSON": bad(({ exchange, answer }) => exchange.reply(200, answer.slice(0, -3), JSON_TYPE)),
  "an empty body": body(200, ""),
  "not JSON": body(200, "Internal Server Error"),
  "a batch": bad(({ exchange, answer }) => exchange.reply(200, `[${answer}]`, JSON_TYPE)),
  "the id of another call": body(200, '{"jsonrpc":"2.0","id":"call-0","result":{}}'),
  "a notification in place of the answer": body(200, PROGRESS[0] ?? ""),
  "wrong content type": bad(({ exchange, answer }) =>
    exchange.reply(200, answer, { "Content-Type": "text/plain" })
  ),
  "no content type": bad(({ exchange, answer }) => exchange.reply(200, answer)),
  "202 without a body": bad(({ exchange }) => exchange.reply(202)),
  "204": bad(({ exchange }) => exchange.reply(204)),
  "301 elsewhere": body(301, "", { Location: "http://127.0.0.1:9/mcp" }),
  "401": body(401, "who are you?", { "WWW-Authenticate": 'Bearer resource_metadata="http://x/"' }),
  "404": body(404, "no such session"),
  "429 with Retry-After": body(429, "slow down", { "Retry-After": "60" }),
  "500 with a page": body(500, "<html>Traceback (most recent call last)…</html>", {
    "Content-Type": "text/html",
  }),
  "503": body(503, ""),
  "a JSON-RPC error with 400": bad(({ exchange, idText }) => {
    const error = { code: -32003, message: "capability missing", data: { needs: ["sampling"] } };
    return exchange.reply(
      400,
      `{"jsonrpc":"2.0","id":${idText},"error":${JSON.stringify(error)}}`,
      JSON_TYPE,
    );
  }),
  "an error page of 300 kB": body(502, "x".repeat(300_000), { "Content-Type": "text/html" }),
  "broken gzip": body(200, "\u001f\u008b this is not gzip", { ...JSON_TYPE, "Content-Encoding": "gzip" }),
  "bytes that are no text": bad(async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n");
    await exchange.write(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]));
  }),
  "half an event, then closed": bad(async ({ exchange, answer }) => {
    await exchange.write(STREAM_HEAD + chunk(`event: message\ndata: ${answer.slice(0, -4)}`) + STREAM_END);
  }),
  "half an event, then reset": bad(async ({ exchange, answer }) => {
    await exchange.write(STREAM_HEAD + chunk(`event: message\ndata: ${answer.slice(0, -4)}`));
    exchange.reset();
  }),
  "a stream without the answer": bad((call) => stream(call, PROGRESS.map((text) => event(text)))),
  "a stream with half an answer": bad((call) => stream(call, [event(call.answer.slice(0, -4))])),
  "a stream that never ends": {
    ...bad(async ({ exchange }) => {
      await exchange.write(STREAM_HEAD);
      while (exchange.open) {
        await exchange.write(chunk(": still here\n\n"));
        await exchange.pause(100);
      }
    }),
    hangs: true,
  },
  "a late answer": good(async ({ exchange, answer }) => {
    await exchange.pause(150);
    await exchange.reply(200, answer, JSON_TYPE);
  }),
  "an answer byte by byte": good(async ({ exchange, answer }) => {
    await exchange.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\n\r\n`,
    );
    for (const byte of answer) await exchange.write(byte);
  }),
  "an answer, then closed": good(async ({ exchange, answer }) => {
    await exchange.reply(200, answer, JSON_TYPE);
    exchange.end();
  }),
  "an answer before the request is read": good(({ exchange, answer }) => {
    return exchange.reply(200, answer, { ...JSON_TYPE, Connection: "close" });
  }),
  "an answer of a megabyte": good(({ exchange, answer }) => {
    return exchange.reply(
      200,
      answer.replace('"worked"', `"pad":"${"é".repeat(500_000)}","worked"`),
      JSON_TYPE,
    );
  }),
  "a compressed answer": good(async ({ exchange, answer }) => {
    const bytes = gzipSync(answer);
    await exchange.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    );
    await exchange.write(bytes);
  }),
  "a stream with progress": good((call) =>
    stream(call, [...PROGRESS, call.answer].map((text) => event(text)))
  ),
  "a stream that asks and pings": good((call) => {
    const ping = '{"jsonrpc":"2.0","id":"p","method":"ping"}';
    const ask = '{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{"messages":[]}}';
    return stream(call, [ping, ask, PROGRESS[0] ?? "", call.answer].map((text) => event(text)));
  }),
  "a stream cut into single bytes": good(async ({ exchange, answer }) => {
    const text = `: hello\r\nid:\r\nevent: message\r\ndata: ${answer}\r\n\r\n`;
    await exchange.write(STREAM_HEAD);
    for (const byte of text) await exchange.write(chunk(byte));
    await exchange.write(STREAM_END);
  }),
  "a stream that stays open behind the answer": good(async ({ exchange, answer }) => {
    await exchange.write(STREAM_HEAD + chunk(event(answer)));
    await exchange.gone;
  }),
  "two answers": good((call) => stream(call, [event(call.answer), event(call.answer)])),
};

/** A stream that breaks off behind an event id, and the stream that goes on from there. */
export const RESUMED: TargetFault = good(async ({ exchange, idText }) => {
  await exchange.write(STREAM_HEAD + chunk(`retry: 10\n\n${event(PROGRESS[0] ?? "", JSON.parse(idText))}`));
  exchange.end();
});

/** The rest of a resumed stream. */
export async function resume(exchange: Exchange): Promise<void> {
  const id = exchange.request.headers.get("last-event-id") ?? "";
  await exchange.reply(200, event(PROGRESS[1] ?? "") + event(rightAnswer(JSON.stringify(id))), EVENTS);
}

/** The result that a call must get. */
export function rightAnswer(idText: string): string {
  return `{"jsonrpc":"2.0","id":${idText},"result":{"worked":${idText}}}`;
}
