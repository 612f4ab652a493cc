/** Everything that can go wrong with one response POST, by name. None of it is permanent by the published contract. */
import { JSON_TYPE, type Post, type PostFault } from "./fault_control_plane.ts";
import { answerText } from "./fault_server.ts";

const OK = '{"status":"ok"}';
const ERROR_BODY =
  '{"error":{"message":"try later","type":"server_error","param":null,"code":"rate_limit_exceeded"}}';

/** Refuses the response, which has not been taken in. */
function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ERROR_BODY): PostFault {
  return async ({ exchange }) => void await exchange.reply(code, body, { ...JSON_TYPE, ...headers });
}

/** Takes the response in and replies in a way that is unusual and allowed. */
function unusual(send: (post: Post, reply: string) => Promise<unknown>): PostFault {
  return async (post) => void await send(post, answerText(post.accept(), OK, JSON_TYPE));
}

/** Takes the response in, and its reply is lost. */
function replyLost(lose: (post: Post, reply: string) => Promise<unknown> | void): PostFault {
  return async (post) => void await lose(post, answerText(post.accept(), OK, JSON_TYPE));
}

export const POST_FAULTS = {
  "closed without an answer": ({ exchange }) => Promise.resolve(exchange.end()),
  "reset without an answer": ({ exchange }) => Promise.resolve(exchange.reset()),
  "never answered": ({ exchange }) => exchange.gone,
  "never answered beyond half a head": async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 O");
    await exchange.gone;
  },
  "half a head, then closed": async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 O");
    exchange.end();
  },
  "not HTTP": async ({ exchange }) => {
    await exchange.write("220 mail.example ESMTP\r\n");
    exchange.end();
  },
  "408": status(408),
  "429": status(429),
  "429 with Retry-After: 1": status(429, { "Retry-After": "1" }),
  "500": status(500),
  "502 from a gateway": status(502, { "Content-Type": "text/html" }, "<html><h1>502 Bad Gateway</h1></html>"),
  "503 with Retry-After: 0": status(503, { "Retry-After": "0" }),
  "503 with a body that never ends": async ({ exchange }) => {
    await exchange.write("HTTP/1.1 503 Later\r\nContent-Length: 100000\r\n\r\nbusy");
    await exchange.pause(300);
    exchange.end();
  },
  "504": status(504),
  "taken in, then closed": replyLost(({ exchange }) => exchange.end()),
  "taken in, then reset": replyLost(({ exchange }) => exchange.reset()),
  "taken in, then never answered": replyLost(({ exchange }) => exchange.gone),
  "taken in, half a head, then reset": replyLost(async ({ exchange }) => {
    await exchange.write("HTTP/1.1 200 O");
    exchange.reset();
  }),
  "taken in, then 503 from a gateway": replyLost(async ({ exchange }) => await exchange.reply(503)),
  "taken in, half a body, then closed": unusual(async ({ exchange }, reply) => {
    await exchange.write(reply.slice(0, -5));
    exchange.end();
  }),
  "taken in, answered late and slowly": unusual(async ({ exchange }, reply) => {
    await exchange.pause(50);
    for (const byte of reply) await exchange.write(byte);
  }),
  "taken in, answered with a page": unusual(({ exchange }) => {
    return exchange.reply(200, "<html>thank you</html>", { "Content-Type": "text/html" });
  }),
  "taken in, answered without a body": unusual(({ exchange }) => exchange.reply(200)),
  "taken in, answered, then closed unannounced": unusual(async ({ exchange }, reply) => {
    await exchange.write(reply);
    exchange.end();
  }),
} satisfies Readonly<Record<string, PostFault>>;
