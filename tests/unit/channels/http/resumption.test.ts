import assert from "node:assert/strict";
import type { TargetHandler, TargetReply } from "../../../support/channels_target.ts";
import {
  answer,
  progress,
  StreamCollector,
  testClock,
  textOf,
  toolCall,
  turns,
  until,
  withTarget,
} from "../../../support/channels_run.ts";

/** A first stream that is cut after an event id, and what each GET is answered with. */
function cutThen(
  onGet: (reply: TargetReply, count: number) => Promise<void>,
  first = "id: e1\n",
): TargetHandler {
  let gets = 0;
  return async (request, reply) => {
    if (request.method === "GET") return await onGet(reply, ++gets);
    await reply.sse([["Mcp-Session-Id", "s1"]]);
    await reply.event(progress(1), first);
    await reply.end();
  };
}

Deno.test("call() resumes a cut stream after the last event id, with the call's headers [HT-21]", async () => {
  const clock = testClock();
  const handler = cutThen(async (reply) => {
    await reply.sse();
    await reply.event(progress(2), "id: e2\n");
    await reply.event(answer());
    await reply.end();
  });
  await withTarget(handler, async ({ target, channel, observer, signal }) => {
    const headers = {
      "Authorization": ["Bearer c"],
      "MCP-Protocol-Version": ["2025-06-18"],
      "last-event-id": ["of-the-connector"],
      "Content-Type": ["application/json"],
      "Mcp-Method": ["tools/call"],
    };
    const result = await channel.call(toolCall(1, headers), observer, signal);
    assert.ok(result.type === "response");
    assert.equal(textOf(result.text), answer());
    assert.ok(result.headers.some(([name, value]) => name === "Mcp-Session-Id" && value === "s1"));
    assert.deepEqual(observer.events, ["sent", progress(1), progress(2)]);
    const [post, get] = target.requests;
    assert.equal(get!.path, post!.path);
    assert.deepEqual(get!.values("last-event-id"), ["e1"]);
    assert.deepEqual(get!.values("accept"), ["text/event-stream"]);
    assert.deepEqual(get!.values("mcp-session-id"), ["s1"]);
    assert.deepEqual(get!.values("authorization"), ["Bearer c"]);
    assert.deepEqual(get!.values("mcp-protocol-version"), ["2025-06-18"]);
    assert.deepEqual(get!.values("content-type"), []);
    assert.deepEqual(get!.values("mcp-method"), []);
    assert.deepEqual(get!.values("x-static"), ["1"]);
  }, { clock, extraHeaders: [["X-Static", "1"]] });
  assert.deepEqual(clock.pauses, [1_000]);
});

Deno.test("call() lets static and forwarded headers replace the base ones of the GET [HT-21]", async () => {
  const handler = cutThen(async (reply) => {
    await reply.sse();
    await reply.event(answer());
    await reply.end();
  });
  await withTarget(handler, async ({ target, channel, observer, signal }) => {
    const headers = {
      "accept": ["application/json, text/event-stream"],
      "Mcp-Session-Id": ["of-the-connector"],
    };
    await channel.call(toolCall(1, headers), observer, signal);
    assert.deepEqual(target.requests[1]!.values("accept"), ["application/json, text/event-stream"]);
    assert.deepEqual(target.requests[1]!.values("mcp-session-id"), ["of-the-connector"]);
  }, { clock: testClock() });
});

Deno.test("call() waits as the server asked with retry:, once [HT-21]", async () => {
  const clock = testClock();
  const handler = cutThen(async (reply, count) => {
    if (count === 1) return await reply.close();
    await reply.sse();
    await reply.event(answer());
    await reply.end();
  }, "id: e1\nretry: 70\n");
  await withTarget(handler, async ({ channel, observer, signal }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
  }, { clock });
  assert.deepEqual(clock.pauses, [70, 1_500]);
});

Deno.test("call() tries five times against network errors, with growing delays and jitter [HT-21]", async () => {
  const clock = testClock({ random: 0.5 });
  const handler = cutThen((reply) => reply.close());
  await withTarget(handler, async ({ target, channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "failure");
    assert.ok(
      ["eof", "connection_reset", "connection_closed", "unexpected_eof"].includes(result.kind),
      result.kind,
    );
    assert.equal(result.statusCode, 502);
    assert.equal(target.requests.length, 6);
  }, { clock });
  assert.deepEqual(clock.pauses, [1_000, 1_500, 2_250, 3_375, 5_062.5].map((ms) => ms * 1.5));
});

Deno.test("call() fails with 502 when the GET is refused [HT-21]", async () => {
  for (const status of [404, 405, 500]) {
    await withTarget(
      cutThen((reply) => reply.respond(status, [])),
      async ({ target, channel, observer, signal }) => {
        const result = await channel.call(toolCall(), observer, signal);
        assert.ok(result.type === "failure");
        assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus], [
          "http_status",
          502,
          status,
        ]);
        assert.equal(target.requests.length, 2);
      },
      { clock: testClock() },
    );
  }
});

Deno.test("call() fails with 502 when the GET is answered with something else than a stream [HT-21]", async () => {
  await withTarget(cutThen((reply) => reply.json(200, answer())), async ({ channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "failure");
    assert.deepEqual([result.kind, result.statusCode], ["invalid_protocol_response", 502]);
  }, { clock: testClock() });
});

Deno.test("call() does not resume a resumed stream that gave no event id [HT-21]", async () => {
  const handler = cutThen(async (reply) => {
    await reply.sse();
    await reply.event(progress(2));
    await reply.end();
  });
  await withTarget(handler, async ({ target, channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "failure");
    assert.deepEqual([result.kind, result.statusCode], ["eof", 502]);
    assert.equal(target.requests.length, 2);
  }, { clock: testClock() });
});

Deno.test("call() gives up after five resumed streams in a row without progress [HT-21]", async () => {
  const handler = cutThen(async (reply) => {
    await reply.sse();
    await reply.chunk("id: e1\ndata: \n\n");
    await reply.end();
  });
  await withTarget(handler, async ({ target, channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "failure");
    assert.equal(result.kind, "eof");
    assert.equal(target.requests.filter(({ method }) => method === "GET").length, 6);
  }, { clock: testClock() });
});

Deno.test("call() goes on as long as every resumed stream brings something new [HT-21]", async () => {
  const handler = cutThen(async (reply, count) => {
    await reply.sse();
    if (count < 12) await reply.chunk(`id: n${count}\ndata: \n\n`);
    else await reply.event(answer());
    await reply.end();
  });
  await withTarget(handler, async ({ target, channel, observer, signal }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    assert.equal(target.requests.length, 13);
    assert.deepEqual(target.requests[12]!.values("last-event-id"), ["n11"]);
  }, { clock: testClock() });
});

Deno.test("call() does not take the id of an event that was cut off [HT-18, HT-21]", async () => {
  let isFirst = true;
  await withTarget(async (_, reply) => {
    await reply.sse();
    if (isFirst) await reply.chunk(`id: whole\ndata: \n\nid: cut\ndata: {"jsonrpc":"2.`);
    else await reply.event(answer());
    isFirst = false;
    await reply.end();
  }, async ({ target, channel, observer, signal }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    assert.deepEqual(target.requests[1]!.values("last-event-id"), ["whole"]);
  }, { clock: testClock() });
});

Deno.test("call() stops waiting to resume when it is aborted [HT-21, P-57]", async () => {
  const clock = testClock({ holdsPauses: true });
  await withTarget(cutThen((reply) => reply.close()), async ({ target, channel, observer }) => {
    const controller = new AbortController();
    const reason = new Error("deadline");
    const running = channel.call(toolCall(), observer, controller.signal);
    await until(() => clock.pauses.length === 1, "the channel waits to resume");
    controller.abort(reason);
    await assert.rejects(running, (error) => error === reason);
    assert.equal(target.requests.length, 1);
  }, { clock });
});

Deno.test("call() tells that the target has closed its stream before it comes back for it, once for each time", async () => {
  const clock = testClock();
  let gets = 0;
  const handler: TargetHandler = async (request, reply) => {
    await reply.sse([["Mcp-Session-Id", "s1"]]);
    if (request.method === "GET" && ++gets === 2) await reply.event(answer(), "id: e3\n");
    else await reply.chunk(`id: e${gets}\nretry: 20\ndata: \n\n`);
    await reply.end();
  };
  await withTarget(handler, async ({ channel, signal }) => {
    const observer = new StreamCollector();
    const result = await channel.call(toolCall(), observer, signal);
    assert.equal(result.type, "response");
    assert.deepEqual(observer.events, ["sent", "cut", "cut"]);
    assert.deepEqual(observer.heads.map(({ status }) => status), [200, 200]);
    assert.ok(observer.heads[0]!.headers.some(([name]) => name === "Mcp-Session-Id"));
  }, { clock });
  assert.deepEqual(clock.pauses, [20, 20]);
});

Deno.test("call() hands nothing over before what it told of the stream is delivered", async () => {
  const handler = cutThen(async (reply) => {
    await reply.sse();
    await reply.event(progress(2));
    await reply.event(answer());
    await reply.end();
  });
  await withTarget(handler, async ({ target, channel, signal }) => {
    const observer = new StreamCollector();
    const held = Promise.withResolvers<void>();
    observer.holdSign = held.promise;
    const running = channel.call(toolCall(), observer, signal);
    await until(() => target.requests.length === 2, "the stream is resumed");
    await turns(10);
    assert.deepEqual(observer.events, ["sent", progress(1), "cut"]);
    held.resolve();
    assert.equal((await running).type, "response");
    assert.deepEqual(observer.events, ["sent", progress(1), "cut", progress(2)]);
  }, { clock: testClock() });
});

Deno.test("call() tells nothing of a stream that broke, or that cannot be resumed", async () => {
  for (const [first, breaks] of [["", false], ["id: e1\n", true]] as const) {
    const handler: TargetHandler = async (request, reply) => {
      await reply.sse();
      if (request.method === "GET") await reply.event(answer());
      else await reply.event(progress(1), first);
      if (breaks && request.method === "POST") await reply.close();
      else await reply.end();
    };
    await withTarget(handler, async ({ channel, signal }) => {
      const observer = new StreamCollector();
      const { type } = await channel.call(toolCall(), observer, signal);
      assert.equal(type, breaks ? "response" : "failure");
      assert.deepEqual(observer.events, ["sent", progress(1)]);
    }, { clock: testClock() });
  }
});

Deno.test("call() tells of a stream that was opened with an id and stays silent, once, and not of one that answers", async () => {
  for (const silent of [true, false]) {
    const open = Promise.withResolvers<void>();
    const handler: TargetHandler = async (_, reply) => {
      await reply.sse();
      await reply.chunk("id: e0\ndata: \n\n");
      if (silent) {
        await reply.chunk(": still there\n\n");
        await open.promise;
      }
      await reply.event(answer(), "id: e1\n");
      await reply.end();
    };
    await withTarget(handler, async ({ channel, signal }) => {
      const observer = new StreamCollector();
      const running = channel.call(toolCall(), observer, signal);
      if (silent) await until(() => observer.heads.length === 1, "the stream is told of");
      open.resolve();
      assert.equal((await running).type, "response");
      assert.deepEqual(observer.events, silent ? ["sent", "opened"] : ["sent"]);
    });
  }
});
