import assert from "node:assert/strict";
import { startTarget } from "../../../support/channels_target.ts";
import { answer, notification, toolCall, withTarget } from "../../../support/channels_run.ts";

for (const status of [307, 308]) {
  Deno.test(`call() follows a ${status} within the origin with method, body and headers [HT-31]`, async () => {
    await withTarget((request, reply) => {
      if (request.path === "/mcp?k=1") return reply.respond(status, [["Location", "/v2/mcp?x=%20y#part"]]);
      return reply.json(200, answer());
    }, async ({ target, channel, observer, signal }) => {
      const call = toolCall(1, { Authorization: ["Bearer c"] });
      assert.equal((await channel.call(call, observer, signal)).type, "response");
      const [first, second] = target.requests;
      assert.deepEqual([second!.method, second!.path, second!.body], ["POST", "/v2/mcp?x=%20y", first!.body]);
      assert.deepEqual(second!.values("authorization"), ["Bearer c"]);
      assert.deepEqual(first!.values("x-static"), ["1"]);
      assert.deepEqual(
        second!.values("x-static"),
        [],
        "static headers are for the configured path alone [HD-10]",
      );
      assert.equal(observer.sentCount, 1);
    }, { path: "/mcp?k=1", extraHeaders: [["X-Static", "1"]] });
  });
}

for (const status of [301, 302, 303]) {
  Deno.test(`call() reports a ${status} with its own status instead of turning the POST into a GET [HT-31]`, async () => {
    await withTarget((_, reply) => reply.respond(status, [["Location", "/other"]]), async (bench) => {
      const result = await bench.channel.call(toolCall(), bench.observer, bench.signal);
      assert.ok(result.type === "failure");
      assert.deepEqual([result.kind, result.statusCode, result.upstreamStatus], [
        "response_body_missing",
        status,
        status,
      ]);
      assert.equal(bench.target.requests.length, 1);
    });
  });
}

Deno.test("call() never follows a redirect to another origin: no request, no credential leaves [HT-31, HT-32]", async () => {
  await using foreign = startTarget((_, reply) => reply.json(200, answer()));
  const port = foreign.origin.split(":")[2];
  const locations = [
    `${foreign.origin}/mcp`,
    `http://localhost:${port}/mcp`,
    `//127.0.0.1:${port}/mcp`,
    `http://user:pw@127.0.0.1:${port}/`,
    `https://127.0.0.1:${port}/mcp`,
    `\\\\127.0.0.1:${port}/`,
  ];
  for (const location of locations) {
    await withTarget((_, reply) => reply.respond(307, [["Location", location]]), async (bench) => {
      const headers = { "Authorization": ["Bearer secret"], "Mcp-Session-Id": ["s"] };
      const result = await bench.channel.call(toolCall(1, headers), bench.observer, bench.signal);
      assert.ok(result.type === "failure");
      assert.deepEqual([result.kind, result.statusCode], ["response_body_missing", 307], location);
      assert.match(result.detail, /another origin/);
      assert.ok(!result.detail.includes(port!), "the destination is not shown");
      assert.equal((await bench.channel.notify(notification(headers), bench.signal)).type, "failure");
      await bench.channel.terminateSession(headers, bench.signal);
    });
  }
  assert.equal(foreign.connections, 0);
});

Deno.test("call() follows at most nine redirects [HT-31]", async () => {
  await withTarget((_, reply) => reply.respond(308, [["Location", "/mcp"]]), async (bench) => {
    const result = await bench.channel.call(toolCall(), bench.observer, bench.signal);
    assert.ok(result.type === "failure");
    assert.equal(result.statusCode, 308);
    assert.equal(bench.target.requests.length, 10);
  });
  let left = 9;
  await withTarget(
    (_, reply) => left-- > 0 ? reply.respond(307, [["Location", "mcp"]]) : reply.json(200, answer()),
    async ({ channel, observer, signal }) => {
      assert.equal((await channel.call(toolCall(), observer, signal)).type, "response");
    },
  );
});

Deno.test("call() takes a 3xx without usable Location as the answer [HT-31]", async () => {
  for (const headers of [[], [["Location", "http://[bad"]]] as [string, string][][]) {
    await withTarget(
      (_, reply) => reply.respond(307, headers),
      async ({ target, channel, observer, signal }) => {
        const result = await channel.call(toolCall(), observer, signal);
        assert.ok(result.type === "failure");
        assert.deepEqual([result.kind, result.statusCode], ["response_body_missing", 307]);
        assert.equal(target.requests.length, 1);
      },
    );
  }
});

Deno.test("call() hands on an MCP error in a redirect that is not followed [HT-24]", async () => {
  const body = `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"moved"}}`;
  await withTarget(
    (_, reply) => reply.json(302, body, [["Location", "http://elsewhere.invalid/"]]),
    async (bench) => {
      const result = await bench.channel.call(toolCall(), bench.observer, bench.signal);
      assert.equal(result.type, "preserved");
    },
  );
});
