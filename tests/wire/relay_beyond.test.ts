import assert from "node:assert/strict";
import {
  featuresWithout,
  type PolledCommand,
  RelayHarness,
  request,
  responseBody,
  until,
} from "../support/relay_harness.ts";
import { initialize } from "../support/relay_sessions.ts";

const EVENTS = { Accept: "application/json, text/event-stream" };
const MODERN = { ...EVENTS, "MCP-Protocol-Version": "2026-07-28" };
const NOTE = { jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } };
const QUESTION = { jsonrpc: "2.0", id: "q-1", method: "elicitation/create" };
const ANSWER = { jsonrpc: "2.0", id: 7, result: {} };

/** Headers of an agent that goes along with what a relay offers. */
const AGENT = {
  "X-Tunnel-Client-Instance-Id": "agent-1",
  "X-Tunnel-Relay-Features": "cancel,more-time",
};
/** Headers of one that stays on the published wire. */
const PUBLISHED = { "X-Tunnel-Client-Instance-Id": "agent-1" };

/** Posts an event of a command. @returns status and the time that the reply gives, in ms */
async function tell(
  harness: RelayHarness,
  command: PolledCommand,
  message: unknown,
  headers: Record<string, string> = AGENT,
) {
  const body = responseBody(command, { resp_type: "jsonrpc_notify", resp_json: message });
  const { status, json } = await harness.post(body, command.shard_token, { headers });
  return { status, timeout: (json as { response_timeout?: string }).response_timeout };
}

function sign(harness: RelayHarness, command: PolledCommand, resp_type: "stream_opened" | "stream_cut") {
  const body = responseBody(command, { resp_type, resp_json: undefined });
  return harness.post(body, command.shard_token, { headers: AGENT });
}

/** A connector's request that can be hung up. */
function hanging(harness: RelayHarness, headers: Record<string, string>, body = request(7)) {
  const gone = new AbortController();
  const reply = harness.call(body, { headers, signal: gone.signal });
  reply.catch(() => {});
  return { reply, hangUp: () => gone.abort() };
}

async function cancelledBy(
  harness: RelayHarness,
  timeoutMs: number,
  headers: Record<string, string> = AGENT,
) {
  const { status, text } = await harness.poll({ timeoutMs, headers });
  return status === 200 ? JSON.parse(text).cancelled : undefined;
}

// cancel

Deno.test("cancel: a connector of 2026-07-28 that hangs up cancels its command, and the agent's open poll says so", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const { hangUp } = hanging(harness, MODERN);
    const command = await harness.nextCommand({ headers: AGENT });
    const told = cancelledBy(harness, 20_000);
    await until(() => harness.counts().openPolls === 1, "the poll is open");
    hangUp();
    assert.deepEqual(await told, [command.request_id]);
    assert.equal(await cancelledBy(harness, 1), undefined, "once is enough");
    assert.deepEqual([harness.counts().abandoned, harness.counts().cancelled], [1, 1]);
  });
});

Deno.test("cancel: before 2026-07-28 hanging up cancels nothing, and the command has its time", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    for (const version of [undefined, "2025-11-25", "nonsense"]) {
      const headers = version === undefined ? EVENTS : { ...EVENTS, "MCP-Protocol-Version": version };
      const { hangUp } = hanging(harness, headers);
      await harness.nextCommand({ headers: AGENT });
      const before = harness.counts().abandoned;
      hangUp();
      await until(() => harness.counts().abandoned > before, "the hang-up is noticed");
      assert.equal(await cancelledBy(harness, 1), undefined, version);
    }
  });
});

Deno.test("cancel: only the agent that has the command is told, and only if it follows", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const { hangUp } = hanging(harness, MODERN);
    const command = await harness.nextCommand({ headers: PUBLISHED });
    hangUp();
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
    const other = { ...AGENT, "X-Tunnel-Client-Instance-Id": "agent-2" };
    assert.equal((await harness.poll({ headers: PUBLISHED })).status, 204);
    assert.equal((await harness.poll({ headers: other })).status, 204);
    assert.equal((await harness.poll({ headers: { "X-Tunnel-Relay-Features": "cancel" } })).status, 204);
    assert.deepEqual(await cancelledBy(harness, 1), [command.request_id]);
  });
});

Deno.test("cancel: an answer that comes first makes the cancellation needless", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const { hangUp } = hanging(harness, MODERN);
    const command = await harness.nextCommand({ headers: AGENT });
    hangUp();
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
    assert.equal((await harness.respond(command)).status, 404);
    assert.equal(await cancelledBy(harness, 1), undefined);
  });
});

Deno.test("cancel: a poll can bring commands and cancellations at once; a queued command is withdrawn as ever", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const first = hanging(harness, MODERN);
    const command = await harness.nextCommand({ headers: AGENT });
    first.hangUp();
    const queued = hanging(harness, MODERN);
    await until(() => harness.counts().queued === 1 && harness.counts().abandoned === 1, "both are noticed");
    const next = hanging(harness, EVENTS);
    await until(() => harness.counts().queued === 2, "the other waits");
    queued.hangUp();
    await until(() => harness.counts().withdrawn === 1, "the queued one is withdrawn");
    const { commands, text } = await harness.poll({ headers: AGENT });
    assert.equal(commands.length, 1);
    assert.deepEqual(JSON.parse(text).cancelled, [command.request_id]);
    await harness.respond(commands[0]!);
    await (await next.reply).text();
  });
});

Deno.test("cancel: a command without a deadline of its own is cancelled when its time is over", async () => {
  await RelayHarness.with({ sendResponseTimeout: false, responseTimeoutMs: 300 }, async (harness) => {
    await harness.introduceAgent();
    const { reply } = hanging(harness, EVENTS);
    const late = await harness.nextCommand({ headers: AGENT });
    assert.deepEqual(await cancelledBy(harness, 20_000), [late.request_id]);
    assert.equal((await reply).status, 504);
    await (await reply).text();
    const { hangUp } = hanging(harness, EVENTS);
    const left = await harness.nextCommand({ headers: AGENT });
    hangUp();
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
    assert.equal(await cancelledBy(harness, 1), undefined, "not at once");
    assert.deepEqual(await cancelledBy(harness, 20_000), [left.request_id]);
  });
});

Deno.test("cancel: a relay without it never says so", async () => {
  await RelayHarness.with({ withoutFeatures: ["cancel"] }, async (harness) => {
    const { headers } = await harness.poll();
    assert.equal(headers.get("x-tunnel-relay-features"), featuresWithout("cancel"));
    const { hangUp } = hanging(harness, MODERN);
    await harness.nextCommand({ headers: AGENT });
    hangUp();
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
    assert.equal((await harness.poll({ headers: AGENT })).status, 204);
  });
});

// more-time

Deno.test("more-time: each event starts the wait anew, at both ends, and its end is still an end", async () => {
  await RelayHarness.with({ responseTimeoutMs: 600 }, async (harness) => {
    await harness.introduceAgent();
    const began = performance.now();
    const { reply } = hanging(harness, EVENTS);
    const command = await harness.nextCommand({ headers: AGENT });
    while (performance.now() - began < 1_500) {
      assert.deepEqual(await tell(harness, command, NOTE), { status: 200, timeout: "600ms" });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(harness.counts().timedOut, 0);
    const last = performance.now();
    await until(() => harness.counts().timedOut === 1, "the silence is too long");
    assert.ok(performance.now() - last > 500);
    await (await reply).text();
    assert.equal(await cancelledBy(harness, 1), undefined, "the agent's own time is over, too");
  });
});

Deno.test("more-time: an agent that does not follow, or a relay without it, has the published time", async () => {
  for (
    const [options, headers] of [
      [{ responseTimeoutMs: 400 }, PUBLISHED],
      [{ responseTimeoutMs: 400, withoutFeatures: ["more-time"] }, AGENT],
    ] as const
  ) {
    await RelayHarness.with(options, async (harness) => {
      await harness.introduceAgent();
      const { reply } = hanging(harness, EVENTS);
      const command = await harness.nextCommand({ headers });
      const end = performance.now() + 10_000;
      for (;;) {
        const { status, timeout } = await tell(harness, command, NOTE, headers);
        assert.equal(timeout, undefined);
        if (status === 404) break;
        assert.ok(performance.now() < end);
      }
      assert.equal(harness.counts().timedOut, 1);
      await (await reply).text();
    });
  }
});

Deno.test("more-time: while the connector is asked, the wait is that for an answer; then it is an ordinary one", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300, answerTimeoutMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const { reply } = hanging(harness, EVENTS);
    const command = await harness.nextCommand({ headers: AGENT });
    assert.deepEqual(await tell(harness, command, QUESTION), { status: 200, timeout: "60300ms" });
    assert.deepEqual(await tell(harness, command, { ...QUESTION, id: 1 }), {
      status: 200,
      timeout: "60300ms",
    });
    // A call that is younger, and not asked, shows that the time of this one would be over.
    const other = hanging(harness, EVENTS);
    await until(() => harness.counts().timedOut === 1, "the younger call ends");
    assert.equal((await other.reply).status, 504);
    await (await other.reply).text();
    for (const id of [1, "q-1"]) {
      assert.equal(harness.counts().inFlight, 1);
      const answer = harness.call(JSON.stringify({ jsonrpc: "2.0", id, result: {} }), { headers: EVENTS });
      const aside = await harness.nextCommand({ headers: AGENT });
      await harness.respond(aside, { resp_type: "notify_ack", resp_code: 202, resp_json: undefined });
      await (await answer).text();
    }
    await until(() => harness.counts().timedOut === 2, "no answer follows");
    assert.deepEqual(await cancelledBy(harness, 1), [command.request_id], "the agent had been given more");
    await (await reply).text();
  });
});

Deno.test("more-time: a question that the target takes back is waited for no longer", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300, answerTimeoutMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const { reply } = hanging(harness, EVENTS);
    const command = await harness.nextCommand({ headers: AGENT });
    await tell(harness, command, QUESTION);
    const withdrawn = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "q-1" } };
    assert.equal((await tell(harness, command, withdrawn)).timeout, "300ms");
    await until(() => harness.counts().timedOut === 1, "no answer follows");
    await (await reply).text();
  });
});

Deno.test("more-time: a connector that is asked and gone for good is not waited for", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300, answerTimeoutMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const { hangUp, reply } = hanging(harness, EVENTS);
    const command = await harness.nextCommand({ headers: AGENT });
    await tell(harness, command, QUESTION);
    await reply;
    hangUp();
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
    assert.deepEqual(await cancelledBy(harness, 20_000), [command.request_id]);
  });
});

Deno.test("more-time: a subscription may be silent for long once it stands, and ends with its connector", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300, answerTimeoutMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const { hangUp, reply } = hanging(harness, MODERN, request("s", "subscriptions/listen"));
    const command = await harness.nextCommand({ headers: AGENT });
    assert.equal((await tell(harness, command, NOTE)).timeout, "60300ms");
    await reply;
    const other = hanging(harness, EVENTS);
    await until(() => harness.counts().timedOut === 1, "an ordinary call ends");
    await (await other.reply).text();
    assert.equal(harness.counts().inFlight, 1);
    hangUp();
    assert.deepEqual(await cancelledBy(harness, 20_000), [command.request_id]);
  });
});

// stream-cut

/** A session and a call in it that has not been answered in any way. */
async function inSession(harness: RelayHarness, version?: string) {
  await harness.introduceAgent();
  const { sessionId = "" } = await initialize(harness, { given: "s-1", ...(version ? { version } : {}) });
  const session = { ...EVENTS, "Mcp-Session-Id": sessionId };
  const { reply, hangUp } = hanging(harness, session);
  const command = await harness.nextCommand({ headers: AGENT });
  const resume = async (id: string) => {
    const again = await harness.call(undefined, {
      method: "GET",
      headers: { ...session, "Last-Event-ID": id },
    });
    assert.equal(again.status, 200);
    return again;
  };
  return { reply, hangUp, command, resume };
}

function primingId(text: string): string {
  return /^id: (\S+)\nretry: 1000\ndata: \n\n/.exec(text)?.[1] ?? assert.fail(text);
}

Deno.test("stream-cut: the connector's stream is primed and closed like the target's, and its GET gets the answer", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { reply, command, resume } = await inSession(harness);
    assert.equal((await sign(harness, command, "stream_cut")).status, 200);
    const first = await reply;
    assert.equal(first.headers.get("content-type"), "text/event-stream");
    const text = await first.text();
    const id = primingId(text);
    assert.equal(text.split("\n\n").length, 2, "nothing but the priming event");
    const back = await resume(id);
    await tell(harness, command, NOTE);
    assert.equal((await harness.respond(command)).status, 200);
    const events = (await back.text()).trim().split("\n\n").map((event) =>
      JSON.parse(event.split("data: ")[1]!)
    );
    assert.deepEqual(events, [NOTE, ANSWER]);
    const { received, answered, delivered, abandoned } = harness.counts();
    assert.deepEqual({ received, answered, delivered, abandoned }, {
      received: 2,
      answered: 2,
      delivered: 2,
      abandoned: 0,
    });
  });
});

Deno.test("stream-cut: a stream that was opened in silence can be come back to, and every cut closes it again", async () => {
  await RelayHarness.with({}, async (harness) => {
    const { reply, command, resume, hangUp } = await inSession(harness);
    assert.equal((await sign(harness, command, "stream_opened")).status, 200);
    const reader = (await reply).body!.getReader();
    const id = primingId(new TextDecoder().decode((await reader.read()).value));
    hangUp();
    await assert.rejects(reader.read());
    const second = await resume(id);
    await tell(harness, command, NOTE);
    await sign(harness, command, "stream_cut");
    const missed = await second.text();
    assert.deepEqual(JSON.parse(missed.split("data: ")[1]!), NOTE);
    const last = await resume(/id: (\S+)/.exec(missed)![1]!);
    await harness.respond(command);
    assert.deepEqual(JSON.parse((await last.text()).split("data: ")[1]!), ANSWER);
    assert.equal(harness.counts().abandoned, 0);
  });
});

Deno.test("stream-cut: a connector that never comes back loses its call with its time, counted once", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300 }, async (harness) => {
    const { reply, command, resume } = await inSession(harness);
    await sign(harness, command, "stream_cut");
    const id = primingId(await (await reply).text());
    // Whatever the target says meanwhile gives nobody more time who is not there.
    const end = performance.now() + 10_000;
    while ((await tell(harness, command, NOTE)).status === 200) assert.ok(performance.now() < end);
    const { timedOut, answered, inFlight } = harness.counts();
    assert.deepEqual({ timedOut, answered, inFlight }, { timedOut: 1, answered: 1, inFlight: 0 });
    assert.match(await (await resume(id)).text(), /"code":-32000/);
  });
});

Deno.test("stream-cut: who cannot come back keeps its connection", async (t) => {
  await t.step("a client of an earlier revision", async () => {
    await RelayHarness.with({}, async (harness) => {
      const { reply, command } = await inSession(harness, "2025-06-18");
      for (const type of ["stream_opened", "stream_cut"] as const) {
        assert.equal((await sign(harness, command, type)).status, 200);
      }
      await harness.respond(command);
      assert.equal((await reply).headers.get("content-type"), "application/json");
      assert.deepEqual(await (await reply).json(), ANSWER);
    });
  });
  await t.step("a connector without session, and one that takes no events", async () => {
    await RelayHarness.with({}, async (harness) => {
      await harness.introduceAgent();
      for (const headers of [EVENTS, { Accept: "application/json" }]) {
        const { reply } = hanging(harness, headers);
        const command = await harness.nextCommand({ headers: AGENT });
        assert.equal((await sign(harness, command, "stream_cut")).status, 200);
        await harness.respond(command);
        assert.deepEqual(await (await reply).json(), ANSWER);
      }
    });
  });
});

Deno.test("stream-cut: to a relay without it such a response is terminal like every unknown one [P-168]", async () => {
  await RelayHarness.with({ withoutFeatures: ["stream-cut"] }, async (harness) => {
    await harness.introduceAgent();
    const { reply } = hanging(harness, EVENTS);
    const command = await harness.nextCommand({ headers: AGENT });
    assert.equal((await sign(harness, command, "stream_cut")).status, 200);
    assert.equal((await harness.respond(command)).status, 404);
    await (await reply).text();
  });
});

// asides

const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const REPLY = '{"jsonrpc":"2.0","id":"q-1","result":{}}';

/** A poll for asides only. */
async function pollAsides(
  harness: RelayHarness,
  timeoutMs = 1,
): Promise<{ status: number; kinds: string[] }> {
  const url = `${harness.url}/v1/tunnels/tunnel_${
    "2".repeat(32)
  }/poll?limit=25&timeout_ms=${timeoutMs}&only=asides`;
  const response = await fetch(url, { headers: { ...AGENT, Authorization: "Bearer agent-key-1" } });
  const text = await response.text();
  const commands: PolledCommand[] = response.status === 200 ? JSON.parse(text).commands : [];
  return {
    status: response.status,
    kinds: commands.map(({ jsonrpc }) => String(jsonrpc?.["method"] ?? "answer")),
  };
}

Deno.test("asides: a poll for them brings notifications and answers, and leaves calls where they are", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const calls = [hanging(harness, EVENTS)];
    await until(() => harness.counts().queued === 1, "the call waits");
    assert.equal((await pollAsides(harness)).status, 204);
    const waiting = pollAsides(harness, 20_000);
    await until(() => harness.counts().openPolls === 1, "the poll is open");
    calls.push(hanging(harness, EVENTS));
    await until(() => harness.counts().queued === 2, "the call waits");
    assert.equal(harness.counts().openPolls, 1, "a call does not end the poll");
    const asides = [hanging(harness, EVENTS, REPLY)];
    assert.deepEqual((await waiting).kinds, ["answer"]);
    asides.push(hanging(harness, EVENTS, INITIALIZED));
    await until(() => harness.counts().queued === 3, "the notification waits");
    assert.deepEqual((await pollAsides(harness)).kinds, ["notifications/initialized"]);
    assert.equal((await harness.poll()).commands.length, 2);
    for (const { hangUp } of [...calls, ...asides]) hangUp();
    await until(() => harness.counts().abandoned === 4, "all hang-ups are noticed");
  });
});

Deno.test("asides: a relay without it ignores the parameter, as it does every unknown one", async () => {
  await RelayHarness.with({ withoutFeatures: ["asides"] }, async (harness) => {
    await harness.introduceAgent();
    const { hangUp } = hanging(harness, EVENTS);
    await until(() => harness.counts().queued === 1, "the call waits");
    assert.deepEqual((await pollAsides(harness)).kinds, ["tools/list"]);
    hangUp();
    await until(() => harness.counts().abandoned === 1, "the hang-up is noticed");
  });
});
