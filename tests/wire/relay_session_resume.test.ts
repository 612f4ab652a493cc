import assert from "node:assert/strict";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { errorOf, type PolledCommand, RelayHarness, request, until } from "../support/relay_harness.ts";
import { answerWith, initialize } from "../support/relay_sessions.ts";

const EVENTS = { Accept: "application/json, text/event-stream" };

function note(n: number, text = ""): Record<string, unknown> {
  return { jsonrpc: "2.0", method: "notifications/progress", params: { progress: n, text } };
}

function tell(harness: RelayHarness, command: PolledCommand, message: unknown) {
  return harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: message });
}

/** Reads the events of a response one by one. */
class Events {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #messages: EventSourceMessage[] = [];
  readonly #decoder = new TextDecoder();
  retryMs: number | undefined;
  readonly #parser = createParser({
    onEvent: (message) => this.#messages.push(message),
    onRetry: (ms) => this.retryMs = ms,
  });

  constructor(response: Response) {
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    this.#reader = response.body!.getReader();
  }

  async next(): Promise<EventSourceMessage | undefined> {
    while (this.#messages.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#parser.feed(this.#decoder.decode(value, { stream: true }));
    }
    return this.#messages.shift();
  }

  /** The data of all that is still to come. */
  async rest(): Promise<unknown[]> {
    const all: unknown[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      all.push(JSON.parse(event.data));
    }
    return all;
  }
}

/** A session and one call in it whose stream has begun with one notification. */
async function begun(harness: RelayHarness, version?: string) {
  await harness.introduceAgent();
  const { sessionId = "" } = await initialize(harness, { given: "s-1", ...(version ? { version } : {}) });
  const session = { "Mcp-Session-Id": sessionId };
  const gone = new AbortController();
  const call = harness.call(request(7), { headers: { ...EVENTS, ...session }, signal: gone.signal });
  const command = await harness.nextCommand();
  await tell(harness, command, note(1));
  const events = new Events(await call);
  const resume = (id: string | undefined, more: Record<string, string> = {}) =>
    harness.call(undefined, {
      method: "GET",
      headers: { Accept: "text/event-stream", ...session, "Last-Event-ID": id ?? "", ...more },
    });
  return { session, command, events, resume, hangUp: () => gone.abort() };
}

const ANSWER = { jsonrpc: "2.0", id: 7, result: {} };

Deno.test("a stream of a session begins with an event that has an id, no data and a proposal when to come back", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { command, events } = await begun(harness);
    const priming = await events.next();
    assert.equal(priming?.data, "");
    assert.match(priming?.id ?? "", /^[a-z0-9]+_0$/);
    assert.equal(events.retryMs, 1_000);
    const first = await events.next();
    assert.deepEqual(JSON.parse(first!.data), note(1));
    assert.equal(first!.id, priming!.id!.replace(/0$/, "1"));
    await harness.respond(command);
    assert.deepEqual(await events.rest(), [ANSWER]);
  });
});

Deno.test("clients of earlier revisions get ids, but no event without data", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { command, events } = await begun(harness, "2025-06-18");
    const first = await events.next();
    assert.deepEqual(JSON.parse(first!.data), note(1));
    assert.match(first!.id ?? "", /_1$/);
    await harness.respond(command);
    assert.deepEqual(await events.rest(), [ANSWER]);
  });
});

Deno.test("a connector that has lost its stream gets what it missed and what still comes, and the target works once", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { command, events, resume, hangUp } = await begun(harness);
    await events.next();
    const { id } = (await events.next())!;
    hangUp();
    for (const n of [2, 3]) assert.equal((await tell(harness, command, note(n))).status, 200);
    const question = { jsonrpc: "2.0", id: "q", method: "roots/list" };
    assert.equal((await tell(harness, command, question)).status, 200, "it can be asked when it is back");
    const back = new Events(await resume(id));
    for (const message of [note(2), note(3), question]) {
      assert.deepEqual(JSON.parse((await back.next())!.data), message);
    }
    await tell(harness, command, note(4));
    const last = (await back.next())!;
    assert.deepEqual(JSON.parse(last.data), note(4));
    assert.equal((await harness.respond(command)).status, 200);
    assert.deepEqual(await back.rest(), [ANSWER]);
    // Nobody knows whether it has read its end, so the end can be had again.
    assert.deepEqual(await new Events(await resume(last.id)).rest(), [ANSWER]);
    assert.deepEqual(await new Events(await resume(id)).rest(), [
      note(2),
      note(3),
      question,
      note(4),
      ANSWER,
    ]);
    const { received, answered, delivered, abandoned, withdrawn, inFlight, late } = harness.counts();
    assert.deepEqual(
      { received, answered, delivered, abandoned, withdrawn, inFlight, late },
      { received: 2, answered: 2, delivered: 2, abandoned: 0, withdrawn: 0, inFlight: 0, late: 0 },
    );
  });
});

Deno.test("an answer that comes while the connector is away waits for it", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { command, events, resume, hangUp } = await begun(harness);
    const { id } = (await events.next())!;
    hangUp();
    assert.equal((await harness.respond(command)).status, 200);
    assert.deepEqual(await new Events(await resume(id)).rest(), [note(1), ANSWER]);
  });
});

Deno.test("a stream has one connection: whoever comes back takes the place of the old one", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { command, events, resume } = await begun(harness);
    const { id } = (await events.next())!;
    const back = new Events(await resume(id));
    assert.deepEqual(await events.rest(), [note(1)]);
    assert.deepEqual(JSON.parse((await back.next())!.data), note(1));
    await tell(harness, command, note(2));
    await harness.respond(command);
    assert.deepEqual(await back.rest(), [note(2), ANSWER]);
    assert.equal(harness.counts().abandoned, 0);
  });
});

Deno.test("an answer that is a stream by itself can be had again, a plain one is as it was", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    await initialize(harness, { given: "s-1" });
    const headers = { ...EVENTS, "Mcp-Session-Id": "s-1" };
    const streamed = harness.call(request(7), { headers });
    await answerWith(harness, { resp_headers: { "Content-Type": ["text/event-stream"] } });
    const events = new Events(await streamed);
    const { id = "" } = (await events.next())!;
    assert.deepEqual(await events.rest(), [ANSWER]);
    const again = await harness.call(undefined, {
      method: "GET",
      headers: { ...headers, "Last-Event-ID": id },
    });
    assert.deepEqual(await new Events(again).rest(), [ANSWER]);
    const plain = harness.call(request(7), { headers });
    await answerWith(harness, {});
    assert.equal(await (await plain).text(), JSON.stringify(ANSWER));
    assert.equal((await plain).headers.get("content-type"), "application/json");
  });
});

Deno.test("event ids are good for their own session, and for events that have been", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { command, events, resume } = await begun(harness);
    const { id = "" } = (await events.next())!;
    await initialize(harness, { given: "s-2" });
    for (
      const [wrong, headers] of [
        [id.replace(/_0$/, "_2"), {}],
        [id.replace(/_0$/, "_zzzzzzzz"), {}],
        [id.replace(/_0$/, ""), {}],
        [`${id}!`, {}],
        ["unknown_1", {}],
        [id, { "Mcp-Session-Id": "s-2" }],
      ] as const
    ) {
      const refused = await resume(wrong, headers);
      // 404 would end the session for the connector.
      assert.deepEqual([refused.status, (await errorOf(refused)).code], [400, "unknown_event_id"], wrong);
    }
    await harness.respond(command);
    assert.deepEqual(await events.rest(), [note(1), ANSWER], "it was not disturbed");
  });
});

Deno.test("a call whose connector never comes back ends with its time, and says so to one that comes late", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300 }, async (harness) => {
    const { command, events, resume, hangUp } = await begun(harness);
    const { id } = (await events.next())!;
    hangUp();
    await until(() => harness.counts().timedOut === 1, "the call ends");
    assert.equal((await harness.respond(command)).status, 404);
    const [first, last] = await new Events(await resume(id)).rest() as {
      id?: number;
      error?: { code: number };
    }[];
    assert.deepEqual(first, note(1));
    assert.deepEqual([last?.id, last?.error?.code], [7, -32000]);
    assert.equal(harness.counts().inFlight, 0);
  });
});

Deno.test("a connector that hangs up before it has an event id, or in no session, ends its command as ever [P-172]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    await initialize(harness, { given: "s-1" });
    const gone = new AbortController();
    const call = harness.call(request(), {
      headers: { ...EVENTS, "Mcp-Session-Id": "s-1" },
      signal: gone.signal,
    });
    await harness.nextCommand();
    gone.abort();
    await assert.rejects(call);
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
  });
});

Deno.test("who ends the session gives up what it was still to get", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { session, command, events, resume, hangUp } = await begun(harness);
    const { id } = (await events.next())!;
    hangUp();
    const ending = harness.call(undefined, { method: "DELETE", headers: session });
    await answerWith(harness, {
      resp_type: "session_termination_response",
      resp_code: 204,
      resp_json: undefined,
    });
    await (await ending).body?.cancel();
    const refused = await resume(id);
    assert.deepEqual([refused.status, (await errorOf(refused)).code], [404, "mcp_session_not_found"]);
    await harness.respond(command);
    assert.equal(harness.counts().inFlight, 0);
  });
});

Deno.test("what is kept is bounded: the oldest answers go first, the newest stays", async () => {
  await RelayHarness.with({ maxReplaySize: 10_000 }, async (harness) => {
    await harness.introduceAgent();
    await initialize(harness, { given: "s-1" });
    const headers = { ...EVENTS, "Mcp-Session-Id": "s-1" };
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) {
      const call = harness.call(request(n), { headers });
      await answerWith(harness, {
        resp_headers: { "Content-Type": ["text/event-stream"] },
        resp_json: { jsonrpc: "2.0", id: n, result: { text: "x".repeat(n === 3 ? 20_000 : 4_000) } },
      });
      const events = new Events(await call);
      ids.push((await events.next())!.id!);
      await events.rest();
    }
    const statuses: number[] = [];
    for (const id of ids) {
      const again = await harness.call(undefined, {
        method: "GET",
        headers: { ...headers, "Last-Event-ID": id },
      });
      statuses.push(again.status);
      await again.text();
    }
    assert.deepEqual(statuses, [400, 400, 400, 200]);
  });
});

Deno.test("a connector that is away keeps no more than its share; then notifications are dropped, questions refused, the answer kept", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { command, events, resume, hangUp } = await begun(harness);
    const { id } = (await events.next())!;
    hangUp();
    const large = "x".repeat(600_000);
    // The first of them may find the connection still open.
    for (let n = 2; n <= 4; n++) assert.equal((await tell(harness, command, note(n, large))).status, 200);
    await until(() => harness.counts().notificationsDropped > 0, "a notification is dropped");
    const question = { jsonrpc: "2.0", id: "q", method: "roots/list", params: { large } };
    assert.equal((await tell(harness, command, question)).status, 409);
    await harness.respond(command);
    const missed = await new Events(await resume(id)).rest();
    assert.deepEqual(missed.at(-1), ANSWER);
    assert.ok(missed.length < 5);
  });
});

Deno.test("an answer is for whom it was asked for: who shows another Authorization, or none, does not get it", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    await initialize(harness, { given: "s-1" });
    const headers = { ...EVENTS, "Mcp-Session-Id": "s-1" };
    const call = harness.call(request(7), { headers: { ...headers, Authorization: "Bearer alice" } });
    await answerWith(harness, { resp_headers: { "Content-Type": ["text/event-stream"] } });
    const events = new Events(await call);
    const { id = "" } = (await events.next())!;
    await events.rest();
    const statuses: number[] = [];
    for (const shown of [undefined, "Bearer mallory", "Bearer alice"]) {
      const again = await harness.call(undefined, {
        method: "GET",
        headers: {
          ...headers,
          "Last-Event-ID": id,
          ...(shown === undefined ? {} : { Authorization: shown }),
        },
      });
      statuses.push(again.status);
      await again.text();
    }
    assert.deepEqual(statuses, [400, 400, 200]);
  });
});
