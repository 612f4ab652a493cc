import { Buffer } from "node:buffer";
import { type HttpReply, replyHead } from "./http_reply.ts";

/** How a reply is to be framed. */
export interface ReplyContext {
  /** The request was HEAD: the head is that of the whole reply, but nothing follows it. */
  readonly isHead: boolean;
  /** The client speaks HTTP/1.0: the end of the connection is the end of a body of unknown length. */
  readonly isOld: boolean;
  readonly keepAlive: boolean;
  /** Current date in the form of RFC 9110 §5.6.7. */
  readonly date: string;
}

/** Where the bytes go. */
export interface ReplySink {
  /** @throws what the connection throws when the peer is gone */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing is to be written for now, because the handler has not more yet. */
  pause(): void;
}

/** Bodies above this are written apart from their head, in characters. */
const JOIN_LIMIT = 64 * 1024;
const CR = 0x0d;
const LF = 0x0a;
const encoder = new TextEncoder();
const LAST_CHUNK = encoder.encode("0\r\n\r\n");

/** Writes a whole reply. @throws what the sink throws */
export async function writeReply(reply: HttpReply, context: ReplyContext, sink: ReplySink): Promise<void> {
  const { body } = reply;
  if (body === null) {
    const length = hasLength(reply.status) ? 0 : undefined;
    await sink.write(headBytes(replyHead(reply, { ...context, length })));
  } else if (typeof body !== "string") await writePieces(reply, body, context, sink);
  else if (context.isHead) {
    const length = Buffer.byteLength(body);
    await sink.write(headBytes(replyHead(reply, { ...context, length })));
  } else if (body.length <= JOIN_LIMIT) await sink.write(joinedReply(reply, body, context));
  else {
    const bytes = encoder.encode(body);
    await sink.write(headBytes(replyHead(reply, { ...context, length: bytes.length })));
    await sink.write(bytes);
  }
}

async function writePieces(
  reply: HttpReply,
  body: AsyncIterable<Uint8Array>,
  context: ReplyContext,
  sink: ReplySink,
): Promise<void> {
  const length = context.isOld ? undefined : "chunked";
  await sink.write(headBytes(replyHead(reply, { ...context, length })));
  if (context.isHead) return;
  sink.pause();
  for await (const piece of body) {
    if (piece.length > 0) await sink.write(context.isOld ? piece : chunk(piece));
    sink.pause();
  }
  if (!context.isOld) await sink.write(LAST_CHUNK);
}

/** Head and body in one buffer. */
function joinedReply(reply: HttpReply, body: string, context: ReplyContext): Uint8Array {
  const text = replyHead(reply, { ...context, length: body.length }) + body;
  const bytes = encoder.encode(text);
  // As many bytes as characters: all of it is ASCII, so the guessed length is right.
  if (bytes.length === text.length) return bytes;
  const encoded = encoder.encode(body);
  const head = headBytes(replyHead(reply, { ...context, length: encoded.length }));
  const whole = new Uint8Array(head.length + encoded.length);
  whole.set(head);
  whole.set(encoded, head.length);
  return whole;
}

/** 1xx and 204 have no length at all (RFC 9110 §8.6); 304 would have that of the reply it stands for. */
function hasLength(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

/** Field values are bytes: one per character. */
function headBytes(head: string): Uint8Array {
  return Buffer.from(head, "latin1");
}

function chunk(piece: Uint8Array): Uint8Array {
  const size = encoder.encode(`${piece.length.toString(16)}\r\n`);
  const bytes = new Uint8Array(size.length + piece.length + 2);
  bytes.set(size);
  bytes.set(piece, size.length);
  bytes[bytes.length - 2] = CR;
  bytes[bytes.length - 1] = LF;
  return bytes;
}
