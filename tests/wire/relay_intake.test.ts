import assert from "node:assert/strict";
import {
  errorOf,
  KEY,
  OTHER_KEY,
  OTHER_TUNNEL,
  type PolledCommand,
  RawConnection,
  RelayHarness,
  request,
  responseBody,
  TUNNEL,
  until,
} from "../support/relay_harness.ts";

/** A relay with one call that an agent has. */
async function withDelivered(
  test: (harness: RelayHarness, command: PolledCommand, answer: Promise<Response>) => Promise<void>,
  options: Parameters<typeof RelayHarness.with>[0] = {},
  headers: Record<string, string> = {},
): Promise<void> {
  await RelayHarness.with(options, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request(), { headers });
    const command = await harness.nextCommand();
    await test(harness, command, answer);
    if (harness.counts().inFlight > 0) await harness.respond(command);
    const response = await answer;
    await response.body?.cancel();
  });
}

function outcome({ status, json }: { status: number; json: unknown }): [number, string | undefined] {
  return [status, (json as { error?: { code: string } }).error?.code];
}

const OK = { status: 200, json: { status: "ok" } };

Deno.test("a response is accepted with 200 and status ok [P-135, P-167]", async () => {
  await withDelivered(async (harness, command) => {
    const { status, json, headers } = await harness.respond(command);
    assert.deepEqual({ status, json }, OK);
    assert.equal(headers.get("content-type"), "application/json");
  });
});

Deno.test("a response body must be a JSON object [P-167]", async () => {
  await withDelivered(async (harness, command) => {
    for (const body of ["", "{", "[]", "null", '"text"', "1"]) {
      assert.deepEqual(
        outcome(await harness.post(body, command.shard_token)),
        [400, "invalid_json_payload"],
        body,
      );
    }
    const brokenText = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    assert.deepEqual(outcome(await harness.post(brokenText, command.shard_token)), [
      400,
      "invalid_json_payload",
    ]);
  });
});

Deno.test("a response needs a request id, and is judged by it before its shard token [P-167]", async () => {
  await withDelivered(async (harness, command) => {
    for (const request_id of [undefined, "", null, 7]) {
      const body = responseBody(command, { request_id });
      assert.deepEqual(outcome(await harness.post(body, undefined)), [400, "invalid_json_payload"]);
    }
  });
});

Deno.test("a response needs the shard token of its command, and is judged by it before it is looked up [P-167]", async () => {
  await withDelivered(async (harness, command) => {
    const post = (body: string, token: string | undefined) => harness.post(body, token).then(outcome);
    assert.deepEqual(await post(responseBody(command), undefined), [400, "missing_shard_token"]);
    assert.deepEqual(await post(responseBody(command), command.shard_token + "x"), [
      400,
      "shard_token_mismatch",
    ]);
    assert.deepEqual(await post(responseBody(command), command.request_id), [400, "shard_token_mismatch"]);
    const unknown = responseBody(command, { request_id: "cmd_unknown" });
    assert.deepEqual(await post(unknown, command.shard_token), [400, "shard_token_mismatch"]);
    assert.deepEqual(await post(unknown, "shard-cmd_unknown"), [404, "pending_request_not_found"]);
    assert.equal(harness.counts().late, 1);
  });
});

Deno.test("a lenient relay takes a response without shard token, but none with a wrong one [P-167]", async () => {
  await withDelivered(async (harness, command) => {
    assert.deepEqual(outcome(await harness.post(responseBody(command), "wrong")), [
      400,
      "shard_token_mismatch",
    ]);
    const { status, json } = await harness.post(responseBody(command), undefined);
    assert.deepEqual({ status, json }, OK);
  }, { strictness: "lenient" });
});

Deno.test("a response posted for another tunnel is refused [P-167]", async () => {
  await withDelivered(async (harness, command) => {
    const wrong = await harness.post(responseBody(command), command.shard_token, {
      tunnel: OTHER_TUNNEL,
      key: OTHER_KEY,
    });
    assert.deepEqual(outcome(wrong), [401, "tunnel_request_mismatch"]);
    assert.equal(harness.counts().inFlight, 1);
  });
});

Deno.test("a response with an invalid channel name is refused, a differently spelled one is not [P-167]", async () => {
  await withDelivered(async (harness, command) => {
    const bad = responseBody(command, { channel: "no channel" });
    assert.deepEqual(outcome(await harness.post(bad, command.shard_token)), [400, "invalid_channel_format"]);
    const good = await harness.post(responseBody(command, { channel: " MAIN " }), command.shard_token);
    assert.equal(good.status, 200);
  });
});

Deno.test("a response longer than the limit is refused, with and without an announced length [P-167]", async () => {
  await withDelivered(async (harness, command) => {
    const long = responseBody(command, { resp_json: { text: "x".repeat(2_000) } });
    assert.deepEqual(outcome(await harness.post(long, command.shard_token)), [413, "request_body_too_large"]);
    const stream = new Blob([long]).stream();
    assert.deepEqual(outcome(await harness.post(stream, command.shard_token)), [
      413,
      "request_body_too_large",
    ]);
    const short = await harness.post(new Blob([responseBody(command)]).stream(), command.shard_token);
    assert.equal(short.status, 200);
  }, { maxResponseBytes: 1_000 });
});

Deno.test("members of the wrong kind are refused, and the command stays open for a right answer [P-168]", async () => {
  await withDelivered(async (harness, command, answer) => {
    for (
      const members of [
        { resp_code: "200" },
        { resp_code: 200.5 },
        { resp_type: 1 },
        { resp_headers: [] },
        { resp_headers: { a: "b" } },
        { resp_headers: { a: [1] } },
        { channel: 1 },
        { resp_json: undefined },
        { resp_json: null },
        { resp_type: "jsonrpc_notify", resp_json: undefined },
      ]
    ) {
      const reply = await harness.respond(command, members);
      assert.deepEqual(outcome(reply), [400, "invalid_response_payload"], JSON.stringify(members));
    }
    assert.equal(harness.counts().inFlight, 1);
    assert.equal((await harness.respond(command)).status, 200);
    assert.equal((await answer).status, 200);
  });
});

Deno.test("members that the published contract does not know are no error, resp_timing among them [P-168, A-65, A-66, A-200]", async () => {
  for (
    const timing of [
      '{"version":1,"transport":"stdio","target_elapsed_us":12}',
      '{"version":2,"transport":"x","target_elapsed_us":1e999}',
      '"nonsense"',
      "null",
    ]
  ) {
    await withDelivered(async (harness, command, answer) => {
      const body = responseBody(command).replace(
        /}$/,
        `,"resp_timing":${timing},"future":{"n":123456789012345678901234567890}}`,
      );
      assert.equal((await harness.post(body, command.shard_token)).status, 200);
      assert.equal((await answer).status, 200);
    });
  }
});

Deno.test("headers that the published contract does not know are no error on responses [A-2, A-20]", async () => {
  await withDelivered(async (harness, command) => {
    const { status } = await harness.post(responseBody(command), command.shard_token, {
      headers: {
        "X-Tunnel-Client-Capabilities": "wrong-cluster-v1",
        "X-Tunnel-Client-Wire-Protocol-Version": "2026-08-25",
        "X-Client-Request-Id": "from-connector",
        "X-Unknown": "1",
      },
    });
    assert.equal(status, 200);
  });
});

Deno.test("resp_type may be missing and unknown types end the command too [P-168]", async () => {
  for (const resp_type of [undefined, "some_future_response"]) {
    await withDelivered(async (harness, command, answer) => {
      assert.equal((await harness.respond(command, { resp_type })).status, 200);
      assert.deepEqual(await (await answer).clone().json(), { jsonrpc: "2.0", id: 1, result: {} });
      assert.equal(harness.counts().inFlight, 0);
    });
  }
});

Deno.test("a second terminal response gets 404 and changes nothing [P-168]", async () => {
  await withDelivered(async (harness, command, answer) => {
    assert.equal((await harness.respond(command)).status, 200);
    const second = await harness.respond(command, { resp_json: { jsonrpc: "2.0", id: 1, result: "second" } });
    assert.deepEqual(outcome(second), [404, "pending_request_not_found"]);
    const notification = await harness.respond(command, { resp_type: "jsonrpc_notify" });
    assert.deepEqual(outcome(notification), [404, "pending_request_not_found"]);
    assert.deepEqual(await (await answer).clone().json(), { jsonrpc: "2.0", id: 1, result: {} });
    assert.deepEqual([harness.counts().answered, harness.counts().late], [1, 2]);
  });
});

Deno.test("of many terminal responses at once exactly one is accepted [P-168]", async () => {
  await withDelivered(async (harness, command, answer) => {
    const replies = await Promise.all(
      Array.from(
        { length: 10 },
        (_, at) => harness.respond(command, { resp_json: { jsonrpc: "2.0", id: 1, result: at } }),
      ),
    );
    const accepted = replies.flatMap(({ status }, at) => status === 200 ? [at] : []);
    assert.equal(accepted.length, 1);
    assert.ok(replies.every(({ status }) => status === 200 || status === 404));
    assert.equal((await (await answer).clone().json()).result, accepted[0]);
  });
});

Deno.test("the value of resp_json reaches the connector byte for byte [P-129, P-193]", async () => {
  const value = '{ "jsonrpc":"2.0",\n "id":1,"result":{"n":12345678901234567890123456,"f":1.0e+2,' +
    '"s":"\\"resp_json\\":{}\\\\","u":"ü😀\\ud83d","a":1,"a":2} }';
  await withDelivered(async (harness, command, answer) => {
    const body =
      `{"resp_code":200, "resp_json" :\t${value} ,"request_id":"${command.request_id}","resp_type":"jsonrpc_response"}`;
    assert.equal((await harness.post(body, command.shard_token)).status, 200);
    assert.equal(await (await answer).clone().text(), value);
  });
});

Deno.test("notifications for a connector without stream are accepted and left out [P-169, P-173]", async () => {
  await withDelivered(async (harness, command, answer) => {
    for (let at = 0; at < 40; at++) {
      const note = { jsonrpc: "2.0", method: "notifications/progress", params: { progress: at } };
      assert.equal(
        (await harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: note })).status,
        200,
      );
    }
    assert.equal(harness.counts().notificationsSkipped, 40);
    assert.equal((await harness.respond(command)).status, 200);
    assert.equal((await answer).headers.get("content-type"), "application/json");
  });
});

/** A connector that takes a stream and reads nothing of it for now. */
async function slowConnector(harness: RelayHarness): Promise<RawConnection> {
  const raw = await RawConnection.to(
    harness.port,
    `POST /v1/mcp/${TUNNEL} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n` +
      `Content-Length: ${request().length}\r\n\r\n${request()}`,
  );
  return raw;
}

/** A notification that is as large as the relay's buffer for a stream. */
function largeNote(number: number): Record<string, unknown> {
  const params = { number, filler: "x".repeat(256 * 1024) };
  return {
    resp_type: "jsonrpc_notify",
    resp_json: { jsonrpc: "2.0", method: "notifications/message", params },
  };
}

/** Posts large notifications until the relay does not answer one of them for a while. */
async function fillStream(
  harness: RelayHarness,
  command: PolledCommand,
): Promise<{ sent: number; held: Promise<unknown> }> {
  for (let sent = 1;; sent++) {
    const held = harness.respond(command, largeNote(sent));
    const overdue = Promise.withResolvers<"held">();
    const timer = setTimeout(() => overdue.resolve("held"), 150);
    const result = await Promise.race([held, overdue.promise]);
    clearTimeout(timer);
    if (result === "held") return { sent, held };
    assert.ok(sent < 400, "the relay never pushed back");
  }
}

/** Numbers of the notifications in a stream, and what came last. */
function eventsOf(text: string): Record<string, unknown>[] {
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  const unchunked: string[] = [];
  for (let at = 0; at < body.length;) {
    const lineEnd = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.slice(at, lineEnd), 16);
    unchunked.push(body.slice(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  return unchunked.join("").split("\n\n").filter((event) => event !== "")
    .map((event) => JSON.parse(event.slice("data: ".length)));
}

Deno.test("an agent's notification POST is held while the connector does not read, and nothing is lost [P-169]", async () => {
  await RelayHarness.with({ notificationHoldMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const connector = await slowConnector(harness);
    const command = await harness.nextCommand();
    const { sent, held } = await fillStream(harness, command);
    const reading = connector.readUntil("0\r\n\r\n");
    await held;
    assert.equal((await harness.respond(command)).status, 200);
    const events = eventsOf(await reading);
    connector.close();
    const numbers = events.slice(0, -1).map((event) => (event["params"] as { number: number }).number);
    assert.deepEqual(numbers, Array.from({ length: sent }, (_, at) => at + 1), "in order, all of them");
    assert.deepEqual(events.at(-1), { jsonrpc: "2.0", id: 1, result: {} });
    assert.deepEqual([harness.counts().notificationsSent, harness.counts().notificationsDropped], [sent, 0]);
  });
});

Deno.test("the terminal response gets through a full stream, behind what was held [P-169]", async () => {
  await RelayHarness.with({ notificationHoldMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const connector = await slowConnector(harness);
    const command = await harness.nextCommand();
    const { sent, held } = await fillStream(harness, command);
    assert.equal((await harness.respond(command)).status, 200);
    await held;
    const events = eventsOf(await connector.readUntil("0\r\n\r\n"));
    connector.close();
    assert.equal(events.length, sent + 1);
    assert.deepEqual(events.at(-1), { jsonrpc: "2.0", id: 1, result: {} });
  });
});

Deno.test("a notification that finds no room in time is dropped, the terminal response is not [P-169]", async () => {
  await RelayHarness.with({ notificationHoldMs: 100 }, async (harness) => {
    await harness.introduceAgent();
    const connector = await slowConnector(harness);
    const command = await harness.nextCommand();
    let sent = 0;
    while (harness.counts().notificationsDropped === 0) {
      assert.equal((await harness.respond(command, largeNote(++sent))).status, 200);
      assert.ok(sent < 400, "nothing was ever dropped");
    }
    assert.equal((await harness.respond(command)).status, 200);
    const events = eventsOf(await connector.readUntil("0\r\n\r\n"));
    connector.close();
    assert.equal(events.length, sent, "all but the dropped one, and the answer");
    assert.deepEqual(events.at(-1), { jsonrpc: "2.0", id: 1, result: {} });
    const { notificationsSent, notificationsDropped, notificationsHeld } = harness.counts();
    assert.deepEqual([notificationsSent, notificationsDropped, notificationsHeld], [sent - 1, 1, 0]);
  });
});

Deno.test("at most 16 notifications are held for one connector [P-169]", async () => {
  await RelayHarness.with({ notificationHoldMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const connector = await slowConnector(harness);
    const command = await harness.nextCommand();
    const posted: Promise<unknown>[] = [];
    while (harness.counts().notificationsDropped === 0) {
      const taken = () => {
        const { notificationsSent, notificationsHeld, notificationsDropped } = harness.counts();
        assert.ok(notificationsHeld <= 16);
        return notificationsSent + notificationsHeld + notificationsDropped;
      };
      posted.push(harness.respond(command, largeNote(posted.length)));
      await until(() => taken() === posted.length, "notification taken");
      assert.ok(posted.length < 400, "nothing was ever dropped");
    }
    assert.equal((await harness.respond(command)).status, 200);
    await Promise.all(posted);
    const events = eventsOf(await connector.readUntil("0\r\n\r\n"));
    connector.close();
    assert.equal(events.length, posted.length);
  });
});

Deno.test("a held notification POST is let go when the connector hangs up [P-169, P-172]", async () => {
  await RelayHarness.with({ notificationHoldMs: 60_000 }, async (harness) => {
    await harness.introduceAgent();
    const connector = await slowConnector(harness);
    const command = await harness.nextCommand();
    const { held } = await fillStream(harness, command);
    connector.close();
    await held;
    await until(() => harness.counts().abandoned === 1, "hang-up seen");
    assert.deepEqual(outcome(await harness.respond(command)), [404, "pending_request_not_found"]);
  });
});

Deno.test("errors of the response route are told in the published envelope [P-137]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const response = await fetch(`${harness.url}/v1/tunnels/${TUNNEL}/response`, {
      method: "POST",
      headers: { Authorization: `Bearer ${KEY}`, "X-Tunnel-Shard-Token": "shard-x" },
      body: '{"request_id":"x","resp_code":200,"resp_json":{}}',
    });
    assert.equal(response.status, 404);
    assert.deepEqual(Object.keys(await errorOf(response)), ["message", "type", "param", "code"]);
  });
});
