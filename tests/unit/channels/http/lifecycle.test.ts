import assert from "node:assert/strict";
import { createHttpChannel } from "../../../../src/channels/mod.ts";
import { createTargetClient } from "../../../../src/net/mod.ts";
import { recordingLog } from "../../../support/channels_log.ts";
import {
  answer,
  notification,
  progress,
  testClock,
  textOf,
  toolCall,
  turns,
  until,
  withTarget,
} from "../../../support/channels_run.ts";

const reason = new Error("deadline passed");

Deno.test("call() closes the exchange when it is aborted before the head, and sends nothing else [HT-27, P-74]", async () => {
  const closed = Promise.withResolvers<void>();
  await withTarget(async (_, reply) => {
    reply.closed.then(closed.resolve);
    await reply.closed;
  }, async ({ target, channel, observer }) => {
    const controller = new AbortController();
    const running = channel.call(toolCall(), observer, controller.signal);
    await until(() => target.requests.length === 1, "the call arrived");
    controller.abort(reason);
    await assert.rejects(running, (error) => error === reason);
    await closed.promise;
    assert.equal(observer.sentCount, 0);
    assert.equal(target.requests.length, 1);
  });
});

for (const kind of ["an event stream", "a JSON body", "an error body"]) {
  Deno.test(`call() closes the exchange when it is aborted inside ${kind} [HT-27, P-74]`, async () => {
    const closed = Promise.withResolvers<void>();
    await withTarget(async (_, reply) => {
      reply.closed.then(closed.resolve);
      if (kind === "an event stream") {
        await reply.sse();
        await reply.event(progress(1), "id: 1\n");
      } else {
        await reply.head(kind === "a JSON body" ? 200 : 500, [["Content-Type", "application/json"]]);
        await reply.chunk("{");
      }
      await reply.closed;
    }, async ({ target, channel, observer }) => {
      const controller = new AbortController();
      const running = channel.call(toolCall(), observer, controller.signal);
      await until(() => observer.sentCount === 1, "the head arrived");
      if (kind === "an event stream") await until(() => observer.events.length === 2, "the event arrived");
      controller.abort(reason);
      await assert.rejects(running, (error) => error === reason);
      await closed.promise;
      await turns(3);
      assert.deepEqual(target.requests.map(({ method }) => method), ["POST"]);
    });
  });
}

Deno.test("call(), notify() and terminateSession() send nothing when the signal is aborted already [P-72]", async () => {
  await withTarget((_, reply) => reply.json(200, answer()), async ({ target, channel, observer }) => {
    const signal = AbortSignal.abort(reason);
    await assert.rejects(channel.call(toolCall(), observer, signal), (error) => error === reason);
    await assert.rejects(channel.notify(notification(), signal), (error) => error === reason);
    await assert.rejects(channel.terminateSession({}, signal), (error) => error === reason);
    assert.equal(target.requests.length, 0);
  });
});

Deno.test("call() relays nothing more once it is aborted [P-91]", async () => {
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.chunk(`data: ${progress(1)}\n\ndata: ${progress(2)}\n\ndata: ${answer()}\n\n`);
    await reply.closed;
  }, async ({ channel, observer }) => {
    const controller = new AbortController();
    observer.hold = () => Promise.resolve(controller.abort(reason));
    await assert.rejects(channel.call(toolCall(), observer, controller.signal), (error) => error === reason);
    assert.deepEqual(observer.events, ["sent", progress(1)]);
  });
});

Deno.test("call() sends no DELETE, whatever went wrong [HT-27]", async () => {
  const statuses = [500, 401, 202, 200];
  await withTarget(
    (_, reply) => reply.respond(statuses.shift()!, [["Mcp-Session-Id", "live"]], "x"),
    async ({ target, channel, observer, signal }) => {
      for (let n = 0; n < 4; n++) {
        assert.equal((await channel.call(toolCall(), observer, signal)).type, "failure");
      }
      await turns(3);
      assert.deepEqual(target.requests.map(({ method }) => method), ["POST", "POST", "POST", "POST"]);
    },
  );
});

Deno.test("call() reports sent() once, when the head has arrived [HT-34, P-96]", async () => {
  const head = Promise.withResolvers<void>();
  const body = Promise.withResolvers<void>();
  await withTarget(async (_, reply) => {
    await head.promise;
    await reply.head(200, [["Content-Type", "application/json"]]);
    await body.promise;
    await reply.chunk(answer());
    await reply.end();
  }, async ({ target, channel, observer, signal }) => {
    const running = channel.call(toolCall(), observer, signal);
    await until(() => target.requests.length === 1, "the call arrived");
    assert.equal(observer.sentCount, 0);
    head.resolve();
    await until(() => observer.sentCount === 1, "the head was reported");
    body.resolve();
    assert.equal((await running).type, "response");
    assert.equal(observer.sentCount, 1);
  });
});

Deno.test("call() measures from before the write to the answer, notifications included [A-63]", async () => {
  let nowMs = 1_000;
  const clock = { ...testClock(), now: () => nowMs };
  await withTarget(async (_, reply) => {
    nowMs += 5;
    await reply.sse();
    await reply.event(progress(1));
    await reply.event(answer());
    await reply.end();
  }, async ({ channel, observer, signal }) => {
    observer.hold = () => Promise.resolve(void (nowMs += 20));
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "response");
    assert.equal(result.targetElapsedMs, 25);
  }, { clock });
});

for (const status of [200, 204, 404, 405, 500]) {
  Deno.test(`terminateSession() sends one DELETE with the connector's headers and takes ${status} as the answer [HT-28, HT-30, P-106, T-13]`, async () => {
    await withTarget(
      (_, reply) => reply.respond(status, [["Mcp-Session-Id", "s"], ["WWW-Authenticate", "Bearer"]]),
      async ({ target, channel, signal }) => {
        const headers = {
          "authorization": ["Bearer c"],
          "Mcp-Session-Id": ["s"],
          "Mcp-Protocol-Version": ["2025-06-18"],
        };
        const result = await channel.terminateSession(headers, signal);
        assert.ok(result.type === "terminated");
        assert.equal(result.status, status);
        assert.ok(result.headers.some(([name]) => name === "WWW-Authenticate"));
        assert.equal(target.requests.length, 1);
        const [request] = target.requests;
        assert.deepEqual([request!.method, request!.body], ["DELETE", ""]);
        assert.deepEqual(request!.values("authorization"), ["Bearer c"]);
        assert.deepEqual(request!.values("mcp-session-id"), ["s"]);
        assert.deepEqual(request!.values("mcp-protocol-version"), ["2025-06-18"]);
        assert.deepEqual(request!.values("x-static"), ["1"]);
        assert.ok(!request!.values("accept").includes("application/json, text/event-stream"));
      },
      { extraHeaders: [["X-Static", "1"]] },
    );
  });
}

Deno.test("terminateSession() reports a network failure as 502 and can be aborted [HT-28, P-107]", async () => {
  await withTarget((_, reply) => reply.close(), async ({ channel, signal }) => {
    const result = await channel.terminateSession({}, signal);
    assert.ok(result.type === "failure");
    assert.deepEqual([result.statusCode, result.upstreamStatus], [502, 0]);
  });
  await withTarget(async (_, reply) => await reply.closed, async ({ target, channel }) => {
    const controller = new AbortController();
    const running = channel.terminateSession({}, controller.signal);
    await until(() => target.requests.length === 1, "the DELETE arrived");
    controller.abort(reason);
    await assert.rejects(running, (error) => error === reason);
  });
});

Deno.test("createHttpChannel() says what it is, and refuses a URL that can never work [CH-6, CH-10, CH-18]", async () => {
  await withTarget((_, reply) => reply.json(200, answer()), ({ channel }) => {
    assert.deepEqual([channel.name, channel.transport, channel.procAffinity], [
      "main",
      "http-streamable",
      false,
    ]);
    assert.equal(channel.maxConcurrentCalls, undefined);
    return Promise.resolve();
  });
  for (const url of ["ftp://host/mcp", "/mcp", "http://", "not a url", "http://host:99999/"]) {
    const options = { name: "main", url, extraHeaders: [], discoveryExtraHeaders: [] };
    assert.throws(() => createHttpChannel(options, createTargetClient(), recordingLog()), TypeError, url);
  }
});

Deno.test("health() follows the channel's life and the last word of the target", async () => {
  let isDown = false;
  await withTarget((_, reply) => isDown ? reply.close() : reply.json(500, "{}"), async (bench) => {
    const { channel, observer, signal } = bench;
    assert.deepEqual(channel.health(), { state: "ready", reason: "" });
    isDown = true;
    await channel.call(toolCall(), observer, signal);
    assert.equal(channel.health().state, "degraded");
    isDown = false;
    await channel.call(toolCall(), observer, signal);
    assert.deepEqual(channel.health(), { state: "ready", reason: "" });
    await channel.stop(0);
    await channel.stop(0);
    assert.equal(channel.health().state, "stopped");
  });
});

Deno.test("call() runs any number of calls at once, each with its own answer [HT-1]", async () => {
  const waiting: (() => void)[] = [];
  await withTarget(async (request, reply) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    await reply.json(200, answer(request.json().id, request.json().id));
  }, async ({ channel, observer, signal }) => {
    const running = Array.from({ length: 50 }, (_, id) => channel.call(toolCall(id), observer, signal));
    await until(() => waiting.length === 50, "all calls arrived");
    for (const release of waiting.toReversed()) release();
    for (const [id, result] of (await Promise.all(running)).entries()) {
      assert.ok(result.type === "response");
      assert.equal(JSON.parse(new TextDecoder().decode(result.text as Uint8Array)).result, id);
    }
  });
});

Deno.test("call() is never sent twice, not even when a kept connection is closed under it [P-66, HT-1]", async () => {
  await withTarget(
    (request, reply) => request.json().id === 1 ? reply.json(200, answer()) : reply.close(),
    async ({ target, channel, observer, signal }) => {
      assert.equal((await channel.call(toolCall(1), observer, signal)).type, "response");
      const result = await channel.call(toolCall(2), observer, signal);
      assert.ok(result.type === "failure");
      assert.deepEqual([result.statusCode, result.upstreamStatus], [502, 0]);
      assert.deepEqual(target.requests.map((request) => request.json().id), [1, 2]);
    },
  );
});

Deno.test("call() reads compressed answers, whatever the connector accepts [HT-6]", async () => {
  const compressed = new Response(
    new Blob([answer()]).stream().pipeThrough(new CompressionStream("gzip")),
  ).bytes();
  await withTarget(
    async (_, reply) =>
      reply.respond(
        200,
        [["Content-Type", "application/json"], ["Content-Encoding", "gzip"]],
        await compressed,
      ),
    async ({ channel, observer, signal }) => {
      const result = await channel.call(toolCall(1, { "Accept-Encoding": ["br"] }), observer, signal);
      assert.ok(result.type === "response");
      assert.equal(textOf(result.text), answer());
    },
  );
});
