import assert from "node:assert/strict";
import type { CallResult, ChannelFailure } from "../../../../src/channels/mod.ts";
import { unusedPort } from "../../../support/channels_target.ts";
import {
  answer,
  callFrom,
  notification,
  progress,
  textOf,
  toolCall,
  withTarget,
} from "../../../support/channels_run.ts";

const JSON_TYPE = [["Content-Type", "application/json"]] as const;

function failureFrom(result: { readonly type: string }): ChannelFailure {
  assert.equal(result.type, "failure");
  return result as ChannelFailure;
}

function answerFrom(result: CallResult, type: "response" | "preserved") {
  if (result.type !== type) {
    throw new assert.AssertionError({ actual: result, expected: type, operator: "type" });
  }
  return result;
}

Deno.test("call() hands a JSON answer on as the bytes that were received [HT-10, P-129, P-193]", async () => {
  const body =
    `\n { "jsonrpc" : "2.0", "id":"a", "extra":[1.0,2e3],\r\n "result":{"n":98765432109876543210987654,"t":"é\\ud83d"} } `;
  await withTarget((_, reply) => reply.json(200, body), async ({ channel, observer, signal }) => {
    const result = answerFrom(await channel.call(toolCall("a"), observer, signal), "response");
    assert.equal(textOf(result.text), body);
    assert.equal(result.status, 200);
    assert.equal(result.errorCode, undefined);
    assert.deepEqual(observer.events, ["sent"]);
  });
});

Deno.test("call() takes the content type without parameters and in any letter case [HT-10]", async () => {
  await withTarget(
    (_, reply) => reply.respond(201, [["content-type", " Application/JSON ; charset=utf-8"]], answer()),
    async ({ channel, observer, signal }) => {
      assert.equal(answerFrom(await channel.call(toolCall(), observer, signal), "response").status, 201);
    },
  );
});

Deno.test("call() leaves a byte order mark out of the answer, which would not be JSON with it [HT-10]", async () => {
  await withTarget(
    (_, reply) => reply.json(200, `\ufeff${answer()}`),
    async ({ channel, observer, signal }) => {
      assert.equal(
        textOf(answerFrom(await channel.call(toolCall(), observer, signal), "response").text),
        answer(),
      );
    },
  );
});

Deno.test("call() keeps repeated response headers apart and in order [OC-8, P-188]", async () => {
  const challenges = [["WWW-Authenticate", `Bearer realm="a, b"`], ["www-authenticate", "Basic"]] as const;
  await withTarget(
    (_, reply) => reply.json(401, answer(), challenges),
    async ({ channel, observer, signal }) => {
      const failure = failureFrom(await channel.call(toolCall(), observer, signal));
      const values = failure.headers.filter(([name]) => name.toLowerCase() === "www-authenticate").map((
        [, v],
      ) => v);
      assert.deepEqual(values, [`Bearer realm="a, b"`, "Basic"]);
    },
  );
});

Deno.test("call() hands on a JSON-RPC error in a 2xx answer as an ordinary answer, with its code [P-119, P-120]", async () => {
  const body = `{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"m","data":{"secret":1}}}`;
  await withTarget((_, reply) => reply.json(200, body), async ({ channel, observer, signal }) => {
    const result = answerFrom(await channel.call(toolCall(), observer, signal), "response");
    assert.equal(result.errorCode, -32042);
    assert.equal(textOf(result.text), body);
  });
});

Deno.test("call() tells ids apart by type and value; 0 and the empty string are ids [LC-8, LC-16]", async () => {
  const echo = (sent: string | number, received: string) => {
    return withTarget(
      (_, reply) => reply.json(200, `{"jsonrpc":"2.0","id":${received},"result":{}}`),
      async ({ channel, observer, signal }) => {
        const result = await channel.call(toolCall(sent), observer, signal);
        outcomes.push(result.type === "failure" ? `${result.kind} ${result.statusCode}` : result.type);
      },
    );
  };
  const outcomes: string[] = [];
  await echo(0, "0");
  await echo("", `""`);
  await echo(1, "1.0");
  await echo(1, `"1"`);
  await echo("1", "1");
  await echo(1, "null");
  const wrong = "invalid_protocol_response 502";
  assert.deepEqual(outcomes, ["response", "response", "response", wrong, wrong, wrong]);
});

const brokenBodies: Record<string, string | Uint8Array> = {
  "an empty body": "",
  "no JSON": "<html>",
  "a batch": `[${answer()}]`,
  "no JSON-RPC": `{"id":1,"result":{}}`,
  "neither result nor error": `{"jsonrpc":"2.0","id":1}`,
  "a notification alone": progress(1),
  "a request": `{"jsonrpc":"2.0","id":1,"method":"ping"}`,
  "bytes that are not UTF-8": new Uint8Array([0x7b, 0xff, 0x7d]),
};
for (const [what, body] of Object.entries(brokenBodies)) {
  Deno.test(`call() ends at once with a protocol failure when a JSON answer is ${what} [HT-10, HT-16]`, async () => {
    await withTarget(
      (_, reply) => reply.respond(200, JSON_TYPE, body),
      async ({ channel, observer, signal }) => {
        const failure = failureFrom(await channel.call(toolCall(), observer, signal));
        assert.deepEqual([failure.kind, failure.statusCode, failure.upstreamStatus], [
          "invalid_protocol_response",
          502,
          200,
        ]);
        assert.ok(failure.headers.some(([name]) => name.toLowerCase() === "content-type"));
      },
    );
  });
}

for (const [status, type] of [[200, "text/html"], [200, ""], [202, ""], [204, ""]] as const) {
  Deno.test(`call() reports ${status} with content type "${type}" as 502, not as success [HT-12, P-95]`, async () => {
    await withTarget(
      (_, reply) => reply.respond(status, type === "" ? [] : [["Content-Type", type]]),
      async ({ channel, observer, signal }) => {
        const failure = failureFrom(await channel.call(toolCall(), observer, signal));
        assert.deepEqual([failure.kind, failure.statusCode], ["invalid_protocol_response", 502]);
        assert.equal(failure.upstreamStatus, status);
        assert.equal(observer.sentCount, 1);
      },
    );
  });
}

Deno.test("call() hands on an MCP error in a non-2xx answer unchanged, with its status [HT-23, HT-24, P-116, P-117]", async () => {
  const body =
    ` {"jsonrpc":"2.0","id":"x","error":{"code":-32022,"message":"","data":{"n":123456789012345678901}},"more":true}`;
  for (const status of [302, 400, 404, 503]) {
    await withTarget(
      (_, reply) => reply.respond(status, [["Content-Type", "text/plain"]], body),
      async ({ channel, observer, signal }) => {
        const result = answerFrom(await channel.call(toolCall("x"), observer, signal), "preserved");
        assert.equal(textOf(result.text), body);
        assert.deepEqual([result.status, result.errorCode], [status, -32022]);
        assert.ok((result.targetElapsedMs ?? -1) >= 0);
      },
    );
  }
});

const ok = `"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}`;
const unusableBodies: [string, string | Uint8Array, string][] = [
  ["nothing", "", "response_body_missing"],
  ["plain text", "upstream text", "malformed_json"],
  ["bytes that are not UTF-8", new Uint8Array([0xff]), "malformed_json"],
  ["JSON that is no object", "[]", "invalid_mcp_error"],
  ["another id", `{"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"m"}}`, "invalid_mcp_error"],
  [
    "the id as another type",
    `{"jsonrpc":"2.0","id":"1","error":{"code":-1,"message":"m"}}`,
    "invalid_mcp_error",
  ],
  ["a result that is null", `{${ok},"result":null}`, "invalid_mcp_error"],
  ["a method", `{${ok},"method":""}`, "invalid_mcp_error"],
  ["a fractional code", `{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"m"}}`, "invalid_mcp_error"],
  ["no message", `{"jsonrpc":"2.0","id":1,"error":{"code":1}}`, "invalid_mcp_error"],
  ["102400 bytes and one more", `{${ok}}`.padEnd(102_401), "response_body_too_large"],
];
for (const [what, body, kind] of unusableBodies) {
  Deno.test(`call() reports a 503 answer with ${what} as ${kind} [HT-22, HT-23, P-118, T-5]`, async () => {
    await withTarget(
      (_, reply) =>
        reply.respond(503, [["Content-Type", "text/plain"], ["WWW-Authenticate", "Bearer"]], body),
      async ({ channel, observer, signal, log }) => {
        const failure = failureFrom(await channel.call(toolCall(), observer, signal));
        assert.deepEqual([failure.kind, failure.statusCode, failure.upstreamStatus], [kind, 503, 503]);
        assert.ok(failure.headers.some(([name]) => name === "WWW-Authenticate"));
        assert.ok(!JSON.stringify([failure.detail, log.records]).includes("upstream text"));
        assert.equal(observer.sentCount, 1);
      },
    );
  });
}

Deno.test("call() accepts an MCP error of exactly 102400 bytes [HT-22]", async () => {
  const body = `{${ok}}`.padEnd(102_400);
  await withTarget((_, reply) => reply.json(500, body), async ({ channel, observer, signal }) => {
    answerFrom(await channel.call(toolCall(), observer, signal), "preserved");
  });
});

Deno.test("call() reports a non-2xx body that breaks off as response_body_unreadable [HT-22]", async () => {
  await withTarget(async (_, reply) => {
    await reply.send("HTTP/1.1 500 X\r\nContent-Length: 100\r\n\r\n{");
    await reply.close();
  }, async ({ channel, observer, signal }) => {
    const failure = failureFrom(await channel.call(toolCall(), observer, signal));
    assert.deepEqual([failure.kind, failure.statusCode], ["response_body_unreadable", 500]);
  });
});

Deno.test("call() reports a JSON answer that breaks off with its real cause and 502 [LC-11, P-124]", async () => {
  await withTarget(async (_, reply) => {
    await reply.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    await reply.close();
  }, async ({ channel, observer, signal }) => {
    const failure = failureFrom(await channel.call(toolCall(), observer, signal));
    assert.ok(["unexpected_eof", "connection_reset"].includes(failure.kind), failure.kind);
    assert.deepEqual([failure.statusCode, failure.upstreamStatus], [502, 200]);
  });
});

Deno.test("call() and notify() report an unreachable target with the real cause, and health says so [HT-15, P-124]", async () => {
  const url = `http://127.0.0.1:${unusedPort()}/secret-path?key=secret`;
  await withTarget((_, reply) => reply.respond(500, []), async ({ channel, observer, signal }) => {
    for (
      const result of [
        await channel.call(toolCall(), observer, signal),
        await channel.notify(notification(), signal),
      ]
    ) {
      const failure = failureFrom(result);
      assert.deepEqual([failure.kind, failure.statusCode, failure.upstreamStatus], [
        "connection_refused",
        502,
        0,
      ]);
      assert.deepEqual(failure.headers, []);
      assert.ok(!failure.detail.includes("secret"));
    }
    assert.equal(observer.sentCount, 0);
    const health = channel.health();
    assert.equal(health.state, "degraded");
    assert.match(health.reason, /^http:\/\/127\.0\.0\.1:\d+ could not be reached/);
    assert.ok(!health.reason.includes("secret"));
  }, { url });
});

Deno.test("notify() is accepted with any 2xx; an unusual one is warned of once [HT-9, LC-5]", async () => {
  const statuses = [202, 204, 200, 200];
  await withTarget(
    (_, reply) => reply.respond(statuses.shift()!, [["Mcp-Session-Id", "s"]]),
    async ({ channel, signal, log }) => {
      for (const status of [202, 204, 200, 200]) {
        const result = await channel.notify(notification(), signal);
        assert.equal(result.type, "accepted");
        assert.equal(result.type === "accepted" && result.status, status);
        assert.ok(result.headers.some(([name, value]) => name === "Mcp-Session-Id" && value === "s"));
      }
      assert.equal(log.records.filter(({ level }) => level === "warn").length, 1);
    },
  );
});

Deno.test("notify() reports a non-2xx answer as invalid_mcp_error with its status [HT-14, P-118]", async () => {
  await withTarget((_, reply) => reply.json(404, answer()), async ({ channel, signal }) => {
    const failure = failureFrom(await channel.notify(notification(), signal));
    assert.deepEqual([failure.kind, failure.statusCode, failure.upstreamStatus], [
      "invalid_mcp_error",
      404,
      404,
    ]);
  });
});

Deno.test("notify() does not wait for a body that stays open [HT-9]", async () => {
  const closed = Promise.withResolvers<void>();
  await withTarget(async (_, reply) => {
    await reply.sse();
    reply.closed.then(closed.resolve);
    await reply.closed;
  }, async ({ channel, signal }) => {
    assert.equal((await channel.notify(notification(), signal)).type, "accepted");
    await closed.promise;
  });
});

Deno.test("notify() sends a polled response object like any message [P-92]", async () => {
  await withTarget((_, reply) => reply.respond(202, []), async ({ target, channel, signal }) => {
    const text = `{"jsonrpc":"2.0","id":5,"result":{}}`;
    const message = { text, message: JSON.parse(text), method: "", headers: {} };
    assert.equal((await channel.notify(message, signal)).type, "accepted");
    assert.equal(target.requests[0]!.body, text);
  });
});

Deno.test("call() copes with an answer of 20 MB [HT-17]", async () => {
  const body = answer(1, "x".repeat(20_000_000));
  await withTarget((_, reply) => reply.json(200, body), async ({ channel, observer, signal }) => {
    const result = answerFrom(await channel.call(callFrom(toolCall().text), observer, signal), "response");
    assert.equal(result.text.length, body.length);
  });
});
