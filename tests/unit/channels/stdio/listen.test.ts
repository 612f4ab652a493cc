import assert from "node:assert/strict";
import type { CallObserver } from "../../../../src/channels/channel.ts";
import { Conversation } from "../../../../src/channels/stdio/conversation.ts";
import { stdioFailure } from "../../../../src/channels/stdio/result.ts";
import { WriteQueue } from "../../../../src/channels/stdio/write_queue.ts";
import { HandClock } from "../../../support/stdio_clock.ts";
import {
  answerOf,
  callOf,
  eventually,
  NEVER,
  open,
  type Opened,
  QUIET,
  resultOf,
  textOf,
} from "../../../support/stdio_harness.ts";

const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";
const LISTEN = "subscriptions/listen";
const CHANGED = "notifications/tools/list_changed";
const STATELESS = {
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  },
};

interface Heard extends Partial<CallObserver> {
  /** Methods of the notifications, each with the subscription it names. */
  readonly heard: string[];
}

function listener(): Heard {
  const heard: string[] = [];
  return {
    heard,
    notification: (text) => {
      const { method, params } = JSON.parse(textOf(text));
      heard.push(`${method} ${params?._meta?.[SUBSCRIPTION] ?? ""}`);
      return Promise.resolve();
    },
  };
}

/** Opens a subscription and waits for the server's word that it has begun. */
async function subscribe(opened: Opened, id: string, signal?: AbortSignal) {
  const observer = listener();
  const result = opened.call(LISTEN, STATELESS, { id, observer, signal });
  result.catch(() => undefined);
  await eventually(`${id} is acknowledged`, () => observer.heard.length === 1);
  return { result, heard: observer.heard };
}

async function cancellations(opened: Opened): Promise<unknown[]> {
  const lines = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line));
  return lines.filter(({ method }) => method === "notifications/cancelled")
    .map(({ params }) => params.requestId);
}

for (const concurrency of [1, 2]) {
  Deno.test(`subscriptions hold up no call, and each hears what names it (concurrency ${concurrency})`, async () => {
    await using opened = await open({ concurrency });
    const end = new AbortController();
    const all = [];
    for (const id of ["a", "b", "c"]) all.push(await subscribe(opened, id, end.signal));
    for (let round = 0; round < 3; round++) assert.equal(await opened.ask("change"), 3);
    for (const [at, id] of ["a", "b", "c"].entries()) {
      assert.deepEqual(all[at]!.heard, [
        `notifications/subscriptions/acknowledged ${id}`,
        ...Array(3).fill(`${CHANGED} ${id}`),
      ]);
    }
    end.abort(new Error("over"));
    for (const { result } of all) await assert.rejects(result, /over/);
    assert.equal(await opened.ask("change"), 0, "the server knows that they are over");
  });
}

Deno.test("subscriptions under the same id are told apart [A-82]", async () => {
  await using opened = await open();
  const end = new AbortController();
  const [one, two] = [
    await subscribe(opened, "same", end.signal),
    await subscribe(opened, "same", end.signal),
  ];
  assert.equal(await opened.ask("change", {}, { id: "same" }), 2);
  const heard = ["notifications/subscriptions/acknowledged same", `${CHANGED} same`];
  assert.deepEqual([one.heard, two.heard], [heard, heard]);
  end.abort(new Error("over"));
  await Promise.allSettled([one.result, two.result]);
});

for (const reason of ["deadline", "connection_ttl", "drain_limit", "cancelled"]) {
  Deno.test(`a subscription or call that ends by ${reason} is cancelled at the server and leaves nothing behind [A-196]`, async () => {
    await using opened = await open();
    for (const method of [LISTEN, "hold"]) {
      const gone = new AbortController();
      let sent = false;
      const observer = { ...listener(), sent: () => void (sent = true) };
      const result = opened.call(method, STATELESS, {
        id: `${method} ${reason}`,
        observer,
        signal: gone.signal,
      });
      await eventually("it is written", () => sent);
      gone.abort(new Error(reason));
      await assert.rejects(result, new RegExp(reason));
    }
    assert.deepEqual(await cancellations(opened), [`${LISTEN} ${reason}`, `hold ${reason}`]);
  });
}

Deno.test("a subscription that the server ends is answered with its graceful end", async () => {
  await using opened = await open();
  const { result } = await subscribe(opened, "mine");
  assert.equal(await opened.ask("end-listens"), "ended");
  assert.deepEqual(JSON.parse(answerOf(await result)), {
    jsonrpc: "2.0",
    id: "mine",
    result: { resultType: "complete", _meta: { [SUBSCRIPTION]: "mine" } },
  });
  assert.deepEqual(await cancellations(opened), []);
});

Deno.test("a slow reader of a subscription holds up no call [P-99]", async () => {
  await using opened = await open();
  const slow = Promise.withResolvers<void>();
  const end = new AbortController();
  let sent = false;
  const result = opened.call(LISTEN, STATELESS, {
    signal: end.signal,
    observer: { sent: () => void (sent = true), notification: () => slow.promise },
  });
  result.catch(() => undefined);
  await eventually("it is written", () => sent);
  for (let round = 0; round < 10; round++) assert.equal(await opened.ask("change"), 1);
  slow.resolve();
  end.abort(new Error("over"));
  await assert.rejects(result, /over/);
});

Deno.test("beside subscriptions, what names nobody belongs to the only call; without one, a change to the only subscription", async () => {
  await using opened = await open();
  const end = new AbortController();
  const one = await subscribe(opened, "one", end.signal);
  const caller = listener();
  const say = (method: string) =>
    opened.ask("say", { method, params: { level: "info", data: 1 } }, { observer: caller });
  await say("notifications/message");
  await say(CHANGED);
  assert.deepEqual(caller.heard, ["notifications/message ", `${CHANGED} `]);
  // A notification of the connector makes the server speak while no call runs.
  const speak = async (method: string) => {
    const text = JSON.stringify({ jsonrpc: "2.0", method, params: { data: 2 } }) + "\n";
    await opened.notify("raw", { text });
  };
  await speak("notifications/message");
  await speak(CHANGED);
  await eventually("the change is heard", () => one.heard.length === 2);
  assert.equal(one.heard[1], `${CHANGED} `);
  const two = await subscribe(opened, "two", end.signal);
  await speak(CHANGED);
  const drops = () => opened.log.of("mcp server message dropped");
  await eventually("it is dropped", () => drops().length === 2);
  assert.deepEqual([one.heard.length, two.heard.length], [2, 1]);
  const dropped = opened.log.of("mcp server message dropped").map((
    { fields },
  ) => [fields.reason, fields.method]);
  assert.deepEqual(dropped, [
    ["notification: no call runs", "notifications/message"],
    ["notification: no call runs", CHANGED],
  ]);
  assert.equal(opened.metrics.counters.get('mcp_stdio_messages_dropped_total{"channel":"main"}'), 2);
  end.abort(new Error("over"));
  await Promise.allSettled([one.result, two.result]);
});

Deno.test("what names nobody while several calls run is dropped, counted and logged with the reason", async () => {
  await using opened = await open({ concurrency: 3 });
  let sent = false;
  const held = opened.ask("hold", "x", { observer: { ...listener(), sent: () => void (sent = true) } });
  await eventually("it is written", () => sent);
  const caller = listener();
  await opened.ask("say", { method: "notifications/message", params: {} }, { observer: caller });
  await opened.ask("say", { method: "notifications/progress", params: { progressToken: "?", progress: 1 } });
  assert.deepEqual(caller.heard, []);
  await opened.ask("say", {
    method: "notifications/message",
    params: { level: "info", data: "x", _meta: { progressToken: "$TOKEN" } },
    _meta: { progressToken: "mine" },
  }, {
    observer: {
      notification: (text) => {
        caller.heard.push(JSON.parse(textOf(text)).params._meta.progressToken);
        return Promise.resolve();
      },
    },
  });
  assert.deepEqual(caller.heard, ["mine"], "a token says whose it is, whatever it stands in");
  assert.deepEqual(
    opened.log.of("mcp server message dropped").map(({ fields }) => fields.reason),
    [
      "notification: several calls run and it names none",
      "notification: names a call that does not run",
    ],
  );
  await opened.ask("release");
  await held;
});

Deno.test("a request that the server takes back is taken back where it was asked, also among other calls", async () => {
  await using opened = await open({ concurrency: 3 });
  const asked: string[] = [];
  const observer = {
    ...listener(),
    serverRequest: (text: string | Uint8Array) => {
      asked.push(JSON.parse(textOf(text)).id);
      return Promise.resolve(true);
    },
  };
  const call = opened.call("ask-and-withdraw", {}, { observer });
  await eventually("it is asked", () => asked.length === 1);
  assert.equal(await opened.ask("withdraw"), "withdrawn");
  assert.deepEqual(observer.heard, ["notifications/cancelled "]);
  await opened.ask("release");
  assert.deepEqual(resultOf(await call), { late: {} });
});

for (
  const [what, method, params, heardAfterMs] of [
    ["a subscription leaves nothing in doubt", LISTEN, STATELESS, 0],
    ["a call since 2026-07-28 for 2 s", "hold", STATELESS, 2000],
    ["an earlier call for ever", "hold", {}, Infinity],
  ] as const
) {
  Deno.test(`what names nobody may be a cancelled call's: ${what} [SE-7]`, async () => {
    const clock = new HandClock();
    const events = {
      answered: () => undefined,
      initializeAccepted: () => undefined,
      initializedWritten: () => undefined,
      dropped: () => undefined,
    };
    const writes = new WriteQueue(new WritableStream(), () => assert.fail("broken"));
    const conversation = new Conversation(
      writes,
      { concurrency: 1, sendInitialized: false },
      events,
      QUIET,
      clock,
    );
    const gone = new AbortController();
    const sent = Promise.withResolvers<void>();
    const lostObserver = { sent: () => sent.resolve(), notification: () => Promise.resolve() };
    const lost = conversation.call(callOf(method, params, 1), lostObserver, gone.signal, "own", "off");
    await sent.promise;
    gone.abort(new Error("gone"));
    await assert.rejects(lost, /gone/);
    const heard: number[] = [];
    const written = Promise.withResolvers<void>();
    const observer = {
      sent: () => written.resolve(),
      notification: () => {
        heard.push(clock.nowMs());
        return Promise.resolve();
      },
    };
    const startedMs = clock.nowMs();
    const call = conversation.call(callOf("echo", {}, 2), observer, NEVER, "own", "off");
    await written.promise;
    const value = { jsonrpc: "2.0", method: "notifications/message", params: {} };
    for (const stepMs of [0, 1999, 1, 1_000_000]) {
      clock.advance(stepMs);
      await conversation.receive({ value, text: JSON.stringify(value), bytes: undefined });
    }
    conversation.end(stdioFailure("eof", "ended"));
    await call;
    assert.deepEqual(
      heard.map((atMs) => atMs - startedMs),
      [0, 1999, 2000, 1_002_000].filter((atMs) => atMs >= heardAfterMs),
    );
  });
}

Deno.test("open subscriptions fail with their child, so that connectors can subscribe again", async () => {
  await using opened = await open();
  const { result } = await subscribe(opened, "mine");
  await opened.call("exit", { code: 3 });
  const ended = await result;
  assert.equal(ended.type, "failure");
});
