import assert from "node:assert/strict";
import { callText, pollHead, RawConnection, RelayHarness, request, until } from "../support/relay_harness.ts";

/** A connector request that is larger than all buffers between relay and agent together. */
function largeRequest(id: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method: "m", params: "x".repeat(12 << 20) });
}

async function connectors(harness: RelayHarness, bodies: readonly string[]): Promise<RawConnection[]> {
  const callers: RawConnection[] = [];
  for (const body of bodies) {
    const before = harness.counts().received;
    callers.push(await RawConnection.to(harness.port, callText(body)));
    await until(() => harness.counts().received === before + 1, "received");
  }
  return callers;
}

Deno.test("commands whose poll reply was cut off go back to the front of the queue, in order", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const callers = await connectors(harness, [largeRequest("large"), request("second"), request("third")]);
    const dying = await RawConnection.to(harness.port, pollHead(2));
    assert.match(await dying.readUntil("cmd_"), /^HTTP\/1\.1 200 /);
    assert.deepEqual([harness.counts().queued, harness.counts().inFlight], [1, 2]);
    dying.close();
    await until(() => harness.counts().requeued === 2, "put back");
    assert.deepEqual([harness.counts().queued, harness.counts().inFlight], [3, 0]);
    const { commands } = await harness.poll();
    assert.deepEqual(commands.map(({ jsonrpc }) => jsonrpc?.["id"]), ["large", "second", "third"]);
    for (const [at, command] of commands.entries()) {
      await harness.respond(command, { resp_json: { at } });
      assert.match(await callers[at]!.readUntil("}"), new RegExp(`^HTTP/1.1 200 .*\\{"at":${at}\\}$`, "s"));
      callers[at]!.close();
    }
    const { received, answered, delivered } = harness.counts();
    assert.deepEqual([received, answered, delivered], [3, 3, 5]);
    assert.ok(
      harness.records.some(({ event, fields }) =>
        event.startsWith("poll reply could not be written") && fields["commands"] === 2
      ),
    );
  });
});

Deno.test("a command that comes back goes to the poll that waits", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const [caller] = await connectors(harness, [largeRequest("large")]);
    const dying = await RawConnection.to(harness.port, pollHead(1));
    await dying.readUntil("cmd_");
    const waiting = harness.poll({ timeoutMs: 30_000 });
    await until(() => harness.counts().openPolls === 1, "second poll open");
    dying.close();
    const { commands } = await waiting;
    assert.equal(commands[0]?.jsonrpc?.["id"], "large");
    await harness.respond(commands[0]!);
    assert.match(await caller!.readUntil("}}"), /^HTTP\/1\.1 200 /);
    caller!.close();
  });
});

Deno.test("a command does not come back when its connector has gone meanwhile", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const [caller] = await connectors(harness, [largeRequest("large")]);
    const dying = await RawConnection.to(harness.port, pollHead(1));
    await dying.readUntil("cmd_");
    caller!.close();
    await until(() => harness.counts().abandoned === 1, "hang-up seen");
    dying.close();
    const [next] = await connectors(harness, [request("next")]);
    const { commands } = await harness.poll();
    assert.deepEqual(commands.map(({ jsonrpc }) => jsonrpc?.["id"]), ["next"]);
    assert.equal(harness.counts().requeued, 0);
    await harness.respond(commands[0]!);
    await next!.readUntil("}}");
    next!.close();
  });
});

Deno.test("a command that came back is accepted from the agent that had it after all", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const [caller] = await connectors(harness, [largeRequest("large")]);
    const dying = await RawConnection.to(harness.port, pollHead(1));
    const head = await dying.readUntil('"command_type"');
    dying.close();
    await until(() => harness.counts().queued === 1, "put back");
    const request_id = /"request_id":"([^"]+)"/.exec(head)![1]!;
    const shard_token = /"shard_token":"([^"]+)"/.exec(head)![1]!;
    const { status } = await harness.post(
      `{"request_id":"${request_id}","resp_code":200,"resp_json":{"ok":1}}`,
      shard_token,
    );
    assert.equal(status, 200);
    assert.match(await caller!.readUntil("}"), /\{"ok":1\}$/);
    caller!.close();
    assert.deepEqual([harness.counts().queued, harness.counts().answered], [0, 1]);
    assert.equal((await harness.poll()).status, 204);
  });
});

Deno.test("an agent that has read its whole poll reply and then closes keeps its commands", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const [first] = await connectors(harness, [request("one")]);
    const agent = await RawConnection.to(harness.port, pollHead(1));
    await agent.readUntil("]}");
    agent.close();
    const [second] = await connectors(harness, [request("two")]);
    const { commands } = await harness.poll();
    assert.deepEqual(commands.map(({ jsonrpc }) => jsonrpc?.["id"]), ["two"]);
    assert.deepEqual([harness.counts().requeued, harness.counts().inFlight], [0, 2]);
    await harness.respond(commands[0]!);
    await second!.readUntil("}}");
    second!.close();
    first!.close();
  });
});

Deno.test("a connector that hangs up is noticed whatever the size of its request and however it came [P-172]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const sized = (bytes: number) =>
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: "m", params: "x".repeat(bytes) });
    for (const [at, bytes] of [10, 1_000, 10_000, 200_000, 3 << 20].entries()) {
      const text = callText(sized(bytes));
      const split = text.indexOf("\r\n\r\n") + 4;
      const whole = await RawConnection.to(harness.port, text);
      const parts = await RawConnection.to(harness.port, text.slice(0, split));
      await parts.write(text.slice(split));
      await until(() => harness.counts().queued === 2, "queued");
      whole.close();
      parts.close();
      await until(() => harness.counts().withdrawn === 2 * (at + 1), `${bytes} bytes withdrawn`);
    }
    assert.equal(harness.counts().queued, 0);
  });
});
