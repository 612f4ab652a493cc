import { HEADER } from "../agent/wire.ts";
import type { HttpReply, ReplyHeaders } from "./http1/http_reply.ts";
import { randomText } from "./random_text.ts";
import type { RelayError } from "./relay_error.ts";

const REQUEST_ID = HEADER.requestId.toLowerCase();
const FEATURES = HEADER.relayFeatures.toLowerCase();
const JSON_TYPE = ["content-type", "application/json"] as const;

/** Makes ids that no other relay, and no earlier run of this one, has made. */
export class IdSource {
  readonly #run = randomText(10);
  #count = 0;

  /** @param kind `cmd` for commands, `req` for replies */
  next(kind: "cmd" | "req"): string {
    return `${kind}_${this.#run}${(++this.#count).toString(36)}`;
  }
}

/** Builds the replies that are the relay's own; each carries a unique `X-Request-Id` (P-165). */
export class Replies {
  readonly #features: readonly [string, string];

  /** @param features what this relay can do beyond the published wire */
  constructor(readonly ids: IdSource, features: ReadonlySet<string>) {
    this.#features = [FEATURES, [...features].join(",")];
  }

  json(body: string, status = 200): HttpReply {
    return { status, headers: [JSON_TYPE, this.#id()], body };
  }

  text(body: string, contentType = "text/plain; charset=utf-8"): HttpReply {
    return { status: 200, headers: [["content-type", contentType], this.#id()], body };
  }

  /**
   * A reply to a poll or to the metadata call: it also says what the relay can do.
   * @param onEnd told whether it was written
   */
  agent(body: string | null, status: number, onEnd?: (written: boolean) => void): HttpReply {
    const headers: ReplyHeaders = body === null
      ? [this.#id(), this.#features]
      : [JSON_TYPE, this.#id(), this.#features];
    return onEnd === undefined ? { status, headers, body } : { status, headers, body, onEnd };
  }

  empty(status: number): HttpReply {
    return { status, headers: [this.#id()], body: null };
  }

  /** @param requestId id to show instead of a new one, where the request already has one */
  error(error: RelayError, requestId = this.ids.next("req")): HttpReply {
    const headers = [
      ...Object.entries(error.extra.headers ?? {}),
      JSON_TYPE,
      [REQUEST_ID, requestId] as const,
    ];
    return { status: error.status, headers, body: error.body };
  }

  #id(): readonly [string, string] {
    return [REQUEST_ID, this.ids.next("req")];
  }
}
