import assert from "node:assert/strict";
import fc from "fast-check";
import { CommandQueue, type Queueable } from "../../../src/relay/command_queue.ts";

class Item implements Queueable<Item> {
  previous: Item | undefined;
  next: Item | undefined;
  constructor(readonly order: number, readonly channel = "main", readonly size = 1) {}
}

const any = () => true;
const of = (...channels: string[]) => ({ channel }: Item) => channels.includes(channel);
const orders = (items: readonly Item[]) => items.map(({ order }) => order);

function content(queue: CommandQueue<Item>): number[] {
  const found: number[] = [];
  for (let item = queue.head; item !== undefined; item = item.next) found.push(item.order);
  return found;
}

Deno.test("take() gives items in order of arrival, only of the wanted channels [P-160, P-163]", () => {
  const queue = new CommandQueue<Item>();
  for (const [order, channel] of [[1, "a"], [2, "b"], [3, "a"], [4, "c"]] as const) {
    queue.insert(new Item(order, channel));
  }
  assert.deepEqual(orders(queue.take(9, 99, of("a", "c"))), [1, 3, 4]);
  assert.deepEqual([
    queue.length,
    queue.hasAny(any),
    queue.hasAny(of("a")),
    queue.hasAny(of("b")),
  ], [1, true, false, true]);
  assert.deepEqual(orders(queue.take(9, 99, any)), [2]);
  assert.equal(queue.hasAny(any), false);
});

Deno.test("take() stops before the items are together too large, but always gives one", () => {
  const queue = new CommandQueue<Item>();
  for (const [order, size] of [[1, 50], [2, 4], [3, 4], [4, 4]] as const) {
    queue.insert(new Item(order, "main", size));
  }
  assert.deepEqual(orders(queue.take(25, 10, any)), [1]);
  assert.deepEqual(orders(queue.take(25, 10, any)), [2, 3]);
  assert.equal(queue.size, 4);
});

Deno.test("insert() puts an item that comes back in its old place", () => {
  const queue = new CommandQueue<Item>();
  const items = [1, 2, 3, 4, 5].map((order) => new Item(order));
  for (const item of items) queue.insert(item);
  queue.take(4, 99, any);
  for (const at of [2, 0, 3, 1]) queue.insert(items[at]!);
  assert.deepEqual(content(queue), [1, 2, 3, 4, 5]);
});

Deno.test("a queue behaves like a sorted list under any mixture of insert, remove and take", () => {
  const step = fc.record({
    kind: fc.constantFrom("new", "back", "remove", "take"),
    pick: fc.nat(1_000),
    channel: fc.constantFrom("a", "b"),
    limit: fc.integer({ min: 1, max: 4 }),
    filtered: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const queue = new CommandQueue<Item>();
    const inside: Item[] = [];
    const outside: Item[] = [];
    let order = 0;
    for (const { kind, pick, channel, limit, filtered } of steps) {
      const put = (item: Item) => {
        queue.insert(item);
        inside.push(item);
        inside.sort((a, b) => a.order - b.order);
      };
      if (kind === "new") put(new Item(++order, channel, (pick % 5) + 1));
      else if (kind === "back" && outside.length > 0) put(outside.splice(pick % outside.length, 1)[0]!);
      else if (kind === "remove" && inside.length > 0) {
        const [item] = inside.splice(pick % inside.length, 1);
        queue.remove(item!);
        outside.push(item!);
      } else if (kind === "take") {
        const isWanted = filtered ? of(channel) : any;
        const wanted = inside.filter(isWanted).slice(0, limit);
        const taken = queue.take(limit, 1_000, isWanted);
        assert.deepEqual(orders(taken), orders(wanted));
        for (const item of taken) inside.splice(inside.indexOf(item), 1);
        outside.push(...taken);
      }
      assert.deepEqual(content(queue), orders(inside));
      assert.equal(queue.length, inside.length);
      assert.equal(queue.size, inside.reduce((sum, { size }) => sum + size, 0));
    }
  }));
});
