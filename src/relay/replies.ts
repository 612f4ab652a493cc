import { FEATURE_POLL_RELEASE, HEADER } from "../agent/wire.ts";
import { randomText } from "./random_text.ts";
import type { RelayError } from "./relay_error.ts";

/** What this relay can do beyond the published wire; each name has its chapter in docs/relay-protocol.md. */
export const RELAY_FEATURES: readonly string[] = [FEATURE_POLL_RELEASE];

const REQUEST_ID = HEADER.requestId.toLowerCase();
const FEATURES = HEADER.relayFeatures.toLowerCase();
const FEATURES_VALUE = RELAY_FEATURES.join(",");
const JSON_TYPE = "application/json";

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
  constructor(readonly ids: IdSource) {}

  json(body: string, status = 200): Response {
    return new Response(body, {
      status,
      headers: { "content-type": JSON_TYPE, [REQUEST_ID]: this.ids.next("req") },
    });
  }

  text(body: string): Response {
    return new Response(body, {
      headers: { "content-type": "text/plain; charset=utf-8", [REQUEST_ID]: this.ids.next("req") },
    });
  }

  /** A reply to a poll or to the metadata call: it also says what the relay can do. */
  agent(body: string | null, status = 200): Response {
    const headers: Record<string, string> = {
      [REQUEST_ID]: this.ids.next("req"),
      [FEATURES]: FEATURES_VALUE,
    };
    if (body !== null) headers["content-type"] = JSON_TYPE;
    return new Response(body, { status, headers });
  }

  empty(status: number): Response {
    return new Response(null, { status, headers: { [REQUEST_ID]: this.ids.next("req") } });
  }

  /** @param requestId id to show instead of a new one, where the request already has one */
  error(error: RelayError, requestId = this.ids.next("req")): Response {
    return new Response(error.body, {
      status: error.status,
      headers: { ...error.extra.headers, "content-type": JSON_TYPE, [REQUEST_ID]: requestId },
    });
  }
}
