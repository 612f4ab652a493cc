import assert from "node:assert/strict";
import { errorOf, RelayHarness, request, TUNNEL, until } from "../support/relay_harness.ts";
import { answerWith, initialize, INITIALIZED } from "../support/relay_sessions.ts";

Deno.test("the session of a target is learned, ended with its DELETE, and 404 afterwards without asking the agent", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const { sessionId, response } = await initialize(harness, { given: "s-1" });
    assert.equal(sessionId, "s-1");
    assert.equal(response.status, 200);
    const headers = { "Mcp-Session-Id": "s-1" };
    const call = harness.call(request(), { headers });
    assert.deepEqual(
      (await answerWith(harness, {})).headers["mcp-session-id"],
      ["s-1"],
      "it travels to the target",
    );
    assert.equal((await (await call).text()).length > 0, true);

    for (const [status, isOver] of [[405, false], [500, false], [204, true]] as const) {
      const ending = harness.call(undefined, { method: "DELETE", headers });
      const command = await answerWith(harness, {
        resp_type: "session_termination_response",
        resp_code: status,
        resp_json: undefined,
      });
      assert.equal(command.command_type, "session_termination");
      assert.equal((await ending).status, status);
      await (await ending).body?.cancel();
      if (isOver) continue;
      const still = harness.call(request(), { headers });
      await answerWith(harness, {});
      assert.equal((await still).status, 200);
      await (await still).text();
    }
    const { received } = harness.counts();
    for (const method of ["POST", "GET"]) {
      const refused = await harness.call(method === "POST" ? request() : undefined, {
        method,
        headers: { ...headers, Accept: "text/event-stream" },
      });
      assert.deepEqual(
        [refused.status, (await errorOf(refused)).code],
        [404, "mcp_session_not_found"],
        method,
      );
    }
    assert.equal(harness.counts().received, received, "the agent was not asked");
    const twice = harness.call(undefined, { method: "DELETE", headers });
    await answerWith(harness, {
      resp_type: "session_termination_response",
      resp_code: 400,
      resp_json: undefined,
    });
    assert.equal((await twice).status, 400, "what a second end means is the target's to say");
    await (await twice).body?.cancel();
  });
});

Deno.test("DELETE of a session that the target does not know ends it too, and one that nobody has seen passes through", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const headers = { "Mcp-Session-Id": "of-an-earlier-run" };
    const call = harness.call(request(), { headers });
    await answerWith(harness, {});
    assert.equal((await call).status, 200);
    await (await call).text();
    const ending = harness.call(undefined, { method: "DELETE", headers });
    await answerWith(harness, {
      resp_type: "session_termination_response",
      resp_code: 404,
      resp_json: undefined,
    });
    assert.equal((await ending).status, 404);
    await (await ending).body?.cancel();
    const refused = await harness.call(request(), { headers });
    assert.equal((await errorOf(refused)).code, "mcp_session_not_found");
  });
});

Deno.test("a target without sessions gets none to see: the relay issues, checks and ends them", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const { sessionId = "" } = await initialize(harness, {});
    assert.match(sessionId, /^[\x21-\x7e]{38}$/);
    const other = await initialize(harness, {});
    assert.notEqual(other.sessionId, sessionId);
    const headers = { "Mcp-Session-Id": sessionId };

    const noted = harness.call(INITIALIZED, { headers });
    const command = await answerWith(harness, {
      resp_type: "notify_ack",
      resp_code: 200,
      resp_json: undefined,
    });
    assert.equal(command.headers["mcp-session-id"], undefined);
    assert.deepEqual([(await noted).status, await (await noted).text()], [202, ""]);

    const { received } = harness.counts();
    const elsewhere = await harness.call(request(), { headers, channel: "extra" });
    assert.equal(
      (await errorOf(elsewhere)).code,
      "mcp_session_not_found",
      "a session belongs to its channel",
    );
    const ended = await harness.call(undefined, { method: "DELETE", headers });
    assert.deepEqual([ended.status, await ended.text()], [204, ""]);
    for (const id of [sessionId, `relay-${"0".repeat(32)}`]) {
      for (const method of ["POST", "DELETE"]) {
        const refused = await harness.call(method === "POST" ? request() : undefined, {
          method,
          headers: { "Mcp-Session-Id": id },
        });
        assert.deepEqual([refused.status, (await errorOf(refused)).code], [404, "mcp_session_not_found"]);
      }
    }
    assert.equal(harness.counts().received, received, "the agent was not asked");

    const without = harness.call(request());
    await answerWith(harness, {});
    assert.equal((await without).status, 200, "a session is offered, not demanded");
    await (await without).text();
  });
});

Deno.test("no session is issued for what begins none", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const error = { jsonrpc: "2.0", id: 1, error: { code: -32602, message: "no" } };
    for (
      const [what, options] of [
        ["an error", { resp_json: error }],
        ["a refusal", { resp_code: 401 }],
        ["a stateless revision", { version: "2026-07-28" }],
        ["an answer without revision", { resp_json: { jsonrpc: "2.0", id: 1, result: {} } }],
      ] as const
    ) {
      assert.equal((await initialize(harness, options)).sessionId, undefined, what);
    }
    const call = harness.call(request(1, "tools/list"));
    await answerWith(harness, {});
    assert.equal((await call).headers.get("mcp-session-id"), null);
    await (await call).text();
  });
});

Deno.test("sessions are bounded: the one that was not used for longest makes room", async () => {
  await RelayHarness.with({ maxSessions: 2 }, async (harness) => {
    await harness.introduceAgent();
    const ids: string[] = [];
    for (let n = 0; n < 2; n++) ids.push((await initialize(harness, {})).sessionId ?? "");
    const stream = (id: string | undefined) =>
      harness.call(undefined, {
        method: "GET",
        headers: { "Mcp-Session-Id": id ?? "", Accept: "text/event-stream" },
      });
    const used = await stream(ids[0]);
    const idle = await stream(ids[1]);
    const again = await stream(ids[0]);
    assert.equal(await used.text(), "", "one stream for each session");
    ids.push((await initialize(harness, {})).sessionId ?? "");
    assert.equal(await idle.text(), "", "its stream ends");
    assert.equal((await errorOf(await stream(ids[1]))).code, "mcp_session_not_found");
    const third = await stream(ids[2]);
    assert.deepEqual([again.status, third.status], [200, 200]);
    await again.body?.cancel();
    await third.body?.cancel();
  });
});

Deno.test("GET opens a stream for a session that is known, and nothing else", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const { sessionId = "" } = await initialize(harness, {});
    const get = (headers: Record<string, string>) => harness.call(undefined, { method: "GET", headers });
    for (const id of ["", "unknown"]) {
      const refused = await get({ Accept: "text/event-stream", "Mcp-Session-Id": id });
      assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "POST, DELETE"]);
      await refused.body?.cancel();
    }
    const plain = await get({ Accept: "application/json", "Mcp-Session-Id": sessionId });
    assert.deepEqual([plain.status, (await errorOf(plain)).code], [406, "not_acceptable"]);
    const open = await get({ Accept: "text/event-stream", "Mcp-Session-Id": sessionId });
    assert.equal(open.headers.get("content-type"), "text/event-stream");
    const ended = await harness.call(undefined, {
      method: "DELETE",
      headers: { "Mcp-Session-Id": sessionId },
    });
    assert.equal(ended.status, 204);
    assert.equal(await open.text(), "", "it ends with its session");
    const { sessionId: last = "" } = await initialize(harness, {});
    const lasting = await get({ Accept: "text/event-stream", "Mcp-Session-Id": last });
    const ending = lasting.text().catch(() => "broken off");
    await harness.relay.stop();
    await ending;
    await until(() => harness.counts().inFlight === 0, "nothing is left");
  });
});

Deno.test("/metrics shows sessions and what is kept for them", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const { sessionId = "" } = await initialize(harness, {});
    const headers = { "Mcp-Session-Id": sessionId, Accept: "text/event-stream" };
    const stream = await harness.call(undefined, { method: "GET", headers });
    const call = harness.call(request(), { headers });
    await answerWith(harness, { resp_headers: { "Content-Type": ["text/event-stream"] } });
    await (await call).text();
    const gauges = async () => {
      const text = await (await fetch(`${harness.url}/metrics`)).text();
      return ["relay_mcp_sessions", "relay_listen_streams", "relay_resumable_size_chars"].map((name) =>
        Number(new RegExp(`^${name}\\{tunnel_id="${TUNNEL}"\\} (\\d+)$`, "m").exec(text)?.[1])
      );
    };
    const [sessions, streams, size] = await gauges();
    assert.deepEqual([sessions, streams], [1, 1]);
    assert.ok(size !== undefined && size > 0 && size < 1_000);
    const ended = await harness.call(undefined, { method: "DELETE", headers });
    assert.equal(ended.status, 204);
    assert.equal(await stream.text(), "");
    assert.deepEqual(await gauges(), [0, 0, 0]);
  });
});
