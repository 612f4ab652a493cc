import assert from "node:assert/strict";
import { eventually, NEVER, open, type Opened, requestOf, textOf } from "../../../support/stdio_harness.ts";

const SAMPLING =
  '{"jsonrpc":"2.0","id":12345678901234567000,"method":"sampling/createMessage","params":{"messages":[]}}';
const ANSWER = '{"jsonrpc":"2.0", "id":12345678901234567000, "result":{"role":"assistant","n":1.00}}';

async function answer(opened: Opened, text: string): Promise<void> {
  const outcome = await opened.channel.notify({ ...requestOf(text), method: "" }, NEVER);
  assert.deepEqual(outcome, { type: "accepted", status: 200, headers: [] });
}

for (const concurrency of [1, 4]) {
  Deno.test(`a request of the server goes to the connector that can answer, and its answer back (concurrency ${concurrency})`, async () => {
    await using opened = await open({ concurrency });
    const asked: string[] = [];
    const replies = await opened.ask("ask", {}, {
      observer: {
        serverRequest: (text, head) => {
          assert.deepEqual(head, { status: 200, headers: [] });
          asked.push(textOf(text));
          // The answer may come before the delivery of the request is confirmed.
          return answer(opened, ANSWER).then(() => true);
        },
      },
    });
    // `ping` is nobody else's business.
    assert.deepEqual(asked, [SAMPLING]);
    assert.deepEqual(replies, [{ jsonrpc: "2.0", id: "s-1", result: {} }, JSON.parse(ANSWER)]);
    const lines = await opened.ask("seen") as string[];
    assert.ok(lines.includes(ANSWER));
  });
}

Deno.test("a request that the connector does not take is refused, and the call goes on [P-104]", async () => {
  await using opened = await open();
  const replies = await opened.ask("ask", {}, {
    observer: { serverRequest: () => Promise.resolve(false) },
  }) as { error?: { code: number } }[];
  assert.equal(replies[1]?.error?.code, -32601);
});

Deno.test("an answer to nothing that was asked does not reach the server, nor one given twice, nor one for its predecessor", async () => {
  await using opened = await open();
  await answer(opened, ANSWER);
  await opened.ask("ask", {}, { observer: { serverRequest: () => answer(opened, ANSWER).then(() => true) } });
  await answer(opened, ANSWER);
  const lines = await opened.ask("seen") as string[];
  assert.deepEqual(lines.filter((line) => line === ANSWER).length, 1);

  const asked = Promise.withResolvers<void>();
  const running = opened.call("ask", {}, {
    observer: {
      serverRequest: () => {
        asked.resolve();
        return Promise.resolve(true);
      },
    },
  });
  await asked.promise;
  Deno.kill(opened.pid(), "SIGKILL");
  assert.equal((await running).type, "failure");
  await answer(opened, ANSWER);
  assert.deepEqual(await opened.ask("seen"), []);
});

Deno.test("a caller that goes without answering leaves no server waiting", async () => {
  await using opened = await open();
  const deadline = new AbortController();
  const lost = opened.call("ask", {}, {
    signal: deadline.signal,
    observer: {
      serverRequest: () => {
        deadline.abort(new Error("deadline"));
        return Promise.resolve(true);
      },
    },
  });
  await assert.rejects(lost, /deadline/);
  const lines = await opened.ask("seen") as string[];
  assert.match(lines.find((line) => line.includes('"id":12345678901234567000'))!, /"error":\{"code":-32603,/);
});

Deno.test("while an answer is owed, a request of the server belongs to nobody [SE-7]", async () => {
  await using opened = await open();
  const deadline = new AbortController();
  const lost = opened.call("hold", {}, {
    signal: deadline.signal,
    observer: { sent: () => deadline.abort(new Error("deadline")) },
  });
  await assert.rejects(lost, /deadline/);
  const replies = await opened.ask("ask", {}, {
    observer: { serverRequest: () => assert.fail("asked a connector that it may not belong to") },
  }) as { error?: { code: number } }[];
  assert.equal(replies[1]?.error?.code, -32601);
});

Deno.test("a request of the server comes behind the notifications before it [P-99]", async () => {
  await using opened = await open({ concurrency: 4 });
  const order: string[] = [];
  const text = '{"jsonrpc":"2.0","method":"notifications/message","params":{}}\n' + SAMPLING + "\n";
  const running = opened.ask("raw", { text }, {
    observer: {
      notification: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push("notification");
      },
      serverRequest: () => {
        order.push("request");
        return Promise.resolve(true);
      },
    },
  });
  await eventually("both are delivered", () => order.length === 2);
  assert.deepEqual(order, ["notification", "request"]);
  await answer(opened, ANSWER);
  await opened.notify("raw", { text: '{"jsonrpc":"2.0","id":1,"result":"done"}\n' });
  assert.equal(await running, "done");
});
