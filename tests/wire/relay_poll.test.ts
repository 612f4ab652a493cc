import assert from "node:assert/strict";
import {
  callText,
  errorOf,
  FEATURES,
  KEY,
  OTHER_KEY,
  OTHER_TUNNEL,
  pollHead,
  RawConnection,
  RelayHarness,
  request,
  TUNNEL,
  until,
} from "../support/relay_harness.ts";

/** Opens connector calls one after the other, so that their order in the queue is known. */
async function callsInOrder(
  harness: RelayHarness,
  count: number,
  channel?: string,
): Promise<Promise<Response>[]> {
  const calls: Promise<Response>[] = [];
  for (let id = 1; id <= count; id++) {
    const before = harness.counts().received;
    calls.push(harness.call(request(id), channel === undefined ? {} : { channel }));
    await until(() => harness.counts().received === before + 1, `call ${id} received`);
  }
  return calls;
}

async function answerAll(harness: RelayHarness, calls: readonly Promise<Response>[]): Promise<void> {
  while (harness.counts().answered < calls.length) {
    for (const command of (await harness.poll({ timeoutMs: 5_000 })).commands) await harness.respond(command);
  }
  for (const call of calls) await (await call).body?.cancel();
}

Deno.test("commands of all channels leave in the order in which they came, shared by all pollers [P-160]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const main = await callsInOrder(harness, 3);
    const extra = harness.call(request(4), { channel: "extra" });
    await until(() => harness.counts().queued === 4, "4 queued");
    const first = await harness.poll({ limit: 2 });
    const second = await harness.poll({ limit: 25 });
    const ids = [...first.commands, ...second.commands].map(({ jsonrpc }) => jsonrpc?.["id"]);
    assert.deepEqual(ids, [1, 2, 3, 4]);
    assert.equal(first.commands.length, 2);
    for (const command of [...first.commands, ...second.commands]) await harness.respond(command);
    for (const call of [...main, extra]) await (await call).body?.cancel();
  });
});

Deno.test("poll() refuses a limit outside 1 to 25 and a wait that is no positive number [P-160]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const ask = async (query: string) => {
      const response = await fetch(`${harness.url}/v1/tunnels/${TUNNEL}/poll?${query}`, {
        headers: { Authorization: `Bearer ${KEY}` },
      });
      if (response.status === 204) return [204, null];
      const { code, param } = await errorOf(response);
      return [response.status, code, param];
    };
    for (const bad of ["0", "26", "-1", "1.5", "x", "", "1e1"]) {
      assert.deepEqual(await ask(`limit=${bad}&timeout_ms=1`), [400, "invalid_parameter", "limit"], bad);
    }
    for (const bad of ["0", "-5", "1.5", "x", ""]) {
      assert.deepEqual(await ask(`limit=1&timeout_ms=${bad}`), [400, "invalid_parameter", "timeout_ms"], bad);
    }
    assert.deepEqual(await ask("limit=25&timeout_ms=1&unknown=x"), [204, null]);
    assert.deepEqual(await ask("timeout_ms=1"), [204, null]);
  });
});

Deno.test("poll() of a lenient relay takes one command and half a second for bad values [P-160]", async () => {
  await RelayHarness.with({ strictness: "lenient" }, async (harness) => {
    await harness.introduceAgent();
    const calls = await callsInOrder(harness, 2);
    const ask = async (query: string) => {
      const response = await fetch(`${harness.url}/v1/tunnels/${TUNNEL}/poll${query}`, {
        headers: { Authorization: `Bearer ${KEY}` },
      });
      const text = await response.text();
      return response.status === 200 ? JSON.parse(text).commands : [];
    };
    const first = await ask("?limit=99&timeout_ms=x");
    const second = await ask("");
    assert.deepEqual([first.length, second.length], [1, 1]);
    const started = performance.now();
    assert.deepEqual(await ask("?timeout_ms=-1"), []);
    const waitedMs = performance.now() - started;
    assert.ok(waitedMs >= 480 && waitedMs < 5_000, `waited ${waitedMs} ms`);
    for (const command of [...first, ...second]) await harness.respond(command);
    for (const call of calls) await (await call).body?.cancel();
  });
});

Deno.test("poll() holds no longer than the relay's own maximum [P-160]", async () => {
  await RelayHarness.with({ maxPollWaitMs: 50 }, async (harness) => {
    const started = performance.now();
    assert.equal((await harness.poll({ timeoutMs: 999_999_999 })).status, 204);
    assert.ok(performance.now() - started < 5_000);
  });
});

Deno.test("poll() returns as soon as a command comes, and 204 when none came in time [P-161]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const empty = await harness.poll({ timeoutMs: 30 });
    assert.deepEqual([empty.status, empty.text], [204, ""]);
    assert.equal(empty.headers.get("x-tunnel-relay-features"), FEATURES);
    const waiting = harness.poll({ timeoutMs: 60_000 });
    await until(() => harness.counts().openPolls === 1, "poll open");
    const answer = harness.call(request());
    const { commands, status, headers } = await waiting;
    assert.deepEqual([status, commands.length, headers.get("content-type")], [200, 1, "application/json"]);
    assert.equal(headers.get("x-tunnel-relay-features"), FEATURES);
    await harness.respond(commands[0]!);
    await (await answer).body?.cancel();
  });
});

Deno.test("poll() answers 200 with an empty list where the relay is told to [P-161]", async () => {
  await RelayHarness.with({ emptyPoll: 200 }, async (harness) => {
    const { status, text } = await harness.poll();
    assert.deepEqual([status, text], [200, '{"commands":[]}']);
  });
});

Deno.test("a poller that hangs up while it waits takes nothing with it [P-161]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const raw = await RawConnection.to(harness.port, pollHead());
    await until(() => harness.counts().openPolls === 1, "poll open");
    raw.close();
    await until(() => harness.counts().openPolls === 0, "hang-up seen");
    const answer = harness.call(request());
    await until(() => harness.counts().queued === 1, "call queued");
    assert.equal(harness.counts().delivered, 0);
    await harness.respond(await harness.nextCommand());
    assert.equal((await answer).status, 200);
    await (await answer).body?.cancel();
  });
});

Deno.test("a delivered command is not delivered again while its agent has it [P-162]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request());
    const command = await harness.nextCommand();
    assert.equal((await harness.poll({ timeoutMs: 20 })).status, 204);
    assert.deepEqual([harness.counts().queued, harness.counts().inFlight], [0, 1]);
    await harness.respond(command);
    await (await answer).body?.cancel();
    assert.deepEqual([harness.counts().inFlight, harness.counts().answered], [0, 1]);
  });
});

Deno.test("poll() brings only commands of the channels it names [P-163]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const main = await callsInOrder(harness, 2);
    const extra = harness.call(request("e"), { channel: "extra" });
    await until(() => harness.counts().queued === 3, "3 queued");
    const filtered = await harness.poll({ channels: ["extra", " HARPOON "] });
    assert.deepEqual(filtered.commands.map(({ channel }) => channel), ["extra"]);
    assert.equal((await harness.poll({ channels: ["other"] })).status, 204);
    const bad = await harness.poll({ channels: ["no channel"] });
    assert.deepEqual([bad.status, JSON.parse(bad.text).error.code], [400, "invalid_channel_format"]);
    const rest = await harness.poll({ channels: ["main", "extra"] });
    assert.equal(rest.commands.length, 2);
    for (const command of [...filtered.commands, ...rest.commands]) await harness.respond(command);
    for (const call of [...main, extra]) await (await call).body?.cancel();
  });
});

Deno.test("a command wakes a poll that wants its channel and leaves the others waiting [P-163]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const other = harness.poll({ channels: ["other"], timeoutMs: 300 });
    await until(() => harness.counts().openPolls === 1, "first poll open");
    const extra = harness.poll({ channels: ["extra"], timeoutMs: 60_000 });
    await until(() => harness.counts().openPolls === 2, "second poll open");
    const answer = harness.call(request(), { channel: "extra" });
    const { commands } = await extra;
    assert.equal(commands.length, 1);
    await harness.respond(commands[0]!);
    await (await answer).body?.cancel();
    assert.equal((await other).status, 204);
  });
});

Deno.test("the server-info, capabilities and wire-version headers and a shard token change nothing on polls [P-163, A-2, A-32]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const headers = {
      "X-Tunnel-MCP-Server-Info": '{"version":2,"channels":[{"name":"other","stateless":true}]}',
      "X-Tunnel-Client-Capabilities": "wrong-cluster-v1,future",
      "X-Tunnel-Client-Wire-Protocol-Version": "2099-01-01",
      "X-Tunnel-Shard-Token": "some-placement",
      "X-Tunnel-Unknown": "x",
    };
    const waiting = harness.poll({ timeoutMs: 60_000, headers });
    await until(() => harness.counts().openPolls === 1, "poll open");
    const answer = harness.call(request());
    const { commands, headers: replied } = await waiting;
    assert.equal(commands.length, 1);
    assert.equal(replied.get("x-tunnel-shard-token"), null);
    await harness.respond(commands[0]!);
    await (await answer).body?.cancel();
  });
});

Deno.test("firstPollSeen() resolves at the first poll of its tunnel [P-164]", async () => {
  await RelayHarness.with({}, async (harness) => {
    let seen = false;
    const first = harness.relay.firstPollSeen(TUNNEL).then(() => seen = true);
    await harness.poll({ tunnel: OTHER_TUNNEL, key: OTHER_KEY });
    await harness.relay.firstPollSeen(OTHER_TUNNEL);
    assert.equal(seen, false);
    await harness.poll();
    await first;
    await assert.rejects(harness.relay.firstPollSeen("tunnel_nobody"));
  });
});

Deno.test("firstPollSeen() rejects when the relay stops before [P-164]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const first = assert.rejects(harness.relay.firstPollSeen(TUNNEL), /stopped/);
    await harness.relay.stop();
    await first;
  });
});

Deno.test("a command carries all that the service must fill in [P-166]", async () => {
  await RelayHarness.with({ responseTimeoutMs: 30_000 }, async (harness) => {
    await harness.introduceAgent();
    const before = Date.now();
    const answer = harness.call(request("id-1"), { headers: { "X-Request-Id": "from-connector" } });
    const command = await harness.nextCommand();
    assert.match(command.request_id, /^cmd_[a-z0-9]+$/);
    assert.notEqual(command.shard_token, "");
    assert.deepEqual([command.command_type, command.channel], ["jsonrpc", "main"]);
    assert.match(command.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Date.parse(command.created_at) >= before && Date.parse(command.created_at) <= Date.now());
    assert.deepEqual(command.headers["x-request-id"], ["from-connector"]);
    assert.deepEqual(command.jsonrpc, { jsonrpc: "2.0", id: "id-1", method: "tools/list" });
    const remainingMs = Number(/^(\d+)ms$/.exec(command.response_timeout ?? "")?.[1]);
    assert.ok(remainingMs > 20_000 && remainingMs <= 30_000, command.response_timeout);
    await harness.respond(command);
    await (await answer).body?.cancel();
  });
});

Deno.test("response_timeout is the rest of the connector's wait, not the whole [P-166]", async () => {
  await RelayHarness.with({ responseTimeoutMs: 20_000 }, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request());
    await until(() => harness.counts().queued === 1, "queued");
    await harness.poll({ channels: ["other"], timeoutMs: 150 });
    const command = await harness.nextCommand();
    assert.ok(Number.parseInt(command.response_timeout ?? "") <= 19_860, command.response_timeout);
    await harness.respond(command);
    await (await answer).body?.cancel();
  });
});

Deno.test("commands carry no response_timeout where the relay is told so [P-166]", async () => {
  await RelayHarness.with({ sendResponseTimeout: false }, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request());
    const command = await harness.nextCommand();
    assert.ok(!("response_timeout" in command));
    await harness.respond(command);
    await (await answer).body?.cancel();
  });
});

Deno.test("request ids are unique, also across relays [P-166]", async () => {
  const seen = new Set<string>();
  for (let run = 0; run < 2; run++) {
    await RelayHarness.with({}, async (harness) => {
      await harness.introduceAgent();
      const calls = await callsInOrder(harness, 5);
      const { commands } = await harness.poll();
      for (const command of commands) {
        seen.add(command.request_id);
        await harness.respond(command);
      }
      await answerAll(harness, calls);
    });
  }
  assert.equal(seen.size, 10);
});

Deno.test("the connector's message stands in the poll reply byte for byte [P-170, P-193]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const body = ' {"jsonrpc" : "2.0",\r\n\t"id":12345678901234567890123456,"method":"tools/call",' +
      '"params":{"a":1.0,"a":2e400,"\\u0061":"\\ud83d\\ude00 ü 😀 \u2028","n":-0},"unknown":[ ]}\n';
    const answer = harness.call(body);
    const { text, commands } = await harness.poll({ timeoutMs: 5_000 });
    assert.ok(text.includes(`"jsonrpc":${body}`));
    await harness.respond(commands[0]!);
    await (await answer).body?.cancel();
  });
});

Deno.test("one poll reply is not filled beyond what agents read, and the rest comes next [P-33]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const big = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "m", params: { text: "x".repeat(7 << 20) } });
    const calls: Promise<Response>[] = [];
    for (let at = 0; at < 3; at++) calls.push(harness.call(big));
    await until(() => harness.counts().queued === 3, "3 queued");
    const first = await harness.poll();
    const second = await harness.poll();
    assert.deepEqual([first.commands.length, second.commands.length], [2, 1]);
    for (const command of [...first.commands, ...second.commands]) await harness.respond(command);
    for (const call of calls) await (await call).body?.cancel();
  });
});

Deno.test("more polls than the relay holds open are told to wait [P-179]", async () => {
  await RelayHarness.with({ maxOpenPolls: 1 }, async (harness) => {
    const first = harness.poll({ timeoutMs: 200 });
    await until(() => harness.counts().openPolls === 1, "poll open");
    const second = await harness.poll();
    assert.deepEqual([second.status, JSON.parse(second.text).error.code], [429, "rate_limit_exceeded"]);
    assert.equal(second.headers.get("retry-after"), "1");
    assert.equal((await first).status, 204);
  });
});

Deno.test("releasing ends the open poll of that instance at once, and of no other [poll-release]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const poll = (instance: string, timeoutMs: number) =>
      harness.poll({ timeoutMs, headers: { "X-Tunnel-Client-Instance-Id": instance } });
    const staying = poll("b", 60_000);
    await until(() => harness.counts().openPolls === 1, "first poll open");
    const leaving = poll("a", 60_000);
    await until(() => harness.counts().openPolls === 2, "second poll open");
    const started = performance.now();
    assert.equal(await release(harness, "a"), 204);
    assert.equal((await leaving).status, 204);
    assert.ok(performance.now() - started < 5_000);
    const answer = harness.call(request());
    const { commands } = await staying;
    assert.equal(commands.length, 1, "the command goes to the one that stayed");
    await harness.respond(commands[0]!);
    await (await answer).body?.cancel();
  });
});

Deno.test("a release that overtakes its poll still counts, once [poll-release]", async () => {
  await RelayHarness.with({}, async (harness) => {
    assert.equal(await release(harness, "a"), 204);
    const headers = { "X-Tunnel-Client-Instance-Id": "a" };
    const started = performance.now();
    assert.equal((await harness.poll({ timeoutMs: 30_000, headers })).status, 204);
    assert.ok(performance.now() - started < 5_000, "the poll was not held");
    const waiting = harness.poll({ timeoutMs: 30_000, headers });
    await until(() => harness.counts().openPolls === 1, "the next poll is held");
    const answer = harness.call(request());
    await harness.respond((await waiting).commands[0]!);
    await (await answer).body?.cancel();
  });
});

Deno.test("releasing never loses commands: a released poll brings what was already its own [poll-release]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const headers = { "X-Tunnel-Client-Instance-Id": "a" };
    for (let round = 0; round < 30; round++) {
      const polled = harness.poll({ timeoutMs: 60_000, headers });
      await until(() => harness.counts().openPolls === 1, "poll open");
      const [, , answer] = [void 0, void 0, harness.call(request(round))];
      await release(harness, "a");
      const { commands } = await polled;
      await harness.respond(commands[0] ?? await harness.nextCommand());
      assert.equal((await answer).status, 200);
      await (await answer).body?.cancel();
      // A release that came after the commands were taken is remembered; take it away.
      await harness.poll({ timeoutMs: 1, headers });
    }
    assert.equal(harness.counts().answered, 30);
  });
});

Deno.test("releasing wants the key of the tunnel and the instance id [poll-release]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(`${harness.url}/v1/tunnels/${TUNNEL}/poll`, { method: "DELETE", headers });
      return [response.status, (await errorOf(response)).code];
    };
    assert.deepEqual(await ask({ "X-Tunnel-Client-Instance-Id": "a" }), [401, "invalid_api_key"]);
    assert.deepEqual(await ask({ Authorization: `Bearer ${KEY}` }), [400, "missing_client_instance_id"]);
  });
});

async function release(harness: RelayHarness, instance: string): Promise<number> {
  const response = await fetch(`${harness.url}/v1/tunnels/${TUNNEL}/poll`, {
    method: "DELETE",
    headers: { Authorization: `Bearer ${KEY}`, "X-Tunnel-Client-Instance-Id": instance },
  });
  await response.body?.cancel();
  return response.status;
}

Deno.test("commands are handed to the next poll when the poller they were for has just hung up", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    for (let round = 0; round < 20; round++) {
      const raw = await RawConnection.to(harness.port, pollHead());
      await until(() => harness.counts().openPolls === 1, "poll open");
      const caller = await RawConnection.to(harness.port, callText(request(round)));
      raw.close();
      // Whether the relay saw the hang-up before or after the command came: nothing was written, so nothing is lost.
      await harness.respond(await harness.nextCommand());
      assert.match(await caller.readUntil("}}"), /^HTTP\/1\.1 200 /);
      caller.close();
    }
  });
});
