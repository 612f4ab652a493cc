import assert from "node:assert/strict";
import type { TargetReply } from "../../../support/channels_target.ts";
import {
  answer,
  progress,
  textOf,
  toolCall,
  turns,
  until,
  withTarget,
} from "../../../support/channels_run.ts";

Deno.test("call() relays notifications in order, then the answer, exactly as received [HT-11, LC-9, P-99, T-2]", async () => {
  const first = `{"jsonrpc":"2.0", "method":"notifications/progress","params":{"n":12345678901234567890}}`;
  await withTarget(async (_, reply) => {
    await reply.sse([["Mcp-Session-Id", "s1"]]);
    await reply.event(first, "event: message\n");
    await reply.event(progress(2));
    await reply.event(answer(), ": comment\nid: 7\nunknown: x\n");
    await reply.end();
  }, async ({ channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.equal(result.type, "response");
    assert.equal(result.type === "response" && textOf(result.text), answer());
    assert.deepEqual(observer.events, ["sent", first, progress(2)]);
    assert.deepEqual(observer.heads.map(({ status }) => status), [200, 200]);
    assert.ok(observer.heads[0]!.headers.some(([name]) => name === "Mcp-Session-Id"));
  });
});

Deno.test("call() does not read the next message before a notification is delivered [P-99]", async () => {
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.chunk(`data: ${progress(1)}\n\ndata: ${progress(2)}\n\ndata: ${answer()}\n\n`);
    await reply.end();
  }, async ({ channel, observer, signal }) => {
    const holds = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const asked: string[] = [];
    observer.hold = (text) => holds[asked.push(text) - 1]!.promise;
    let settled = false;
    const running = channel.call(toolCall(), observer, signal).finally(() => settled = true);
    await until(() => asked.length === 1, "the first notification arrived");
    await turns(10);
    assert.deepEqual([asked.length, settled], [1, false]);
    holds[0]!.resolve();
    await until(() => asked.length === 2, "the second notification arrived");
    assert.equal(settled, false);
    holds[1]!.resolve();
    assert.equal((await running).type, "response");
    assert.deepEqual(observer.events, ["sent", progress(1), progress(2)]);
  });
});

Deno.test("call() skips named events and events without data [HT-19, P-103, T-3]", async () => {
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.chunk("event: ping\ndata: ping\n\n");
    await reply.chunk("id: 1\ndata: \n\n");
    await reply.chunk("event: endpoint\ndata: not json\n\n");
    await reply.chunk("retry: 5\n\n");
    await reply.chunk(`event: message\ndata: ${answer()}\n\n`);
    await reply.end();
  }, async ({ channel, observer, signal }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    assert.deepEqual(observer.events, ["sent"]);
  });
});

Deno.test("call() joins data lines, takes CR as line end, and an answer that ends with the stream [HT-18]", async () => {
  const lines = `{"jsonrpc":"2.0",\n"id":1,\n"result":{}}`;
  const bodies = [
    lines.split("\n").map((line) => `data: ${line}\n`).join("") + "\n",
    lines.split("\n").map((line) => `data:${line}\r\n`).join("") + "\r\n",
    lines.split("\n").map((line) => `data: ${line}\r`).join("") + "\r",
    `data: ${lines.replaceAll("\n", "")}`,
    `\ufeffdata: ${lines.replaceAll("\n", "")}\n`,
    `data\ndata: ${lines.replaceAll("\n", "")}\n\n`,
  ];
  for (const body of bodies) {
    await withTarget(async (_, reply) => {
      await reply.sse();
      await reply.chunk(body);
      await reply.end();
    }, async ({ channel, observer, signal }) => {
      const result = await channel.call(toolCall(), observer, signal);
      assert.equal(result.type, "response", JSON.stringify(body));
      assert.deepEqual(JSON.parse(textOf((result as { text: string }).text)), JSON.parse(lines));
    });
  }
});

Deno.test("call() ends with the answer at once, and closes a stream that the server keeps open [HT-20]", async () => {
  const closed = Promise.withResolvers<void>();
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.event(answer());
    reply.closed.then(closed.resolve);
    await reply.closed;
  }, async ({ channel, observer, signal }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    await closed.promise;
  });
});

Deno.test("call() closes a stream that goes on endlessly after the answer [HT-20]", async () => {
  const closed = Promise.withResolvers<void>();
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.event(answer());
    reply.closed.then(closed.resolve);
    let isClosed = false;
    reply.closed.then(() => isClosed = true);
    while (!isClosed) {
      await reply.chunk(`:${"x".repeat(10_000)}\n`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }, async ({ channel, observer, signal }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    await closed.promise;
  });
});

Deno.test("call() leaves the connection to the next call when the stream ends with the answer [HT-20, P-192]", async () => {
  await withTarget(async (request, reply) => {
    const body = `data: ${answer(request.json().id)}\n\n`;
    const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    await reply.send(`${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  }, async ({ target, channel, observer, signal }) => {
    for (let id = 1; id <= 20; id++) {
      assert.equal((await channel.call(toolCall(id), observer, signal)).type, "response");
      await turns(3);
    }
    assert.ok(target.connections < 5, `${target.connections} connections`);
  });
});

const violations: Record<string, string> = {
  "a response with another id": answer(2),
  "a response with the id as another type": answer("1"),
  "an error without id": `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}`,
  "a batch": `[${answer()}]`,
  "data that is no JSON": "{broken",
  "JSON that is no JSON-RPC": `{"id":1,"result":{}}`,
  "a response without result": `{"jsonrpc":"2.0","id":1}`,
  "a request whose id is an object": `{"jsonrpc":"2.0","id":{},"method":"ping"}`,
};
for (const [what, data] of Object.entries(violations)) {
  Deno.test(`call() fails with 502 and closes the stream on ${what} [LC-8, HT-19]`, async () => {
    const closed = Promise.withResolvers<void>();
    await withTarget(async (_, reply) => {
      await reply.sse();
      await reply.event(progress(1));
      await reply.event(data);
      reply.closed.then(closed.resolve);
      await reply.closed;
    }, async ({ target, channel, observer, signal }) => {
      const result = await channel.call(toolCall(), observer, signal);
      assert.equal(result.type, "failure");
      assert.ok(result.type === "failure");
      assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus], [
        "invalid_protocol_response",
        502,
        200,
      ]);
      assert.deepEqual(observer.events, ["sent", progress(1)]);
      await closed.promise;
      assert.deepEqual(target.requests.map(({ method }) => method), ["POST"]);
    });
  });
}

Deno.test("call() fails with 502 on a stream that is not UTF-8 [HT-19]", async () => {
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.chunk(new Uint8Array([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a, 0x0a]));
    await reply.closed;
  }, async ({ channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "failure");
    assert.deepEqual([result.kind, result.statusCode], ["invalid_protocol_response", 502]);
  });
});

Deno.test("call() reports a stream that ends without answer as eof and 502 when it gave no event id [HT-21, P-103]", async () => {
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.event(progress(1));
    await reply.end();
  }, async ({ target, channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "failure");
    assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus], ["eof", 502, 200]);
    assert.deepEqual(observer.events, ["sent", progress(1)]);
    assert.equal(target.requests.length, 1);
  });
});

Deno.test("call() reports a stream that breaks off by its real cause [LC-11, P-124]", async () => {
  await withTarget(async (_, reply) => {
    await reply.sse();
    await reply.chunk(`data: {"jsonrpc":"2.0"`);
    await reply.close();
  }, async ({ channel, observer, signal }) => {
    const result = await channel.call(toolCall(), observer, signal);
    assert.ok(result.type === "failure");
    assert.ok(["unexpected_eof", "connection_reset"].includes(result.kind), result.kind);
    assert.equal(result.statusCode, 502);
  });
});

Deno.test("call() answers ping of the server in place, other requests with -32601, and reads on [P-104]", async () => {
  const bigId = "123456789012345678901234567890";
  let stream: TargetReply | undefined;
  await withTarget(async (request, reply) => {
    if (stream !== undefined) return await reply.respond(202, []);
    assert.equal(request.json().method, "tools/call");
    stream = reply;
    await reply.sse([["Mcp-Session-Id", "from-response"]]);
    await reply.event(`{"jsonrpc":"2.0","id": ${bigId} ,"method":"ping"}`);
    await reply.event(
      `{"jsonrpc":"2.0","id":"a\\u0062","method":"sampling/createMessage","params":{"id":3}}`,
    );
    await reply.event(progress(1));
    await reply.closed;
  }, async ({ target, channel, observer, signal }) => {
    const headers = {
      "Authorization": ["Bearer c"],
      "MCP-Protocol-Version": ["2025-06-18"],
      "Mcp-Method": ["tools/call"],
      "Mcp-Name": ["echo"],
      "Mcp-Param-X": ["1"],
    };
    const running = channel.call(toolCall(1, headers), observer, signal);
    await until(() => target.requests.length === 3, "both requests were answered");
    await until(() => observer.events.includes(progress(1)), "the stream was read on");
    const replies = target.requests.slice(1);
    assert.deepEqual(replies.map(({ body }) => body).toSorted(), [
      `{"jsonrpc":"2.0","id":"a\\u0062","error":{"code":-32601,"message":"Method not found"}}`,
      `{"jsonrpc":"2.0","id":${bigId},"result":{}}`,
    ]);
    for (const request of replies) {
      assert.equal(request.method, "POST");
      assert.deepEqual(request.values("authorization"), ["Bearer c"]);
      assert.deepEqual(request.values("mcp-protocol-version"), ["2025-06-18"]);
      assert.deepEqual(request.values("mcp-session-id"), ["from-response"]);
      for (const name of ["mcp-method", "mcp-name", "mcp-param-x"]) {
        assert.deepEqual(request.values(name), []);
      }
    }
    await stream!.event(answer());
    await stream!.end();
    assert.equal((await running).type, "response");
  });
});

Deno.test("call() is not held up by a server that does not take the answer to its ping [P-104]", async () => {
  let isFirst = true;
  const released = Promise.withResolvers<void>();
  await withTarget(async (_, reply) => {
    if (!isFirst) {
      reply.closed.then(released.resolve);
      return await reply.closed;
    }
    isFirst = false;
    await reply.sse();
    await reply.event(`{"jsonrpc":"2.0","id":1,"method":"ping"}`);
    await reply.event(answer());
    await reply.end();
  }, async ({ target, channel, observer, signal }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    await until(() => target.requests.length === 2, "the answer to the ping was sent");
    await channel.stop(0);
    await released.promise;
  });
});

Deno.test("call() leaves a flood of server requests unanswered, and says so [P-104]", async () => {
  let isFirst = true;
  await withTarget(async (_, reply) => {
    if (!isFirst) return await reply.closed;
    isFirst = false;
    await reply.sse();
    for (let id = 0; id < 40; id++) await reply.event(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
    await reply.event(answer());
    await reply.end();
  }, async ({ target, channel, observer, signal, log }) => {
    assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    await until(() => target.requests.length === 17, "sixteen answers were sent");
    assert.equal(log.records.filter(({ event }) => event === "server request left unanswered").length, 24);
    await channel.stop(0);
  });
});
