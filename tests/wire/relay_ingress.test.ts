import assert from "node:assert/strict";
import {
  callText,
  errorOf,
  OTHER_TUNNEL,
  pollHead,
  RawConnection,
  RelayHarness,
  request,
  TUNNEL,
  until,
} from "../support/relay_harness.ts";

const EVENTS = { Accept: "application/json, text/event-stream" };
const NOTE = { jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } };

Deno.test("the ingress takes requests, notifications and responses, and refuses what agents would drop [P-170]", async () => {
  await RelayHarness.with({}, async (harness) => {
    for (
      const body of [
        "",
        "   ",
        "{",
        "null",
        "1",
        '"text"',
        "[]",
        `[${request()}]`,
        "{}",
        '{"jsonrpc":"1.0","id":1,"method":"m"}',
        '{"id":1,"method":"m"}',
        '{"jsonrpc":"2.0","id":true,"method":"m"}',
        '{"jsonrpc":"2.0","id":{},"method":"m"}',
        '{"jsonrpc":"2.0","id":[1],"method":"m"}',
        '{"jsonrpc":"2.0","id":1,"method":""}',
        '{"jsonrpc":"2.0","id":1,"method":7}',
        '{"jsonrpc":"2.0","id":1}',
        '{"jsonrpc":"2.0","result":{}}',
        '{"jsonrpc":"2.0","id":null,"error":{}}',
        '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
      ]
    ) {
      const response = await harness.call(body);
      assert.equal(response.status, 400, body);
      assert.equal((await errorOf(response)).code, "invalid_json_payload", body);
    }
    const notText = await harness.call(new Uint8Array([0x22, 0xc3, 0x28, 0x22]));
    assert.deepEqual([notText.status, (await errorOf(notText)).code], [400, "invalid_json_payload"]);
    assert.equal(harness.counts().received, 0);
    await harness.introduceAgent();
    for (
      const body of [
        request(),
        request("text"),
        '{"jsonrpc":"2.0","id":1.5,"method":"m"}',
        '{"jsonrpc":"2.0","method":"notifications/initialized"}',
        '{"jsonrpc":"2.0","id":null,"method":"m"}',
        '{"jsonrpc":"2.0","id":1,"result":{}}',
        '{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}}',
      ]
    ) {
      const answer = harness.call(body);
      const command = await harness.nextCommand();
      assert.deepEqual(command.jsonrpc, JSON.parse(body));
      await harness.respond(command, { resp_type: "notify_ack", resp_code: 202, resp_json: undefined });
      const response = await answer;
      assert.deepEqual([response.status, await response.text()], [202, ""]);
    }
  });
});

Deno.test("the channel comes from the last path segment, in canonical form, or is main [P-170]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    for (
      const [segment, channel] of [[undefined, "main"], ["extra", "extra"], ["Extra", "extra"], [
        "%20Harpoon%20",
        "harpoon",
      ]] as const
    ) {
      const answer = harness.call(request(), segment === undefined ? {} : { channel: segment });
      const command = await harness.nextCommand();
      assert.equal(command.channel, channel);
      await harness.respond(command);
      await (await answer).body?.cancel();
    }
  });
});

Deno.test("all headers but the blocked, the nominated and the empty ones are forwarded [P-171]", async () => {
  const blocked = [
    "Accept-Encoding",
    "CF-Connecting-IP",
    "Cookie",
    "Content-Type",
    "Forwarded",
    "Keep-Alive",
    "OpenAI-Organization",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "True-Client-IP",
    "User-Agent",
    "Via",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Custom-CF-Witness-Actor",
    "X-Custom-CF-Witness-Authorization",
    "X-Envoy-External-Address",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-OAI-BRTE-Redeemable-Token",
    "X-OpenAI-Actor-Authorization",
    "X-OpenAI-Authorization",
    "X-OpenAI-Authorization-Error",
    "X-OpenAI-BRTE-Redeemable-Token",
    "X-OpenAI-Internal-Caller",
    "X-OpenAI-Request-Path",
    "X-OpenAI-Skip-Auth",
    "X-Original-Forwarded-For",
    "X-Real-IP",
    "X-Tunnel-Traffic-Source",
    "X-Tunnel-Connector-Key",
  ];
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const head = [
      ...blocked.map((name) => `${name}: blocked`),
      "Connection: keep-alive, X-Nominated",
      "CONNECTION: X-Also-Nominated",
      "X-Nominated: 1",
      "x-also-nominated: 1",
      "X-Empty:",
      "Authorization: Bearer for-the-target",
      "Accept: application/json, text/event-stream",
      "Mcp-Session-Id: s-1",
      "MCP-Protocol-Version: 2025-06-18",
      "Mcp-Param-Region: eu",
      "Last-Event-ID: 7",
      "X-Request-Id: r-1",
      'X-Custom: a "quoted" \\ value',
      "X-Twice: one",
      "X-Twice: two",
    ].map((line) => `${line}\r\n`).join("");
    const caller = await RawConnection.to(harness.port, callText(request(), head));
    const command = await harness.nextCommand();
    assert.deepEqual(command.headers, {
      "accept": ["application/json, text/event-stream"],
      "authorization": ["Bearer for-the-target"],
      "last-event-id": ["7"],
      "mcp-param-region": ["eu"],
      "mcp-protocol-version": ["2025-06-18"],
      "mcp-session-id": ["s-1"],
      "x-custom": ['a "quoted" \\ value'],
      "x-request-id": ["r-1"],
      "x-twice": ["one", "two"],
    });
    await harness.respond(command);
    await caller.readUntil("}}");
    caller.close();
  });
});

Deno.test("a connector waits no longer than its limit, and a late answer gets 404 [P-172]", async () => {
  await RelayHarness.with({ responseTimeoutMs: 100 }, async (harness) => {
    await harness.introduceAgent();
    const neverTaken = await harness.call(request());
    assert.equal(neverTaken.status, 504);
    const untaken = await errorOf(neverTaken);
    assert.deepEqual([untaken.code, untaken.type], ["tunnel_response_timeout", "server_error"]);
    assert.match(untaken.message, /No tunnel client took/);
    assert.deepEqual([harness.counts().queued, harness.counts().timedOut], [0, 1]);

    const answer = harness.call(request());
    const command = await harness.nextCommand();
    const response = await answer;
    assert.equal(response.status, 504);
    assert.equal(response.headers.get("x-request-id"), command.request_id);
    assert.match((await errorOf(response)).message, /did not answer/);
    assert.equal((await harness.respond(command)).status, 404);
    assert.deepEqual([harness.counts().timedOut, harness.counts().late, harness.counts().inFlight], [
      2,
      1,
      0,
    ]);
    assert.ok(
      harness.records.some(({ event, fields }) =>
        event === "command timed out" && fields["delivered"] === true
      ),
    );
  });
});

Deno.test("deadlines are kept one by one, in whatever order the calls end [P-172]", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300 }, async (harness) => {
    await harness.introduceAgent();
    const statuses: Promise<number>[] = [];
    const taken = [];
    for (let id = 0; id < 6; id++) {
      statuses.push(
        harness.call(request(id)).then(async (response) => (await response.body?.cancel(), response.status)),
      );
      taken.push(await harness.nextCommand());
    }
    for (const at of [4, 0, 2]) await harness.respond(taken[at]!);
    assert.deepEqual(await Promise.all(statuses), [200, 504, 200, 504, 200, 504]);
    assert.deepEqual([harness.counts().answered, harness.counts().timedOut], [3, 3]);
  });
});

Deno.test("a connector that hangs up before delivery withdraws its command [P-172]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const caller = await RawConnection.to(harness.port, callText(request()));
    await until(() => harness.counts().queued === 1, "queued");
    caller.close();
    await until(() => harness.counts().withdrawn === 1, "withdrawn");
    assert.equal((await harness.poll()).status, 204);
    assert.deepEqual([harness.counts().queued, harness.counts().delivered], [0, 0]);
  });
});

Deno.test("a connector that hangs up after delivery leaves an answer that gets 404 [P-172]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const caller = await RawConnection.to(harness.port, callText(request()));
    const command = await harness.nextCommand();
    caller.close();
    await until(() => harness.counts().abandoned === 1, "abandoned");
    assert.equal((await harness.respond(command)).status, 404);
    assert.deepEqual([harness.counts().inFlight, harness.counts().answered], [0, 0]);
  });
});

Deno.test("a connector that takes no stream gets the terminal answer only [P-173]", async () => {
  for (const accept of ["application/json", "*/*", "text/*", "text/event-streams"]) {
    await RelayHarness.with({}, async (harness) => {
      await harness.introduceAgent();
      const answer = harness.call(request(), { headers: { Accept: accept } });
      const command = await harness.nextCommand();
      await harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: NOTE });
      await harness.respond(command, { resp_headers: { "Content-Type": ["text/event-stream"] } });
      const response = await answer;
      assert.equal(
        response.headers.get("content-type"),
        "application/json",
        "what is no stream is not called one",
      );
      assert.deepEqual(await response.json(), { jsonrpc: "2.0", id: 1, result: {} });
    });
  }
});

Deno.test("a terminal answer becomes a stream only when its own type is one and the connector takes it [P-173, P-174]", async () => {
  const answerFor = async (
    accept: string,
    respHeaders: Record<string, string[]>,
  ): Promise<[string, string]> => {
    let result: [string, string] = ["", ""];
    await RelayHarness.with({}, async (harness) => {
      await harness.introduceAgent();
      const answer = harness.call(request(), { headers: { Accept: accept } });
      await harness.respond(await harness.nextCommand(), { resp_headers: respHeaders, resp_code: 201 });
      const response = await answer;
      result = [`${response.status} ${response.headers.get("content-type")}`, await response.text()];
    });
    return result;
  };
  const json = '{"jsonrpc":"2.0","id":1,"result":{}}';
  const stream = ["200 text/event-stream", `data: ${json}\n\n`];
  assert.deepEqual(
    await answerFor("Text/Event-Stream;q=0.5", { "content-type": ["text/event-stream; charset=utf-8"] }),
    stream,
  );
  assert.deepEqual(
    await answerFor("application/json , text/event-stream", { "CONTENT-TYPE": ["TEXT/EVENT-STREAM"] }),
    stream,
  );
  assert.deepEqual(await answerFor("text/event-stream", { "Content-Type": ["application/json"] }), [
    "201 application/json",
    json,
  ]);
  assert.deepEqual(
    await answerFor("text/event-stream", {
      "Content-Type": ["text/event-stream"],
      Connection: ["Content-Type"],
    }),
    ["201 application/json", json],
    "a nominated content type does not count",
  );
});

Deno.test("a stream carries every event as one data line, in order, as soon as it comes, with the first event's headers [P-174]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request(), { headers: EVENTS });
    const command = await harness.nextCommand();
    const note = (number: number) =>
      `{"request_id":"${command.request_id}","resp_type":"jsonrpc_notify","resp_code":203,"resp_headers":` +
      `{"Mcp-Session-Id":["first-${number}"],"Content-Type":["application/json"],"Cache-Control":["max-age=1"]},` +
      `"resp_json":{"jsonrpc":"2.0",\r\n"method":"n",\n"params":{"number":${number},"text":"a\\nb"}}}`;
    assert.equal((await harness.post(note(1), command.shard_token)).status, 200);
    const response = await answer;
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.equal(response.headers.get("cache-control"), "no-cache");
    assert.equal(response.headers.get("mcp-session-id"), "first-1");
    assert.equal(response.headers.get("x-request-id"), command.request_id);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const event = (number: number) =>
      `data: {"jsonrpc":"2.0",  "method":"n", "params":{"number":${number},"text":"a\\nb"}}\n\n`;
    assert.equal((await reader.read()).value, event(1));
    for (const number of [2, 3]) {
      assert.equal((await harness.post(note(number), command.shard_token)).status, 200);
      assert.equal((await reader.read()).value, event(number), "flushed before the next one is posted");
    }
    await harness.respond(command, { resp_code: 500, resp_headers: {} });
    assert.equal((await reader.read()).value, 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
    assert.equal((await reader.read()).done, true);
  });
});

Deno.test("a stream ends without a last event when the wait is over [P-174]", async () => {
  await RelayHarness.with({ responseTimeoutMs: 300 }, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request(), { headers: EVENTS });
    const command = await harness.nextCommand();
    await harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: NOTE });
    assert.equal(await (await answer).text(), `data: ${JSON.stringify(NOTE)}\n\n`);
    assert.equal((await harness.respond(command)).status, 404);
    assert.equal(harness.counts().timedOut, 1);
  });
});

Deno.test("a stream that ends with an acknowledgement carries no event for it [P-174, P-175]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request(), { headers: EVENTS });
    const command = await harness.nextCommand();
    await harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: NOTE });
    await harness.respond(command, { resp_type: "notify_ack", resp_json: undefined, resp_code: 202 });
    assert.equal(await (await answer).text(), `data: ${JSON.stringify(NOTE)}\n\n`);
  });
});

Deno.test("a connector that leaves its stream ends the command [P-172, P-174]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const hangUp = new AbortController();
    const answer = harness.call(request(), { headers: EVENTS, signal: hangUp.signal });
    const command = await harness.nextCommand();
    await harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: NOTE });
    const response = await answer;
    hangUp.abort();
    await assert.rejects(response.text());
    await until(() => harness.counts().abandoned === 1, "abandoned");
    assert.equal((await harness.respond(command)).status, 404);
  });
});

Deno.test("a plain answer has the target's status and headers without those of one hop [P-175]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const caller = await RawConnection.to(harness.port, callText(request(), "Connection: close\r\n"));
    await harness.respond(await harness.nextCommand(), {
      resp_code: 418,
      resp_headers: {
        "Mcp-Session-Id": ["s-1"],
        "X-Kept": ["one", "two"],
        "X-Nominated": ["1"],
        "connection": ["close, x-nominated"],
        "Content-Length": ["7"],
        "Date": ["yesterday"],
        "Keep-Alive": ["1"],
        "Proxy-Authenticate": ["1"],
        "Proxy-Authorization": ["1"],
        "Trailer": ["x"],
        "Transfer-Encoding": ["chunked"],
        "Upgrade": ["h2c"],
        "X-Request-Id": ["of-the-target"],
        "X-Empty": ["", "kept"],
        "bad name": ["1"],
        "X-Split": ["a\r\nInjected: 1"],
      },
    });
    const text = await caller.readUntil();
    caller.close();
    const [statusLine, ...lines] = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
    assert.match(statusLine!, /^HTTP\/1\.1 418 /);
    const names = lines.map((line) => line.toLowerCase());
    assert.deepEqual(
      names.filter((line) => line.startsWith("x-kept")),
      ["x-kept: one", "x-kept: two"],
      "repeated values stay apart",
    );
    assert.ok(names.includes("mcp-session-id: s-1"));
    assert.ok(names.includes("x-empty: kept"));
    assert.ok(names.includes("content-type: application/json"), "added because there was a body and no type");
    assert.ok(names.includes(`content-length: ${text.slice(text.indexOf("\r\n\r\n") + 4).length}`));
    for (
      const gone of [
        "x-nominated",
        "keep-alive",
        "proxy-",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "injected",
        "bad name",
        "x-split",
        "x-request-id: of-",
      ]
    ) {
      assert.ok(!names.some((line) => line.startsWith(gone)), gone);
    }
    assert.ok(!names.includes("date: yesterday"));
  });
});

Deno.test("a status that connectors do not know becomes one that they do [P-175]", async () => {
  const mapped = [
    [0, 200],
    [undefined, 200],
    [200, 200],
    [202, 202],
    [299, 200],
    [101, 502],
    [199, 502],
    [404, 404],
    [429, 429],
    [499, 502],
    [599, 502],
    [600, 502],
    [-1, 502],
    [503, 503],
  ] as const;
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    for (const [resp_code, status] of mapped) {
      const answer = harness.call(request());
      await harness.respond(await harness.nextCommand(), { resp_code });
      const response = await answer;
      await response.body?.cancel();
      assert.equal(response.status, status, String(resp_code));
    }
  });
});

Deno.test("acknowledgements and statuses without content have no body, whatever the agent posts [P-175]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    for (
      const members of [{ resp_type: "notify_ack", resp_code: 202 }, {
        resp_type: "jsonrpc_response",
        resp_code: 204,
      }, { resp_code: 304 }]
    ) {
      const answer = harness.call(request());
      await harness.respond(await harness.nextCommand(), members);
      const response = await answer;
      assert.deepEqual([response.status, await response.text()], [members.resp_code, ""]);
    }
  });
});

Deno.test("WWW-Authenticate points to the relay's own metadata, all else in it stays [P-176]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const metadata = `${harness.url}/.well-known/oauth-protected-resource/v1/mcp/${TUNNEL}`;
    const rewritten = async (values: string[]) => {
      const answer = harness.call(request());
      await harness.respond(await harness.nextCommand(), {
        resp_code: 401,
        resp_headers: { "Www-Authenticate": values },
      });
      const response = await answer;
      await response.body?.cancel();
      assert.equal(response.status, 401);
      return response.headers.get("www-authenticate");
    };
    assert.equal(
      await rewritten(['Bearer realm="x", resource_metadata="http://10.0.0.1/.well-known/y", scope="a b"']),
      `Bearer realm="x", resource_metadata="${metadata}", scope="a b"`,
    );
    assert.equal(
      await rewritten(["Bearer resource_metadata=http://10.0.0.1/y,error=invalid_token", "Basic realm=z"]),
      `Bearer resource_metadata="${metadata}",error=invalid_token, Basic realm=z`,
    );
    assert.equal(await rewritten(["Bearer"]), "Bearer");
  });
});

Deno.test("rewritten URLs have the configured public base where there is one [P-176, P-180]", async () => {
  await RelayHarness.with({ publicBaseUrl: "https://relay.example/t/" }, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request());
    await harness.respond(await harness.nextCommand(), {
      resp_headers: { "WWW-Authenticate": ["Bearer resource_metadata=x"] },
    });
    const response = await answer;
    await response.body?.cancel();
    assert.equal(
      response.headers.get("www-authenticate"),
      `Bearer resource_metadata="https://relay.example/t/.well-known/oauth-protected-resource/v1/mcp/${TUNNEL}"`,
    );
  });
});

Deno.test("DELETE ends a session on the addressed channel and needs its id [P-178]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const without = await harness.call(undefined, { method: "DELETE" });
    const { code, param } = await errorOf(without);
    assert.deepEqual([without.status, code, param], [400, "missing_mcp_session_id", "Mcp-Session-Id"]);
    await harness.introduceAgent();
    for (const [channel, status] of [["main", 204], ["extra", 405]] as const) {
      const answer = harness.call(undefined, {
        method: "DELETE",
        channel,
        headers: {
          "Mcp-Session-Id": "s-1",
          "Mcp-Protocol-Version": "2025-06-18",
          Authorization: "Bearer t",
          Cookie: "c",
        },
      });
      const command = await harness.nextCommand();
      assert.deepEqual([command.command_type, command.channel], ["session_termination", channel]);
      assert.ok(!("jsonrpc" in command));
      assert.deepEqual(command.headers["mcp-session-id"], ["s-1"]);
      assert.deepEqual(command.headers["authorization"], ["Bearer t"]);
      assert.ok(!("cookie" in command.headers));
      await harness.respond(command, {
        resp_type: "session_termination_response",
        resp_code: status,
        resp_headers: { "Mcp-Session-Id": ["s-1"] },
      });
      const response = await answer;
      assert.deepEqual([response.status, await response.text()], [status, ""]);
      assert.equal(response.headers.get("mcp-session-id"), "s-1");
    }
  });
});

Deno.test("a tunnel that was never polled is refused at once with tunnel_client_not_seen [P-179]", async () => {
  await RelayHarness.with({}, async (harness) => {
    for (
      const response of [
        await harness.call(request()),
        await harness.call(undefined, { method: "DELETE", headers: { "Mcp-Session-Id": "s" } }),
        await fetch(`${harness.url}/.well-known/oauth-protected-resource/v1/mcp/${TUNNEL}`),
      ]
    ) {
      assert.equal(response.status, 503);
      assert.equal(response.headers.get("retry-after"), "5");
      assert.equal((await errorOf(response)).code, "tunnel_client_not_seen");
    }
    assert.deepEqual([harness.counts().refused, harness.counts().received], [3, 0]);
    await harness.introduceAgent();
    const other = await harness.call(request(), { tunnel: OTHER_TUNNEL });
    assert.equal((await errorOf(other)).code, "tunnel_client_not_seen", "each tunnel has its own agents");
    const events = harness.records.filter(({ event }) => event === "connector requests are refused");
    assert.equal(events.length, 2, "once per tunnel, not once per request");
  });
});

Deno.test("an agent that stopped polling is gone after its window: tunnel_client_not_connected at once [P-179]", async () => {
  await RelayHarness.with({ lastSeenWindowMs: 50, responseTimeoutMs: 20_000 }, async (harness) => {
    await harness.introduceAgent();
    await new Promise((resolve) => setTimeout(resolve, 60));
    const started = performance.now();
    const response = await harness.call(request());
    assert.ok(performance.now() - started < 5_000);
    const { code } = await errorOf(response);
    assert.deepEqual([response.status, code], [503, "tunnel_client_not_connected"]);
  });
});

Deno.test("an agent counts as connected while its poll is open or it works on a command [P-179]", async () => {
  await RelayHarness.with({ lastSeenWindowMs: 1 }, async (harness) => {
    const poll = harness.poll({ timeoutMs: 60_000, limit: 1 });
    await until(() => harness.counts().openPolls === 1, "poll open");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const first = harness.call(request(1));
    const { commands } = await poll;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = harness.call(request(2));
    await until(() => harness.counts().queued === 1, "second call queued although nobody polls");
    await harness.respond(commands[0]!);
    await harness.respond(await harness.nextCommand());
    for (const answer of [first, second]) {
      assert.equal((await answer).status, 200);
      await (await answer).body?.cancel();
    }
  });
});

Deno.test("a full queue is refused at once with tunnel_queue_full [P-179]", async () => {
  for (const options of [{ maxQueuedCommands: 2 }, { maxQueuedSize: 500 }, { maxPendingCommands: 2 }]) {
    await RelayHarness.with(options, async (harness) => {
      await harness.introduceAgent();
      const calls = [harness.call(request(1)), harness.call(request(2))];
      await until(() => harness.counts().queued === 2, "2 queued");
      const refused = await harness.call(request(3));
      assert.deepEqual([refused.status, (await errorOf(refused)).code], [503, "tunnel_queue_full"]);
      assert.equal(refused.headers.get("retry-after"), "1");
      for (const command of (await harness.poll()).commands) await harness.respond(command);
      for (const call of calls) await (await call).body?.cancel();
      const answer = harness.call(request(4));
      await harness.respond(await harness.nextCommand());
      assert.equal((await answer).status, 200, "room again");
      await (await answer).body?.cancel();
    });
  }
});

Deno.test("a connector body above the limit is refused with 413 [P-179]", async () => {
  await RelayHarness.with({ maxRequestBytes: 200 }, async (harness) => {
    await harness.introduceAgent();
    const long = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "m", params: "x".repeat(200) });
    for (const body of [long, new Blob([long]).stream()]) {
      const response = await harness.call(body);
      assert.deepEqual([response.status, (await errorOf(response)).code], [413, "request_body_too_large"]);
    }
    const answer = harness.call(new Blob([request()]).stream());
    await harness.respond(await harness.nextCommand());
    assert.equal((await answer).status, 200);
    await (await answer).body?.cancel();
  });
});

Deno.test("a connector that breaks off in its body leaves nothing behind [P-172]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const caller = await RawConnection.to(harness.port, callText(request()).slice(0, -5));
    caller.close();
    const answer = harness.call(request(2));
    const command = await harness.nextCommand();
    assert.equal(command.jsonrpc?.["id"], 2);
    await harness.respond(command);
    await (await answer).body?.cancel();
    assert.equal(harness.counts().received, 1);
  });
});

Deno.test("a tunnel with connector keys refuses connectors without one, and takes it in either place", async () => {
  const tunnels = [{ id: TUNNEL, apiKeys: ["k"], connectorKeys: ["c-key-1", "c-key-2"] }];
  await RelayHarness.with({ tunnels }, async (harness) => {
    await harness.poll({ key: "k" });
    const bad: Record<string, string>[] = [
      {},
      { Authorization: "Bearer target-token" },
      { Authorization: "c-key-1" },
      { Authorization: "Bearer k" },
      { "X-Tunnel-Connector-Key": "wrong" },
      { "X-Tunnel-Connector-Key": "wrong", Authorization: "Bearer c-key-1" },
    ];
    for (const headers of bad) {
      const response = await harness.call(request(), { headers });
      assert.deepEqual([response.status, (await errorOf(response)).code], [401, "invalid_connector_key"]);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
    }
    const forwarded = async (headers: Record<string, string>) => {
      const answer = harness.call(request(), { headers });
      const command = await harness.nextCommand({ key: "k" });
      await harness.post(
        `{"request_id":"${command.request_id}","resp_code":200,"resp_json":{}}`,
        command.shard_token,
        { key: "k" },
      );
      assert.equal((await answer).status, 200);
      await (await answer).body?.cancel();
      assert.ok(!("x-tunnel-connector-key" in command.headers));
      return command.headers["authorization"];
    };
    assert.equal(
      await forwarded({ Authorization: "Bearer c-key-2" }),
      undefined,
      "the relay's key stays here",
    );
    assert.deepEqual(
      await forwarded({ "X-Tunnel-Connector-Key": "c-key-1", Authorization: "Bearer target" }),
      ["Bearer target"],
    );
  });
});

Deno.test("on an open tunnel Authorization always belongs to the target", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request(), { headers: { Authorization: "Bearer target" } });
    const command = await harness.nextCommand();
    assert.deepEqual(command.headers["authorization"], ["Bearer target"]);
    await harness.respond(command);
    await (await answer).body?.cancel();
  });
});

Deno.test("answers of 20 MB pass unchanged, and so do requests", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const text = "x√".repeat(5 << 20);
    const answer = harness.call(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "m", params: { text } }));
    const command = await harness.nextCommand();
    assert.ok((command.jsonrpc?.["params"] as { text: string }).text === text);
    await harness.respond(command, { resp_json: { jsonrpc: "2.0", id: 1, result: { text } } });
    const got = await (await answer).json() as { result: { text: string } };
    assert.ok(got.result.text === text);
  });
});

Deno.test("two agents share a tunnel: every call is executed once and answered [P-150]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const executed: number[] = [];
    let done = false;
    const agent = async () => {
      while (!done) {
        for (const command of (await harness.poll({ limit: 3, timeoutMs: 50 })).commands) {
          executed.push(command.jsonrpc?.["id"] as number);
          assert.equal((await harness.respond(command)).status, 200);
        }
      }
    };
    const agents = [agent(), agent()];
    const ids = Array.from({ length: 200 }, (_, id) => id);
    const statuses = await Promise.all(ids.map(async (id) => {
      const response = await harness.call(request(id));
      assert.equal((await response.json()).id, id);
      return response.status;
    }));
    done = true;
    await Promise.all(agents);
    assert.ok(statuses.every((status) => status === 200));
    assert.deepEqual(executed.toSorted((a, b) => a - b), ids);
    const { received, delivered, answered, queued, inFlight } = harness.counts();
    assert.deepEqual([received, delivered, answered, queued, inFlight], [200, 200, 200, 0, 0]);
  });
});

Deno.test("a storm of calls, hang-ups and dead pollers leaves nothing behind, and the counts add up", async () => {
  await RelayHarness.with({ responseTimeoutMs: 500 }, async (harness) => {
    await harness.introduceAgent();
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    let done = false;
    const agent = async () => {
      while (!done) {
        for (const command of (await harness.poll({ limit: 5, timeoutMs: 20 })).commands) {
          const { status } = await harness.respond(command);
          assert.ok(status === 200 || status === 404);
        }
      }
    };
    const dyingPoller = async () => {
      while (!done) {
        const raw = await RawConnection.to(harness.port, pollHead(5, 20));
        await until(() => harness.counts().openPolls > 0 || done, "some poll open");
        raw.close();
      }
    };
    const connector = async (start: number) => {
      for (let id = start; id < start + 20; id++) {
        const caller = await RawConnection.to(harness.port, callText(request(id), "Connection: close\r\n"));
        if (random() < 0.3) caller.close();
        else {
          assert.match(await caller.readUntil(), /^HTTP\/1\.1 (200|504) /);
          caller.close();
        }
      }
    };
    const workers = [agent(), agent(), dyingPoller()];
    await Promise.all([0, 1, 2, 3, 4].map((at) => connector(at * 100)));
    done = true;
    await Promise.all(workers);
    await until(() => harness.counts().queued + harness.counts().inFlight === 0, "all ended");
    const { received, answered, timedOut, withdrawn, abandoned, stopped } = harness.counts();
    assert.equal(received, answered + timedOut + withdrawn + abandoned + stopped);
    assert.ok(answered > 0);
  });
});
