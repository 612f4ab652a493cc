import assert from "node:assert/strict";
import {
  featuresWithout,
  type PolledCommand,
  RelayHarness,
  request,
  until,
} from "../support/relay_harness.ts";

const EVENTS = { Accept: "application/json, text/event-stream" };
const QUESTION = { jsonrpc: "2.0", id: "s-1", method: "sampling/createMessage", params: { x: 1.5 } };
const NOTE = { jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } };

function ask(harness: RelayHarness, command: PolledCommand, message: unknown = QUESTION) {
  return harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: message });
}

function codeOf({ json }: { json: unknown }): string {
  return (json as { error: { code: string } }).error.code;
}

Deno.test("a request of the target reaches the connector in the stream of its call, and the answer travels back as a command", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const call = harness.call(request(7), { channel: "extra", headers: EVENTS });
    const command = await harness.nextCommand();
    assert.equal((await ask(harness, command)).status, 200);
    const response = await call;
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
    const text = '{"jsonrpc":"2.0", "id":"s-1","result":{"role":"assistant", "x":1.0}}';
    const answered = harness.call(text, {
      channel: "extra",
      headers: { ...EVENTS, "Mcp-Session-Id": "theirs", Cookie: "secret", Authorization: "Bearer t" },
    });
    const { text: polled, commands: [answer] } = await harness.poll({ timeoutMs: 5_000 });
    assert.ok(answer !== undefined && polled.includes(`"jsonrpc":${text}`));
    assert.deepEqual([answer.command_type, answer.channel], ["jsonrpc", "extra"]);
    assert.deepEqual(answer.headers["mcp-session-id"], ["theirs"]);
    assert.deepEqual(answer.headers["authorization"], ["Bearer t"]);
    assert.equal(answer.headers["cookie"], undefined);
    await harness.respond(answer, { resp_type: "notify_ack", resp_code: 202, resp_json: undefined });
    const accepted = await answered;
    assert.deepEqual([accepted.status, await accepted.text()], [202, ""]);
    await harness.respond(command);
    const events = (await response.text()).split("\n\n");
    assert.deepEqual(JSON.parse(events[0]!.slice("data: ".length)), QUESTION);
    assert.deepEqual(JSON.parse(events[1]!.slice("data: ".length)), { jsonrpc: "2.0", id: 7, result: {} });
    assert.equal(harness.counts().answered, 2);
    assert.equal(harness.counts().requestsRefused, 0);
  });
});

Deno.test("the agent is told at once when the connector takes no event stream: 409, and the call goes on", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const call = harness.call(request(), { headers: { Accept: "application/json" } });
    const command = await harness.nextCommand();
    const refused = await ask(harness, command);
    assert.deepEqual([refused.status, codeOf(refused)], [409, "connector_cannot_answer"]);
    assert.equal((await ask(harness, command, NOTE)).status, 200, "a notification is left out in silence");
    await harness.respond(command);
    assert.equal((await call).status, 200);
    await (await call).text();
    assert.equal(harness.counts().requestsRefused, 1);
  });
});

Deno.test("a request that finds no room in the connector's stream is refused after the hold, never dropped in silence", async () => {
  await RelayHarness.with({ streamBufferBytes: 1, notificationHoldMs: 50 }, async (harness) => {
    await harness.introduceAgent();
    const call = harness.call(request(), { headers: EVENTS });
    const command = await harness.nextCommand();
    // Far more than the sockets in between can hold, and nobody reads.
    const large = { ...NOTE, params: { text: "x".repeat(16 * 1024 * 1024) } };
    assert.equal((await ask(harness, command, large)).status, 200);
    const response = await call;
    assert.equal((await ask(harness, command, NOTE)).status, 200, "a notification is dropped");
    const refused = await ask(harness, command);
    assert.deepEqual([refused.status, codeOf(refused)], [409, "connector_cannot_answer"]);
    await harness.respond(command);
    const text = await response.text();
    assert.equal(text.includes('"id":"s-1"'), false);
    assert.equal(text.trimEnd().endsWith('"result":{}}'), true, "the answer is never dropped");
  });
});

Deno.test("a request for a connector that is gone gets the 404 of every late response", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const gone = new AbortController();
    const call = harness.call(request(), { headers: EVENTS, signal: gone.signal });
    const command = await harness.nextCommand();
    gone.abort();
    await assert.rejects(call);
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
    assert.equal((await ask(harness, command)).status, 404);
  });
});

Deno.test("without the feature nothing is announced, and such a message is one like any other", async () => {
  await RelayHarness.with({ serverRequests: false }, async (harness) => {
    const { headers } = await harness.poll();
    assert.equal(headers.get("x-tunnel-relay-features"), featuresWithout("server-requests"));
    const call = harness.call(request());
    const command = await harness.nextCommand();
    assert.equal((await ask(harness, command)).status, 200);
    await harness.respond(command);
    await (await call).text();
    assert.equal(harness.counts().requestsRefused, 0);
  });
});
