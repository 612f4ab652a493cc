import assert from "node:assert/strict";
import fc from "fast-check";
import type { Command } from "../../../src/agent/command.ts";
import { CommandQueue } from "../../../src/agent/queue.ts";

function command(requestId: string, channel = "main"): Command {
  return {
    type: "oauth_discovery",
    requestId,
    shardToken: "shard",
    channel,
    createdAtMs: undefined,
    headers: {},
    headersComplete: false,
    receivedAt: 0,
    deadlineAt: Infinity,
  };
}

const any = () => true;

Deno.test("CommandQueue is first in, first out [P-48, P-77]", () => {
  const queue = new CommandQueue(10);
  for (const id of ["a", "b", "c"]) queue.push(command(id));
  assert.deepEqual([queue.length, queue.free], [3, 7]);
  assert.deepEqual([queue.take(any), queue.take(any), queue.take(any)].map((one) => one?.requestId), [
    "a",
    "b",
    "c",
  ]);
  assert.equal(queue.take(any), undefined);
});

Deno.test("CommandQueue lets a channel with room overtake one without [P-78]", () => {
  const queue = new CommandQueue(10);
  queue.push(command("slow-1", "slow"));
  queue.push(command("slow-2", "slow"));
  queue.push(command("main-1"));
  queue.push(command("slow-3", "slow"));
  queue.push(command("main-2"));
  const notSlow = (channel: string) => channel !== "slow";
  assert.equal(queue.take(notSlow)?.requestId, "main-1");
  assert.equal(queue.take(any)?.requestId, "slow-1");
  assert.equal(queue.take(notSlow)?.requestId, "main-2");
  assert.equal(queue.take(notSlow), undefined);
  assert.deepEqual(queue.takeAll().map((one) => one.requestId), ["slow-2", "slow-3"]);
  assert.equal(queue.length, 0);
});

Deno.test("CommandQueue lets notifications and subscriptions pass calls that wait, each kind in its order", () => {
  const message = (requestId: string, kind: "call" | "notification", method: string): Command => ({
    ...command(requestId),
    type: "jsonrpc",
    kind,
    method,
    text: "",
    message: {},
    id: kind === "call" ? requestId : undefined,
  });
  const queue = new CommandQueue(10);
  queue.push(message("call", "call", "tools/call"));
  queue.push(message("listen-1", "call", "subscriptions/listen"));
  queue.push(message("note", "notification", "subscriptions/listen"));
  queue.push(message("listen-2", "call", "subscriptions/listen"));
  const only = (wanted: string) => (_: string, lane: string) => lane === wanted;
  assert.equal(queue.take(only("listen"))?.requestId, "listen-1");
  assert.equal(queue.take(only("aside"))?.requestId, "note");
  assert.equal(queue.take(only("aside")), undefined);
  assert.deepEqual(queue.takeAll().map((one) => one.requestId), ["call", "listen-2"]);
});

Deno.test("CommandQueue takes more than its capacity without counting free places below zero [P-47]", () => {
  const queue = new CommandQueue(1);
  queue.push(command("a"));
  queue.push(command("b"));
  assert.deepEqual([queue.length, queue.free], [2, 0]);
  queue.take(any);
  assert.equal(queue.free, 0);
  queue.take(any);
  assert.equal(queue.free, 1);
});

Deno.test("CommandQueue.space() resolves when a place is free, for everybody who waits", async () => {
  const queue = new CommandQueue(1);
  const { signal } = new AbortController();
  await queue.space(signal);
  queue.push(command("a"));
  let woken = 0;
  const waits = [queue.space(signal), queue.space(signal)].map((wait) => wait.then(() => woken++));
  await Promise.resolve();
  assert.equal(woken, 0);
  queue.take(any);
  await Promise.all(waits);
  assert.equal(woken, 2);
});

Deno.test("CommandQueue.space() goes on waiting when another was quicker", async () => {
  const queue = new CommandQueue(1);
  const controller = new AbortController();
  queue.push(command("a"));
  let woken = false;
  const wait = queue.space(controller.signal).then(() => woken = true);
  queue.take(any);
  queue.push(command("b"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(woken, false);
  queue.take(any);
  await wait;
});

Deno.test("CommandQueue.space() ends when its signal is aborted [P-40]", async () => {
  const queue = new CommandQueue(1);
  const controller = new AbortController();
  queue.push(command("a"));
  const wait = queue.space(controller.signal);
  controller.abort();
  await wait;
  await queue.space(controller.signal);
});

Deno.test("CommandQueue.space() leaves no listener on a signal that lives as long as the agent", async () => {
  const queue = new CommandQueue(1);
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  for (let round = 0; round < 200; round++) {
    queue.push(command(String(round)));
    const wait = queue.space(signal);
    queue.take(any);
    await wait;
  }
  assert.equal(listeners, 0);
});

Deno.test("property: CommandQueue keeps the order of every channel and loses nothing [P-48, P-77]", () => {
  const action = fc.oneof(
    { weight: 3, arbitrary: fc.record({ push: fc.constantFrom("main", "a", "b", "c") }) },
    { weight: 2, arbitrary: fc.record({ take: fc.subarray(["main", "a", "b", "c"]) }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const queue = new CommandQueue(50);
      const model: { id: string; channel: string }[] = [];
      let next = 0;
      for (const one of actions) {
        if ("push" in one) {
          const id = String(next++);
          queue.push(command(id, one.push));
          model.push({ id, channel: one.push });
        } else {
          const index = model.findIndex((entry) => one.take.includes(entry.channel));
          const expected = index < 0 ? undefined : model.splice(index, 1)[0];
          assert.equal(queue.take((channel) => one.take.includes(channel))?.requestId, expected?.id);
        }
        assert.equal(queue.length, model.length);
        assert.equal(queue.free, Math.max(0, 50 - model.length));
      }
      assert.deepEqual(queue.takeAll().map((one) => one.requestId), model.map((entry) => entry.id));
    }),
  );
});

Deno.test("property: CommandQueue stays right over many thousand commands of one channel", () => {
  const queue = new CommandQueue(10_000);
  let pushed = 0;
  let taken = 0;
  fc.assert(
    fc.property(fc.nat(3_000), fc.nat(3_000), (pushes, takes) => {
      for (let count = 0; count < pushes; count++) queue.push(command(String(pushed++)));
      for (let count = 0; count < takes && taken < pushed; count++) {
        assert.equal(queue.take(any)?.requestId, String(taken++));
      }
      assert.equal(queue.length, pushed - taken);
    }),
    { numRuns: 40 },
  );
});

function aside(requestId: string, channel = "main"): Command {
  const { type: _, ...base } = command(requestId, channel);
  return { ...base, type: "jsonrpc", kind: "response", text: "{}", message: {}, method: "", id: 1 };
}

Deno.test("CommandQueue has places for messages that wait for nothing, however many calls there are", () => {
  const queue = new CommandQueue(2);
  for (const id of ["a", "b"]) queue.push(command(id));
  assert.deepEqual([queue.free, queue.freeForAsides], [0, 2]);
  assert.deepEqual([queue.hasRoomFor(command("c")), queue.hasRoomFor(aside("c"))], [false, true]);
  for (const id of ["c", "d"]) queue.push(aside(id));
  assert.deepEqual([queue.free, queue.freeForAsides, queue.hasRoomFor(aside("e"))], [0, 0, false]);
  assert.equal(queue.take((_, lane) => lane === "aside")?.requestId, "c");
  assert.equal(queue.freeForAsides, 1);
  assert.deepEqual(queue.takeAll().map((one) => one.requestId), ["a", "b", "d"]);
  assert.deepEqual([queue.free, queue.freeForAsides], [2, 2]);
});

Deno.test("CommandQueue.remove() takes one command out wherever it stands, and makes its place free", async () => {
  const queue = new CommandQueue(4);
  for (const id of ["a", "b", "c"]) queue.push(command(id));
  queue.push(aside("d", "other"));
  assert.equal(queue.take(any)?.requestId, "a");
  queue.push(command("e"));
  assert.equal(queue.free, 0);
  const space = queue.space(new AbortController().signal);
  assert.equal(queue.remove("c")?.requestId, "c");
  await space;
  assert.deepEqual([queue.remove("a"), queue.remove("c"), queue.remove("unknown")], [
    undefined,
    undefined,
    undefined,
  ]);
  assert.equal(queue.remove("d")?.requestId, "d");
  assert.equal(queue.freeForAsides, 4);
  assert.deepEqual(queue.takeAll().map((one) => one.requestId), ["b", "e"]);
  assert.equal(queue.length, 0);
});
