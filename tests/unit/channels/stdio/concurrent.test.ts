import assert from "node:assert/strict";
import { answerOf, eventually, open, textOf } from "../../../support/stdio_harness.ts";

Deno.test("500 calls at once at concurrency 16: each gets its own answer and its own id [A-193]", async () => {
  await using opened = await open({ concurrency: 16 });
  const ids = ["1", '"1"', "12345678901234567890123456", '"é\\""'];
  const results = await Promise.all(Array.from({ length: 500 }, async (_, at) => {
    const id = ids[at % ids.length];
    const text = `{"jsonrpc":"2.0","id":${id},"method":"echo","params":{"at":${at},"pad":"${
      "x".repeat(at)
    }"}}`;
    const result = await opened.call("echo", undefined, { text });
    return [answerOf(result), `{"jsonrpc":"2.0","id":${id},"result":{"at":${at},"pad":"${"x".repeat(at)}"}}`];
  }));
  for (const [actual, expected] of results) assert.equal(actual, expected);
});

Deno.test("no more calls than the limit are with the child at once [SE-1]", async () => {
  await using opened = await open({ concurrency: 3 });
  let sent = 0;
  const calls = Array.from(
    { length: 8 },
    (_, at) => opened.ask("hold", at, { observer: { sent: () => void sent++ } }),
  );
  await eventually("three are written", () => sent === 3);
  await opened.notify("release");
  await eventually("three more are written", () => sent === 6);
  await opened.notify("release");
  await eventually("the rest is written", () => sent === 8);
  await opened.notify("release");
  assert.deepEqual(await Promise.all(calls), Array.from({ length: 8 }, (_, late) => ({ late })));
});

Deno.test("answers may come in any order [A-193]", async () => {
  await using opened = await open({ concurrency: 4 });
  const calls = ["a", "b", "c"].map((params) => opened.ask("hold", params, { id: 1 }));
  assert.equal(await opened.ask("release", undefined, { id: 1 }), "released");
  assert.deepEqual(await Promise.all(calls), [{ late: "a" }, { late: "b" }, { late: "c" }]);
});

Deno.test("ids and progress tokens are private on the wire, and the caller's own in what comes back [A-82, A-197]", async () => {
  await using opened = await open({ concurrency: 2 });
  const text =
    '{"jsonrpc":"2.0","params":{"count":1,"_meta":{"x":[{"progressToken":0}], "progressToken" : 99999999999999999999, ' +
    '"y":{"progressToken":1}}, "id":4},"id" : "one", "method":"progress"}';
  const seen: string[] = [];
  const result = await opened.call("progress", undefined, {
    text,
    observer: {
      notification: (one) => {
        seen.push(textOf(one));
        return Promise.resolve();
      },
    },
  });
  assert.equal(answerOf(result), '{"jsonrpc":"2.0","id":"one","result":"done"}');
  assert.deepEqual(seen, [
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":99999999999999999999,"progress":1,"total":1}}',
  ]);
  const [line] = await opened.ask("seen") as string[];
  assert.equal(line, text.replace('"id" : "one"', '"id" : 1').replace("99999999999999999999", "1"));
});

Deno.test("the last of duplicate ids is the one that is exchanged", async () => {
  await using opened = await open({ concurrency: 2 });
  const text = '{"jsonrpc":"2.0","id":"first","i\\u0064":"second","method":"echo","params":{"id":3}}';
  const result = await opened.call("echo", undefined, { text });
  assert.equal(answerOf(result), '{"jsonrpc":"2.0","id":"second","result":{"id":3}}');
});

Deno.test("progress of many calls with the same token goes to its own call [A-197]", async () => {
  await using opened = await open({ concurrency: 8 });
  const calls = Array.from({ length: 40 }, async (_, at) => {
    const seen: number[] = [];
    await opened.ask("progress", { count: at % 7, _meta: { progressToken: "same" } }, {
      id: 1,
      observer: {
        notification: (text) => {
          const { params } = JSON.parse(textOf(text));
          assert.equal(params.progressToken, "same");
          assert.equal(params.total, at % 7);
          seen.push(params.progress);
          return Promise.resolve();
        },
      },
    });
    assert.deepEqual(seen, Array.from({ length: at % 7 }, (_, step) => step + 1));
  });
  await Promise.all(calls);
});

Deno.test("a slow delivery holds up its own call only, and still precedes its answer [P-99]", async () => {
  await using opened = await open({ concurrency: 2 });
  const slow = Promise.withResolvers<void>();
  const order: string[] = [];
  const call = opened.ask("progress", { count: 3, _meta: { progressToken: 1 } }, {
    observer: {
      notification: async (text) => {
        await slow.promise;
        order.push(JSON.parse(textOf(text)).params.progress);
      },
    },
  }).then(() => order.push("answer"));
  for (let round = 0; round < 20; round++) assert.equal(await opened.ask("echo", round), round);
  assert.deepEqual(order, []);
  slow.resolve();
  await call;
  assert.deepEqual(order, [1, 2, 3, "answer"]);
});

Deno.test("a notification without an address goes to the only running call, or to none", async () => {
  await using opened = await open({ concurrency: 3 });
  const seen: string[] = [];
  const observer = {
    notification: (text: string | Uint8Array) => {
      seen.push(JSON.parse(textOf(text)).params.progress ?? "message");
      return Promise.resolve();
    },
  };
  await opened.ask("gossip", { _meta: { progressToken: "t" } }, { observer });
  assert.deepEqual(seen, ["message", 2]);
  seen.length = 0;
  let sent = false;
  const held = opened.ask("hold", {}, { observer: { ...observer, sent: () => void (sent = true) } });
  await eventually("the first is written", () => sent);
  await opened.ask("gossip", { _meta: { progressToken: "t" } }, { observer });
  assert.deepEqual(seen, [2]);
  await opened.ask("release");
  await held;
});

Deno.test("a cancellation is translated, and passes only for a call that runs alone under its id [A-196]", async () => {
  await using opened = await open({ concurrency: 4 });
  const one = opened.ask("hold", "one", { id: "one" });
  const same = [opened.ask("hold", "a", { id: 7 }), opened.ask("hold", "b", { id: 7 })];
  for (const requestId of ["one", 7, 1, "nobody"]) {
    await opened.notify("notifications/cancelled", { requestId, reason: "x" });
  }
  const lines = await opened.ask("seen") as string[];
  const wireId = JSON.parse(lines.find((line) => line.includes('"one"'))!).id;
  assert.deepEqual(lines.filter((line) => line.includes("cancelled")), [
    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${wireId},"reason":"x"}}`,
  ]);
  await opened.ask("release");
  assert.deepEqual(await Promise.all([one, ...same]), [{ late: "one" }, { late: "a" }, { late: "b" }]);
});

Deno.test("a lost call is cancelled by its private id, and other calls go on [A-196]", async () => {
  await using opened = await open({ concurrency: 4 });
  const other = opened.ask("hold", "other", { id: 1 });
  const deadline = new AbortController();
  const lost = opened.call("hold", "lost", {
    id: 1,
    signal: deadline.signal,
    observer: { sent: () => deadline.abort(new Error("deadline")) },
  });
  await assert.rejects(lost, /deadline/);
  const lines = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line));
  const lostId = lines.find(({ params }) => params === "lost").id;
  assert.equal(lines.find(({ method }) => method === "notifications/cancelled").params.requestId, lostId);
  assert.equal(await opened.ask("release"), "released");
  assert.deepEqual(await other, { late: "other" });
});

Deno.test("an answer to a message that has not been written is nobody's", async () => {
  await using opened = await open({ concurrency: 2 });
  const guess =
    '{"jsonrpc":"2.0","id":2,"result":"guess"}\n{"jsonrpc":"2.0","method":"notifications/progress","params":' +
    '{"progressToken":2,"progress":1}}\n';
  const stalled = opened.ask("stall", { ms: 300, text: guess });
  // More than a pipe takes, so that the next call waits behind it.
  const filling = opened.notify("notifications/x", "y".repeat(1024 * 1024));
  const queued = opened.ask("echo", { _meta: { progressToken: 0 } }, {
    observer: { notification: () => assert.fail("a notification for a call that has not been written") },
  });
  assert.equal(await stalled, "awake");
  await filling;
  assert.deepEqual(await queued, { _meta: { progressToken: 2 } });
});

Deno.test("a subscription's notifications and result bear the caller's id, serial or not", async () => {
  for (const concurrency of [1, 4]) {
    await using opened = await open({ concurrency });
    const held = concurrency > 1 ? opened.ask("hold", {}) : undefined;
    const seen: unknown[] = [];
    const result = await opened.call("listen", {}, {
      id: "mine",
      observer: {
        notification: (text) => {
          seen.push(JSON.parse(textOf(text)).params);
          return Promise.resolve();
        },
      },
    });
    const meta = { _meta: { "io.modelcontextprotocol/subscriptionId": "mine" } };
    assert.deepEqual(JSON.parse(answerOf(result)), { jsonrpc: "2.0", id: "mine", result: meta });
    assert.deepEqual(seen, [meta]);
    await opened.ask("release");
    await held;
  }
});
