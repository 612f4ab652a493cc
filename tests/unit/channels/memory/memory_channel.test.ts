import assert from "node:assert/strict";
import { type Channel, createMemoryChannel, type McpHandler } from "../../../../src/channels/mod.ts";
import { recordingLog } from "../../../support/channels_log.ts";
import {
  answer,
  Collector,
  notification,
  progress,
  textOf,
  toolCall,
  until,
} from "../../../support/channels_run.ts";

const { signal } = new AbortController();

async function withHandler(
  handler: McpHandler,
  test: (channel: Channel, observer: Collector) => Promise<void>,
) {
  const channel = createMemoryChannel({ name: "main", handler }, recordingLog());
  await channel.start();
  try {
    await test(channel, new Collector());
  } finally {
    await channel.stop(0);
  }
}

function json(body: string, status = 200, headers: HeadersInit = {}): Response {
  return new Response(body, { status, headers: { "Content-Type": "application/json", ...headers } });
}

function events(...texts: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(texts.map((text) => new TextEncoder().encode(`data: ${text}\n\n`)));
}

Deno.test("createMemoryChannel() says what it is: in-memory, one process, no sessions to end [CH-6, CH-10, P-105]", async () => {
  await withHandler(() => Promise.resolve(json(answer())), (channel) => {
    assert.deepEqual([channel.transport, channel.procAffinity], ["in-memory", true]);
    assert.equal(channel.maxConcurrentCalls, undefined);
    assert.equal(channel.terminateSession, undefined);
    assert.deepEqual(channel.health(), { state: "ready", reason: "" });
    return Promise.resolve();
  });
});

Deno.test("createMemoryChannel() hands the handler the message as received, and only MCP protocol headers [IM-2, HD-2]", async () => {
  let seen: { body: string; headers: Record<string, string>; method: string } | undefined;
  await withHandler(async (request) => {
    seen = {
      body: await request.text(),
      headers: Object.fromEntries(request.headers),
      method: request.method,
    };
    return json(answer());
  }, async (channel, observer) => {
    const headers = {
      "Authorization": ["Bearer secret"],
      "Cookie": ["c=1"],
      "X-Custom": ["x"],
      "X-Openai-Subject": ["s"],
      "Mcp-Session-Id": ["s1"],
      "MCP-Protocol-Version": ["2026-07-28"],
      "Mcp-Method": ["tools/call"],
      "Last-Event-ID": ["7"],
      "Accept": ["application/json"],
      "Content-Type": ["application/json"],
    };
    const call = toolCall(1, headers);
    assert.equal((await channel.call(call, observer, signal)).type, "response");
    assert.equal(seen!.body, call.text);
    assert.equal(seen!.method, "POST");
    assert.deepEqual(Object.keys(seen!.headers).filter((name) => name !== "content-length").toSorted(), [
      "accept",
      "content-type",
      "last-event-id",
      "mcp-method",
      "mcp-protocol-version",
      "mcp-session-id",
    ]);
  });
});

Deno.test("createMemoryChannel() reports 200 without headers and without time, whatever the handler said [P-89, A-62]", async () => {
  await withHandler(
    () => Promise.resolve(json(answer(), 201, { "Mcp-Session-Id": "s" })),
    async (channel, observer) => {
      const result = await channel.call(toolCall(), observer, signal);
      assert.ok(result.type === "response");
      assert.deepEqual([result.status, result.headers, result.targetElapsedMs], [200, [], undefined]);
      assert.equal(observer.sentCount, 1);
    },
  );
  await withHandler(() => Promise.resolve(new Response(null, { status: 202 })), async (channel) => {
    assert.deepEqual(await channel.notify(notification(), signal), {
      type: "accepted",
      status: 200,
      headers: [],
    });
  });
});

Deno.test("createMemoryChannel() relays notifications in order with a bare head [P-99]", async () => {
  await withHandler(
    () =>
      Promise.resolve(
        new Response(events(progress(1), progress(2), answer()), {
          headers: { "Content-Type": "text/event-stream", "X-H": "1" },
        }),
      ),
    async (channel, observer) => {
      const result = await channel.call(toolCall(), observer, signal);
      assert.ok(result.type === "response");
      assert.equal(textOf(result.text), answer());
      assert.deepEqual(observer.events, ["sent", progress(1), progress(2)]);
      assert.deepEqual(observer.heads, [{ status: 200, headers: [] }, { status: 200, headers: [] }]);
    },
  );
});

Deno.test("createMemoryChannel() takes a JSON-RPC error in a non-2xx answer as an ordinary answer [P-89, P-119]", async () => {
  const body = `{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"m"}}`;
  await withHandler(() => Promise.resolve(json(body, 400)), async (channel, observer) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "response");
    assert.deepEqual([result.status, result.errorCode, textOf(result.text)], [200, -32022, body]);
  });
});

Deno.test("createMemoryChannel() reports 502 for whatever is no answer [P-89, IM-2]", async () => {
  const cases: [McpHandler, string][] = [
    [() => Promise.resolve(new Response("no", { status: 503 })), "malformed_json"],
    [() => Promise.resolve(new Response("x")), "invalid_protocol_response"],
    [() => Promise.reject(new Error("secret inside")), "unknown"],
    [() => {
      throw new Error("secret inside");
    }, "unknown"],
    [
      () =>
        Promise.resolve(
          new Response(events(progress(1)), { headers: { "Content-Type": "text/event-stream" } }),
        ),
      "eof",
    ],
    [() => {
      const broken = new ReadableStream({
        start: (controller) => controller.error(new Error("secret inside")),
      });
      return Promise.resolve(new Response(broken, { headers: { "Content-Type": "application/json" } }));
    }, "unexpected_eof"],
  ];
  for (const [handler, kind] of cases) {
    await withHandler(handler, async (channel, observer) => {
      const result = await channel.call(toolCall(), observer, signal);
      assert.ok(result.type === "failure");
      assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus, result.headers], [
        kind,
        502,
        0,
        [],
      ]);
      assert.ok(!result.detail.includes("secret"));
    });
  }
  await withHandler(() => Promise.resolve(new Response(null, { status: 404 })), async (channel) => {
    const result = await channel.notify(notification(), signal);
    assert.ok(result.type === "failure");
    assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus], ["invalid_mcp_error", 502, 0]);
  });
});

Deno.test("createMemoryChannel() gives every concurrent call its own answer [IM-3]", async () => {
  const waiting: (() => void)[] = [];
  await withHandler(async (request) => {
    const { id } = await request.json();
    await new Promise<void>((resolve) => waiting.push(resolve));
    const stream = events(progress(id), answer(id, id));
    return id % 2 === 0
      ? json(answer(id, id))
      : new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
  }, async (channel) => {
    const observers = Array.from({ length: 40 }, () => new Collector());
    const running = observers.map((observer, id) => channel.call(toolCall(id), observer, signal));
    await until(() => waiting.length === 40, "all calls arrived");
    for (const release of waiting.toReversed()) release();
    for (const [id, result] of (await Promise.all(running)).entries()) {
      assert.ok(result.type === "response");
      assert.equal(JSON.parse(textOf(result.text)).result, id);
      assert.deepEqual(observers[id]!.events, id % 2 === 0 ? ["sent"] : ["sent", progress(id)]);
    }
  });
});

Deno.test("call() rejects with the reason when aborted, and the handler's signal is aborted, too [P-74]", async () => {
  const reason = new Error("deadline");
  for (const phase of ["before the head", "inside the stream"]) {
    let handlerSignal: AbortSignal | undefined;
    let isCancelled = false;
    await withHandler((request) => {
      handlerSignal = request.signal;
      if (phase === "before the head") return new Promise(() => {});
      const stream = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(`data: ${progress(1)}\n\n`)),
        cancel: () => void (isCancelled = true),
      });
      return Promise.resolve(new Response(stream, { headers: { "Content-Type": "text/event-stream" } }));
    }, async (channel, observer) => {
      const controller = new AbortController();
      const running = channel.call(toolCall(), observer, controller.signal);
      await until(
        () => handlerSignal !== undefined && (phase === "before the head" || observer.events.length === 2),
        "the call is under way",
      );
      controller.abort(reason);
      await assert.rejects(running, (error) => error === reason);
      assert.equal(handlerSignal!.aborted, true);
      if (phase === "inside the stream") await until(() => isCancelled, "the stream was cancelled");
    });
  }
});

Deno.test("call() cancels what the handler goes on sending after the answer [HT-20]", async () => {
  let isCancelled = false;
  await withHandler(() => {
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(`data: ${answer()}\n\n`)),
      cancel: () => void (isCancelled = true),
    });
    return Promise.resolve(new Response(stream, { headers: { "Content-Type": "text/event-stream" } }));
  }, async (channel, observer) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    await until(() => isCancelled, "the stream was cancelled");
  });
});

Deno.test("call() answers ping of an in-process server through its handler [P-104]", async () => {
  const answered = Promise.withResolvers<string>();
  await withHandler(async (request) => {
    const text = await request.text();
    if (!text.includes("tools/call")) {
      answered.resolve(text);
      return new Response(null, { status: 202 });
    }
    const encoder = new TextEncoder();
    const stream = new ReadableStream({
      async start(controller) {
        controller.enqueue(encoder.encode(`data: {"jsonrpc":"2.0","id":"p","method":"ping"}\n\n`));
        await answered.promise;
        controller.enqueue(encoder.encode(`data: ${answer()}\n\n`));
        controller.close();
      },
    });
    return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
  }, async (channel, observer) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    assert.equal(await answered.promise, `{"jsonrpc":"2.0","id":"p","result":{}}`);
  });
});
