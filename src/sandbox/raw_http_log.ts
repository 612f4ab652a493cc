/** Dumps of whole HTTP exchanges, for an operator who has asked for them and knows what they hold (CFG-95, L-15). */
import type { HeaderPairs, HttpBody, HttpClient, HttpRequest } from "../net/mod.ts";
import type { Log } from "../ops/mod.ts";

/** What of one body is shown. */
const MAX_BODY_BYTES = 64 * 1024;
/** Their values are never shown, whatever else is. */
const CREDENTIALS = /^(?:authorization|proxy-authorization|cookie|set-cookie|x-tunnel-shard-token)$/i;
/** A poll brings the payloads of everybody, and its token. */
const POLL = /\/poll(?:\?|$)/;

/**
 * The same client, which writes every exchange but polls to the log at level debug. Bodies pass as they come: nothing is
 * read that would not be read anyway.
 */
export function withRawLog(client: HttpClient, log: Log): HttpClient {
  return {
    async request(request) {
      if (!log.enabled("debug") || POLL.test(request.url)) return await client.request(request);
      log.debug("raw http request", { dump: requestDump(request) });
      const response = await client.request(request);
      const head = `HTTP/1.1 ${response.status}\n${headerLines(response.headers)}`;
      return {
        ...response,
        body: observedBody(
          response.body,
          (body) => log.debug("raw http response", { dump: `${head}\n${body}` }),
        ),
      };
    },
    close: () => client.close(),
  };
}

function requestDump({ method, url, headers, body }: HttpRequest): string {
  const { host, pathname, search } = new URL(url);
  const shown = new ShownBody();
  if (body !== undefined) shown.add(typeof body === "string" ? new TextEncoder().encode(body) : body);
  return `${method} ${pathname}${search} HTTP/1.1\nHost: ${host}\n${headerLines(headers)}\n${shown.text()}`;
}

function headerLines(headers: HeaderPairs): string {
  return headers.map(([name, value]) => `${name}: ${CREDENTIALS.test(name) ? "[REDACTED]" : value}\n`).join(
    "",
  );
}

/** The beginning of a body, as text. */
class ShownBody {
  readonly #decoder = new TextDecoder();
  #text = "";
  #bytes = 0;

  add(bytes: Uint8Array): void {
    const room = MAX_BODY_BYTES - this.#bytes;
    if (room > 0) this.#text += this.#decoder.decode(bytes.subarray(0, room), { stream: true });
    this.#bytes += bytes.length;
  }

  text(): string {
    const more = this.#bytes - MAX_BODY_BYTES;
    return more > 0 ? `${this.#text}[… ${more} more bytes]` : this.#text;
  }
}

/** @param over is called once, when the body has been read, has broken off or was given up */
function observedBody(body: HttpBody, over: (shown: string) => void): HttpBody {
  const shown = new ShownBody();
  let isOver = false;
  const end = (how: string) => {
    if (!isOver) over(shown.text() + how);
    isOver = true;
  };
  return {
    bytes: (limitBytes) => whole(body.bytes(limitBytes), (bytes) => bytes),
    text: (limitBytes) => whole(body.text(limitBytes), (text) => new TextEncoder().encode(text)),
    async *chunks() {
      let how = "[… given up]";
      try {
        for await (const chunk of body.chunks()) {
          shown.add(chunk);
          yield chunk;
        }
        how = "";
      } catch (error) {
        how = "[… broken off]";
        throw error;
      } finally {
        end(how);
      }
    },
    cancel() {
      body.cancel();
      end("[… given up]");
    },
  };

  async function whole<T>(reading: Promise<T>, bytesOf: (read: T) => Uint8Array): Promise<T> {
    try {
      const read = await reading;
      shown.add(bytesOf(read));
      end("");
      return read;
    } catch (error) {
      end("[… broken off]");
      throw error;
    }
  }
}
